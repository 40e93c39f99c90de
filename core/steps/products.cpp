// Matrix products, alone or with what becomes of a weight gradient.
#include "steps/products.h"

#include <stdexcept>

#include "steps/programs.h"
#include "steps/scalars.h"
#include "steps/table.h"

namespace pellucid {
namespace {

struct Kind {
  StepKind kind;
  Product product;
};
constexpr Kind kProducts[] = {{StepKind::affine, Product::nn},
                              {StepKind::matmul, Product::nn},
                              {StepKind::matmul_nt, Product::nt},
                              {StepKind::matmul_tn, Product::tn},
                              {StepKind::sgd_product, Product::tn_add},
                              {StepKind::update_product, Product::tn_update},
                              {StepKind::program_product, Product::tn_update}};

// ---- checks -------------------------------------------------------------------------------------------------------

// The left matrix: rows, one for each sample or its own.
const BufferSpec& left(const StepCheck& check) {
  const BufferSpec& a = check.matrix(0);
  check.expect(0, a.rows, a.width, a.positions);
  return a;
}

void check_affine(const StepCheck& check) {
  const BufferSpec &a = left(check), &w = check.matrix(1);
  check.expect(1, a.width, w.width);
  check.expect(2, 1, w.width);
  check.expect(3, a.rows, w.width, a.positions);
}

void check_matmul(const StepCheck& check) {
  const BufferSpec &a = left(check), &b = check.matrix(1);
  check.expect(1, a.width, b.width);
  check.expect(2, a.rows, b.width, a.positions);
}

void check_matmul_nt(const StepCheck& check) {
  const BufferSpec &a = left(check), &b = check.matrix(1);
  if (b.of_batch()) check.refuse("operand 1 has the batch's rows, expected rows of its own");
  check.expect(1, b.rows, a.width);
  check.expect(2, a.rows, b.rows, a.positions);
}

void check_matmul_tn(const StepCheck& check) {
  const BufferSpec &a = left(check), &b = check.matrix(1);
  check.expect(1, a.rows, b.width, a.positions);
  for (int i = 2; i < check.count(); ++i) check.expect(i, a.width, b.width);
}

// The operands of the program follow the two matrices; one of them is the gradient, which has no buffer of its own.
void check_program_product(const StepCheck& check) {
  const BufferSpec &a = left(check), &b = check.matrix(1);
  check.expect(1, a.rows, b.width, a.positions);
  check.expect(check.count() - 1, a.width, b.width);
  check_program(check);
  const StepSpec& step = check.step();
  const Number& which = step.numbers[0];
  const long last = static_cast<long>(step.operands.size()) - 1;
  if (which.scalar >= 0 || !(which.constant >= 0 && which.constant <= static_cast<double>(last)) ||
      step.operands[static_cast<std::size_t>(which.constant)].kind != OperandKind::full)
    check.refuse("names no full operand of its program as the gradient, expected a constant from 0 to " +
                 std::to_string(last));
  for (const Instruction& instruction : step.code)
    if (instruction.dst == static_cast<long>(which.constant)) check.refuse("writes the gradient, which is only read");
}

// ---- runs ---------------------------------------------------------------------------------------------------------

double work(const PlanSpec& plan, const StepSpec& step, long rows) { return product_shape(plan, step, rows).work(); }

template <class T>
long scratch(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step, long rows) {
  const Shape shape = product_shape(plan, step, rows);
  return kernels.matmul_scratch(product_of(step.kind), shape.m, shape.n, shape.k);
}

// One part of a product: where its left matrix lies, and which rows and columns of c are asked for.
template <class T>
struct Cut {
  Shape shape;
  const T* a;
  Part part;
  bool empty;
};

template <class T>
Cut<T> cut(const StepCall<T>& call) {
  const Shape shape = product_shape(call.plan, call.step, call.batch.rows);
  const auto [m, n, k] = shape;
  Part part{0, m, 0, n};
  if (call.parts > 1) {
    // Whole columns go to a thread where there are enough of them: each then packs only what it reads.
    const Choice choice = call.kernels.choose(product_of(call.step.kind), m, n, k);
    if (n >= 2 * choice.column_grain * call.parts)
      share(n, choice.column_grain, call.part, call.parts, part.col0, part.col1);
    else
      share(m, choice.row_grain, call.part, call.parts, part.row0, part.row1);
  }
  const bool over_x = call.buffer(0) == call.plan.x, apart = over_x && call.batch.rows_of_x;
  // The first part's columns go along all rows of x; that is enough.
  if (over_x && call.part == 0) part.ahead = call.batch.ahead;
  if (apart) part.rows_apart = call.batch.rows_of_x;
  return {shape, apart ? nullptr : call.base(0), part, part.row0 == part.row1 || part.col0 == part.col1};
}

template <class T>
void affine(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  call.kernels.matmul_nn(a, call.ld(0), call.base(1), call.ld(1), call.base(2), call.base(3), call.ld(3), shape.m,
                         shape.n, shape.k, part, call.scratch);
}

template <class T>
void matmul(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  call.kernels.matmul_nn(a, call.ld(0), call.base(1), call.ld(1), nullptr, call.base(2), call.ld(2), shape.m, shape.n,
                         shape.k, part, call.scratch);
}

template <class T>
void matmul_nt(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  call.kernels.matmul_nt(a, call.ld(0), call.base(1), call.ld(1), call.base(2), call.ld(2), shape.m, shape.n, shape.k,
                         part, call.scratch);
}

template <class T>
void matmul_tn(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  call.kernels.matmul_tn(a, call.ld(0), call.base(1), call.ld(1), call.base(2), call.ld(2), shape.m, shape.n, shape.k,
                         part, call.scratch);
}

template <class T>
void sgd_product(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  const double rate = call.number(0), l2 = call.number(1);
  call.kernels.matmul_tn_add(a, call.ld(0), call.base(1), call.ld(1), static_cast<T>(1.0 - rate * l2),
                             static_cast<T>(-rate), call.base(2), call.ld(2), shape.m, shape.n, shape.k, part,
                             call.scratch);
}

template <class T>
void update_product(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  const UpdateScalars<T> scalars(call);
  call.kernels.matmul_tn_update(a, call.ld(0), call.base(1), call.ld(1), static_cast<UpdateRule>(call.step.rule),
                                scalars.of, call.base(2), call.base_or_null(3), call.base_or_null(4), call.ld(2),
                                shape.m, shape.n, shape.k, part, call.scratch);
}

template <class T>
void program_product(const StepCall<T>& call) {
  const auto [shape, a, part, empty] = cut(call);
  if (empty) return;
  const Bases<T> bases(call);
  call.kernels.matmul_tn_program(a, call.ld(0), call.base(1), call.ld(1), program_of(call.step, call.plan.bound),
                                 bases.of, static_cast<int>(call.step.numbers[0].constant), call.ld(call.last()),
                                 shape.m, shape.n, shape.k, part, call.scratch);
}

template <class T>
long program_scratch(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step, long rows) {
  const Shape shape = product_shape(plan, step, rows);
  return kernels.matmul_tn_program_scratch(program_of(step, plan.bound), shape.m, shape.n, shape.k);
}

template <class T>
using Run = void (*)(const StepCall<T>&);

void add(StepTable& table, StepKind kind, void (*check)(const StepCheck&), Run<float> f32, Run<double> f64) {
  table.add(kind, {check, work}, {f32, scratch<float>}, {f64, scratch<double>});
}

}  // namespace

void add_products(StepTable& table) {
  add(table, StepKind::affine, check_affine, affine<float>, affine<double>);
  add(table, StepKind::matmul, check_matmul, matmul<float>, matmul<double>);
  add(table, StepKind::matmul_nt, check_matmul_nt, matmul_nt<float>, matmul_nt<double>);
  add(table, StepKind::matmul_tn, check_matmul_tn, matmul_tn<float>, matmul_tn<double>);
  add(table, StepKind::sgd_product, check_matmul_tn, sgd_product<float>, sgd_product<double>);
  table.add(StepKind::program_product, {check_program_product, work}, {program_product<float>, program_scratch<float>},
            {program_product<double>, program_scratch<double>});
  add(table, StepKind::update_product, check_matmul_tn, update_product<float>, update_product<double>);
}

bool is_product(StepKind kind) {
  for (const Kind& row : kProducts)
    if (row.kind == kind) return true;
  return false;
}

Product product_of(StepKind kind) {
  for (const Kind& row : kProducts)
    if (row.kind == kind) return row.product;
  throw std::logic_error("a step that is no product");
}

Shape product_shape(const PlanSpec& plan, const StepSpec& step, long rows) {
  const BufferSpec &a = plan.buffers[step.buffers[0]], &b = plan.buffers[step.buffers[1]];
  const long rows_of_a = a.rows ? a.rows : rows * a.positions;
  switch (product_of(step.kind)) {
    case Product::nn:
      return {rows_of_a, b.width, a.width};
    case Product::nt:
      return {rows_of_a, b.rows ? b.rows : rows, a.width};
    case Product::tn:
    case Product::tn_add:
    case Product::tn_update:
      return {a.width, b.width, rows_of_a};
  }
  __builtin_unreachable();
}

}  // namespace pellucid
