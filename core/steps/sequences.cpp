// Samples that are sequences: a row for each position. Products of one sample's matrices, rows chosen by number, and
// the ways between the layouts.
#include "steps/products.h"
#include "steps/table.h"

namespace pellucid {
namespace {

// The samples of a whole batch that one part of a step is to make.
template <class T>
struct Share {
  long first, last;

  explicit Share(const StepCall<T>& call) { share(call.batch.rows, 1, call.part, call.parts, first, last); }
  long count() const { return last - first; }
};

// Where a sample begins in an operand.
template <class T>
T* sample(const StepCall<T>& call, int operand, long number) {
  return call.base(operand) + number * sample_elements(call.spec(operand));
}

// ---- products of each sample's own matrices -----------------------------------------------------------------------

Product product_of_samples(StepKind kind) {
  if (kind == StepKind::batched_matmul) return Product::nn;
  return kind == StepKind::batched_matmul_nt ? Product::nt : Product::tn;
}

Shape shape_of_sample(const PlanSpec& plan, const StepSpec& step) {
  const BufferSpec &a = plan.buffers[step.buffers[0]], &b = plan.buffers[step.buffers[1]];
  switch (product_of_samples(step.kind)) {
    case Product::nn:
      return {a.positions, b.width, a.width};
    case Product::nt:
      return {a.positions, b.positions, a.width};
    case Product::tn:
    case Product::tn_add:
    case Product::tn_update:
      return {a.width, b.width, a.positions};
  }
  __builtin_unreachable();
}

void check_batched(const StepCheck& check) {
  const BufferSpec &a = check.samples(0), &b = check.samples(1);
  const Shape shape = shape_of_sample(check.plan(), check.step());
  const bool nt = product_of_samples(check.step().kind) == Product::nt;
  check.expect(1, 0, nt ? a.width : b.width, nt ? b.positions : shape.k);
  check.expect(2, 0, shape.n, shape.m);
}

double work_batched(const PlanSpec& plan, const StepSpec& step, long rows) {
  return shape_of_sample(plan, step).work() * static_cast<double>(rows);
}

template <class T>
long scratch_batched(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step, long) {
  const Shape shape = shape_of_sample(plan, step);
  return kernels.matmul_scratch(product_of_samples(step.kind), shape.m, shape.n, shape.k);
}

template <class T>
void batched(const StepCall<T>& call) {
  const auto [m, n, k] = shape_of_sample(call.plan, call.step);
  const Part whole{0, m, 0, n};
  const Product product = product_of_samples(call.step.kind);
  const Share<T> own(call);
  for (long i = own.first; i < own.last; ++i) {
    const T *a = sample(call, 0, i), *b = sample(call, 1, i);
    T* c = sample(call, 2, i);
    if (product == Product::nn)
      call.kernels.matmul_nn(a, call.ld(0), b, call.ld(1), nullptr, c, call.ld(2), m, n, k, whole, call.scratch);
    else if (product == Product::nt)
      call.kernels.matmul_nt(a, call.ld(0), b, call.ld(1), c, call.ld(2), m, n, k, whole, call.scratch);
    else
      call.kernels.matmul_tn(a, call.ld(0), b, call.ld(1), c, call.ld(2), m, n, k, whole, call.scratch);
  }
}

// ---- layouts ------------------------------------------------------------------------------------------------------

// Of samples, or of a matrix of its own.
void check_transpose(const StepCheck& check) {
  const BufferSpec& x = check.matrix(0);
  if (x.of_batch())
    check.expect(1, 0, x.positions, x.width);
  else
    check.expect(1, x.width, x.rows);
}

double work_of_moving_samples(const PlanSpec& plan, const StepSpec& step, long rows) {
  return 4.0 * static_cast<double>(rows) * static_cast<double>(sample_elements(plan.buffers[step.buffers.back()]));
}

template <class T>
void transpose(const StepCall<T>& call) {
  const BufferSpec& x = call.spec(0);
  if (!x.of_batch()) {
    if (call.part == 0) call.kernels.transpose_samples(call.base(0), x.rows, x.width, 1, call.base(1));
    return;
  }
  const Share<T> own(call);
  call.kernels.transpose_samples(sample(call, 0, own.first), x.positions, x.width, own.count(),
                                 sample(call, 1, own.first));
}

void check_split(const StepCheck& check) {
  const BufferSpec& y = check.samples(1);
  check.expect(0, 0, y.width * y.positions);
}
void check_join(const StepCheck& check) {
  const BufferSpec& x = check.samples(0);
  check.expect(1, 0, x.width * x.positions);
}

template <class T>
void split_rows(const StepCall<T>& call) {
  const BufferSpec& y = call.spec(1);
  const Share<T> own(call);
  call.kernels.rows_to_positions(sample(call, 0, own.first), y.positions, y.width, own.count(),
                                 sample(call, 1, own.first));
}

template <class T>
void join_positions(const StepCall<T>& call) {
  const BufferSpec& x = call.spec(0);
  const Share<T> own(call);
  call.kernels.positions_to_rows(sample(call, 0, own.first), x.positions, x.width, own.count(),
                                 sample(call, 1, own.first));
}

// ---- rows by number -----------------------------------------------------------------------------------------------

// The numbers of a sample lie side by side in one row.
void check_take(const StepCheck& check) {
  const BufferSpec& table = check.matrix(0);
  if (table.of_batch()) check.refuse("operand 0 has the batch's rows, expected rows of its own");
  const BufferSpec& index = check.samples(1);
  check.expect(1, 0, index.width);
  check.expect(2, 0, table.width, index.width);
}
void check_add(const StepCheck& check) {
  const BufferSpec& index = check.samples(1);
  check.expect(1, 0, index.width);
  const BufferSpec& sums = check.matrix(2);
  if (sums.of_batch()) check.refuse("operand 2 has the batch's rows, expected rows of its own");
  check.expect(0, 0, sums.width, index.width);
}
void check_one_hot_of(const StepCheck& check) {
  const BufferSpec& index = check.samples(0);
  check.expect(0, 0, index.width);
  check.expect(1, 0, check.samples(1).width, index.width);
}

template <class T>
void take_rows(const StepCall<T>& call) {
  const BufferSpec& table = call.spec(0);
  const Share<T> own(call);
  for (long i = own.first; i < own.last; ++i)
    call.kernels.take_rows(call.base(0), call.ld(0), table.rows, sample(call, 1, i), call.width(1), table.width,
                           sample(call, 2, i), call.ld(2));
}

// One part adds all: rows of several samples may go to one sum, in their order.
template <class T>
void add_rows(const StepCall<T>& call) {
  const BufferSpec& sums = call.spec(2);
  std::fill_n(call.base(2), sums.rows * padded(sums.width), T(0));
  for (long i = 0; i < call.batch.rows; ++i)
    call.kernels.add_rows(sample(call, 0, i), call.ld(0), sample(call, 1, i), call.width(1), sums.width, call.base(2),
                          call.ld(2), sums.rows);
}

template <class T>
void one_hot_of(const StepCall<T>& call) {
  const Share<T> own(call);
  for (long i = own.first; i < own.last; ++i)
    call.kernels.one_hot_of(sample(call, 0, i), call.width(0), call.width(1), sample(call, 1, i), call.ld(1));
}

}  // namespace

void add_sequences(StepTable& table) {
  for (StepKind kind : {StepKind::batched_matmul, StepKind::batched_matmul_nt, StepKind::batched_matmul_tn})
    table.add(kind, {check_batched, work_batched}, {batched<float>, scratch_batched<float>},
              {batched<double>, scratch_batched<double>});
  table.add(StepKind::transpose, {check_transpose, work_of_moving_samples}, {transpose<float>}, {transpose<double>});
  table.add(StepKind::split_rows, {check_split, work_of_moving_samples}, {split_rows<float>}, {split_rows<double>});
  table.add(StepKind::join_positions, {check_join, work_of_moving_samples}, {join_positions<float>},
            {join_positions<double>});
  table.add(StepKind::take_rows, {check_take, work_of_moving_samples}, {take_rows<float>}, {take_rows<double>});
  table.add(StepKind::add_rows, {check_add}, {add_rows<float>}, {add_rows<double>});
  table.add(StepKind::one_hot_of, {check_one_hot_of, work_of_moving_samples}, {one_hot_of<float>},
            {one_hot_of<double>});
}

}  // namespace pellucid
