// Programs over every kind of operand, in place, over parts of the rows, watched; equal bits between instruction sets.
#include "tests/check.h"

namespace test {
namespace {

using pellucid::Instruction;
using pellucid::Op;
using pellucid::Operand;
using pellucid::OperandKind;
using pellucid::Program;

// y = where(x > 0, (x + row)·column, scalar); x = sigmoid(y) - 0.5; z = copy of y through a register
template <class T>
void broadcasting(long rows, long width) {
  const Operand operands[] = {{OperandKind::full, 0},    {OperandKind::full, 0},   {OperandKind::row, 0},
                              {OperandKind::column, 0},  {OperandKind::scalar, 0}, {OperandKind::constant, 0.5},
                              {OperandKind::constant, 0}};
  const std::int16_t r0 = 7, r1 = 8;
  const Instruction code[] = {{Op::add, r0, 0, 2, 0},    {Op::multiply, r0, r0, 3, 0}, {Op::greater, r1, 0, 6, 0},
                              {Op::where, 1, r1, r0, 4}, {Op::sigmoid, r1, 1, 0, 0},   {Op::subtract, 0, r1, 5, 0}};
  const Program program{code, 6, operands, 7, 2};
  const Matrix<T> x0(rows, width), row(1, width), column(rows, 1), scalar(1, 1);
  std::vector<Matrix<T>> results;
  results.reserve(3 * tables().size());
  for (const auto& table : tables())
    for (long step : {rows, long(1), long(3)}) {
      const std::string name = std::string("program ") + type_name<T>() + " " + table.isa + " " + std::to_string(rows) +
                               "x" + std::to_string(width);
      const auto& t = kernels_of<T>(table);
      Matrix<T> x(x0), y(rows, width), scratch(1, t.program_scratch(program, width));
      y.fill(5);
      scratch.fill(std::nan(""));
      T* const data[] = {x.data, y.data, row.data, column.data, scalar.data, nullptr, nullptr};
      for (long r = 0; r < rows; r += step)
        t.run_program(program, data, r, std::min(rows, r + step), width, scratch.data);
      double worst = 0;
      for (long r = 0; r < rows; ++r)
        for (long j = 0; j < width; ++j) {
          const double v =
              x0.at(r, j) > 0 ? double(T(x0.at(r, j) + row.at(0, j)) * column.at(r, 0)) : double(scalar.at(0, 0));
          worst = std::fmax(worst, std::fabs(v - double(y.at(r, j))));
          worst = std::fmax(worst, std::fabs(1 / (1 + std::exp(-v)) - 0.5 - double(x.at(r, j))));
        }
      check(worst < 4 * unit<T>(), name + ": values");
      check(x.pads_zero() && y.pads_zero(), name + ": pads");
      results.push_back(x);
      const std::size_t last = results.size() - 1;
      if (last % 3 != 0) check(results[last].same_bits(results[last - last % 3]), name + ": parts of the rows");
      if (last >= 6) check(results[last].same_bits(results[3]), name + ": bits of the other set");
    }
}

double exact(Op op, double a, double b, double c) {
  const double nan = std::nan("");
  switch (op) {
    case Op::copy:
      return a;
    case Op::negative:
      return -a;
    case Op::absolute:
      return std::fabs(a);
    case Op::sign:
      return a > 0 ? 1 : a < 0 ? -1 : a;
    case Op::square:
      return a * a;
    case Op::sqrt:
      return std::sqrt(a);
    case Op::sin:
      return std::sin(a);
    case Op::cos:
      return std::cos(a);
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::maximum:
      return a != a || b != b ? nan : a > b ? a : b;
    case Op::minimum:
      return a != a || b != b ? nan : a < b ? a : b;
    case Op::greater:
      return a > b;
    case Op::greater_equal:
      return a >= b;
    case Op::fma:
      return a * b + c;
    case Op::multiply_greater:
      return a > b ? c : c * 0;
    case Op::where:
      return a != 0 ? b : c;
    case Op::exp:
    case Op::expm1:
    case Op::log:
    case Op::log1p:
    case Op::tanh:
    case Op::sigmoid:
    case Op::softplus:
    case Op::erf:
      break;  // test_elementary has these
  }
  return nan;
}

template <class T>
void one_op(Op op) {
  const double inf = HUGE_VAL, nan = std::nan("");
  const double special[] = {0.0, -0.0, 1, -1, 0.5, 3, -2.25, inf, -inf, nan};
  const long n = 10;
  Matrix<T> a(n * n, n), b(n * n, n), c(n * n, n);
  for (long i = 0; i < n * n; ++i)
    for (long j = 0; j < n; ++j) {
      a.at(i, j) = T(special[i / n]);
      b.at(i, j) = T(special[i % n]);
      c.at(i, j) = T(special[j]);
    }
  const Operand operands[] = {
      {OperandKind::full, 0}, {OperandKind::full, 0}, {OperandKind::full, 0}, {OperandKind::full, 0}};
  const Instruction code[] = {{op, 3, 0, 1, 2}};
  const Program program{code, 1, operands, 4, 0};
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    Matrix<T> out(n * n, n), scratch(1, t.program_scratch(program, n));
    T* const data[] = {a.data, b.data, c.data, out.data};
    t.run_program(program, data, 0, n * n, n, scratch.data);
    long wrong = 0;
    for (long i = 0; i < n * n; ++i)
      for (long j = 0; j < n; ++j) {
        const T want = T(exact(op, a.at(i, j), b.at(i, j), c.at(i, j))), have = out.at(i, j);
        wrong += !(want == have || (want != want && have != have) ||
                   std::fabs(double(want - have)) < 4 * unit<T>() * std::fabs(double(want)));
      }
    check(wrong == 0, std::string("op ") + std::to_string(int(op)) + " " + type_name<T>() + " " + table.isa);
    check(out.pads_zero(), "op pads");
  }
}

// y = exp(x); z = x·row: what is watched is found out wherever it stands, and in nothing else; pads, where exp(0) is
// made and cleared again, do not count.
template <class T>
void watched(long rows, long width) {
  const T bound = T(0.5);
  const Operand operands[] = {
      {OperandKind::full, 0}, {OperandKind::row, 0}, {OperandKind::full, 0}, {OperandKind::full, 0}};
  const Instruction code[] = {{Op::exp, 2, 0, 0, 0}, {Op::multiply, 3, 0, 1, 0}};
  Matrix<T> row(1, width), x(rows, width), y(rows, width), z(rows, width);
  for (long j = 0; j < width; ++j) row.at(0, j) = T(-0.02);
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const auto run = [&](std::uint64_t which, long row0, long row1) {
      const Program program{code, 2, operands, 4, 0, which, double(bound)};
      Matrix<T> scratch(1, t.program_scratch(program, width));
      T* const data[] = {x.data, row.data, y.data, z.data};
      return t.run_program(program, data, row0, row1, width, scratch.data);
    };
    // Of y beyond the bound: what is above log(0.5). Of z: what is below -25, as z is -0.02·x.
    const struct {
      double x;
      bool y, z;
    } cases[] = {{-5, true, true},   {-0.7, true, true},           {-0.6, false, true},     {5, false, true},
                 {-60, true, false}, {std::nan(""), false, false}, {-HUGE_VAL, true, false}};
    bool good = true;
    for (long at = 0; at < rows * width; at += 1 + rows * width / 40)
      for (const auto& one : cases) {
        for (long i = 0; i < rows * width; ++i) x.at(i / width, i % width) = T(-4);
        x.at(at / width, at % width) = T(one.x);
        const bool both = run(0b1100, 0, rows);
        good = good && run(0, 0, rows) && run(0b0100, 0, rows) == one.y && run(0b1000, 0, rows) == one.z;
        good = good && both == (one.y && one.z) &&
               both == (t.all_below(y.data, rows * y.ld, bound) && t.all_below(z.data, rows * z.ld, bound));
        const long middle = rows / 2;
        const bool first = run(0b1100, 0, middle), second = run(0b1100, middle, rows);
        good = good && (first && second) == both && (at / width < middle ? second : first);
      }
    check(good, std::string("watched ") + type_name<T>() + " " + table.isa + " " + std::to_string(rows) + "x" +
                    std::to_string(width));
  }
}

