// sin and cos against long double over the whole range that is reduced well, near the zeros, and at the extremes.
#include <algorithm>

#include "tests/check.h"

namespace test {
namespace {

using pellucid::Instruction;
using pellucid::Op;
using pellucid::Operand;
using pellucid::OperandKind;
using pellucid::Program;

template <class T>
Matrix<T> run(const pellucid::Kernels<T>& t, Op op, const std::vector<T>& x) {
  const long n = long(x.size());
  const Operand operands[] = {{OperandKind::full, 0}, {OperandKind::full, 0}};
  const Instruction code[] = {{op, 1, 0, 0, 0}};
  const Program program{code, 1, operands, 2, 0};
  Matrix<T> in(1, n, false), out(1, n, false), scratch(1, t.program_scratch(program, n));
  std::copy(x.begin(), x.end(), in.data);
  T* const data[] = {in.data, out.data};
  t.run_program(program, data, 0, 1, n, scratch.data);
  return out;
}

// Largest error in units of the last place of the result, up to |x| = limit.
template <class T>
void accurate(Op op, double limit) {
  std::vector<T> x;
  std::uniform_real_distribution<double> value(-1, 1);
  for (int i = 0; i < 60000; ++i) {
    x.push_back(T(value(generator()) * limit));
    x.push_back(T(value(generator()) * 7));
    x.push_back(T(std::ldexp(value(generator()), -int(generator()() % 100))));
    const double quarters = std::floor(value(generator()) * limit * 0.6366);
    x.push_back(T(quarters * 1.57079632679489661923));  // where sin or cos is nearly 0
  }
  std::vector<Matrix<T>> kept;
  for (const auto& table : tables()) {
    const Matrix<T> y = run(kernels_of<T>(table), op, x);
    const bool fused = std::strcmp(table.isa, "baseline") != 0;
    double worst = 0, where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double want = op == Op::sin ? std::sin((long double)(x[i])) : std::cos((long double)(x[i]));
      int exponent;
      std::frexp(double(want), &exponent);
      // Without multiply-adds the reduced argument is as wrong as pi/2 times n is, in units of the last place of x.
      const double of =
          fused ? std::ldexp(1.0, exponent) : std::fmax(std::ldexp(1.0, exponent), std::fabs(double(x[i])));
      const double error = double(std::fabs((long double)(y.at(0, long(i))) - want)) / (of * unit<T>());
      if (error > worst) worst = error, where = double(x[i]);
    }
    std::printf("%-9s %s %-8s up to %g: %.3f ulp at %.9g\n", op == Op::sin ? "sin" : "cos", type_name<T>(), table.isa,
                limit, worst, where);
    check(worst <= 3, std::string("sin, cos ") + type_name<T>() + " " + table.isa + ": error");
    if (fused) kept.push_back(y);
  }
  for (const auto& one : kept) check(one.same_bits(kept[0]), "sin, cos: bits of the other set");
}

template <class T>
void extremes(Op op) {
  const T inf = T(HUGE_VAL), most = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::denorm_min();
  const std::vector<T> x{T(0),  T(-0.0), inf,      -inf,    T(std::nan("")), most,
                         -most, T(1e15), T(-1e17), T(3e30), least,           -least};
  for (const auto& table : tables()) {
    const Matrix<T> y = run(kernels_of<T>(table), op, x);
    bool good = true;
    for (long i = 2; i < 5; ++i) good = good && std::isnan(double(y.at(0, i)));
    for (long i = 5; i < 10; ++i) good = good && std::fabs(double(y.at(0, i))) <= 1;
    for (long i : {0, 1, 10, 11})
      good = good && (op == Op::cos ? y.at(0, i) == T(1)
                                    : y.at(0, i) == x[std::size_t(i)] &&
                                          std::signbit(y.at(0, i)) == std::signbit(x[std::size_t(i)]));
    check(good, std::string("sin, cos ") + type_name<T>() + " " + table.isa + ": extremes");
  }
}

}  // namespace

void test_trigonometry() {
  for (Op op : {Op::sin, Op::cos}) {
    accurate<float>(op, 1e5);
    accurate<double>(op, 1e9);
    extremes<float>(op);
    extremes<double>(op);
  }
}

}  // namespace test