// Every op on operands that are full, scalars, or what the instruction before has made, in any combination: the bits of
// the same op on full operands alone.
template <class T>
void every_form(Op op) {
  const long width = 150;
  Matrix<T> full[3] = {{1, width}, {1, width}, {1, width}};
  Matrix<T> spread[3] = {{1, width}, {1, width}, {1, width}};
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    bool good = true;
    for (int form = 0; form < 27; ++form) {
      const int kinds[] = {form % 3, form / 3 % 3, form / 9};
      Matrix<T> want(1, width), have(1, width);
      for (int i = 0; i < 3; ++i)
        for (long j = 0; j < width; ++j)
          spread[i].at(0, j) = kinds[i] == 0 ? full[i].at(0, j) : kinds[i] == 1 ? full[i].at(0, 0) : full[0].at(0, j);
      const Operand operands[] = {{OperandKind::full, 0},   {OperandKind::full, 0},   {OperandKind::full, 0},
                                  {OperandKind::scalar, 0}, {OperandKind::scalar, 0}, {OperandKind::scalar, 0},
                                  {OperandKind::full, 0}};
      const auto number = [&](int i) { return std::int16_t(kinds[i] == 0 ? i : kinds[i] == 1 ? 3 + i : 7); };
      const Instruction plain[] = {{op, 6, 0, 1, 2}};
      const Instruction mixed[] = {{Op::copy, 7, 0, 0, 0}, {op, 6, number(0), number(1), number(2)}};
      const Program one{plain, 1, operands, 7, 1}, two{mixed, 2, operands, 7, 1};
      Matrix<T> scratch(1, t.program_scratch(two, width));
      T* const expected[] = {spread[0].data, spread[1].data, spread[2].data, nullptr, nullptr, nullptr, want.data};
      T* const data[] = {full[0].data, full[1].data, full[2].data, full[0].data, full[1].data, full[2].data, have.data};
      T zero[16] = {};
      T* kept[7];
      for (int i = 0; i < 7; ++i) kept[i] = expected[i] ? expected[i] : zero;
      t.run_program(one, kept, 0, 1, width, scratch.data);
      scratch.fill(std::nan(""));
      t.run_program(two, data, 0, 1, width, scratch.data);
      for (long j = 0; j < width; ++j) {
        const T x = want.at(0, j), y = have.at(0, j);
        good = good && (std::memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y));
      }
    }
    check(good, "every form of op " + std::to_string(int(op)) + " " + type_name<T>() + " " + table.isa);
  }
}

}  // namespace

void test_elementwise() {
  for (int op = 0; op < pellucid::kOps; ++op) {
    every_form<float>(Op(op));
    every_form<double>(Op(op));
  }
  for (long rows : {1, 2, 13, 40})
    for (long width : {1, 7, 16, 43, 100, 1030, 2100}) {
      watched<float>(rows, width);
      watched<double>(rows, width);
    }
  for (long rows : {1, 2, 7, 10, 33, 100})
    for (long width : {1, 7, 15, 16, 17, 30, 43, 100, 600, 1030, 2100}) {
      broadcasting<float>(rows, width);
      broadcasting<double>(rows, width);
    }
  for (int op = 0; op < pellucid::kOps; ++op)
    if ((op < int(Op::exp) || op > int(Op::erf)) && Op(op) != Op::sin && Op(op) != Op::cos) {
      one_op<float>(Op(op));
      one_op<double>(Op(op));
    }
}

}  // namespace test
