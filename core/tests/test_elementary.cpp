// exp and its kin: at most 2 units in the last place, against double for float and against long double for double;
// extremes, subnormals, infinities and NaN; equal bits between instruction sets.
#include <algorithm>

#include "tests/check.h"

namespace test {
namespace {

using pellucid::Instruction;
using pellucid::Op;
using pellucid::Operand;
using pellucid::OperandKind;
using pellucid::Program;

struct Function {
  Op op;
  const char* name;
  long double (*exact)(long double);
  double low, high;
};

const Function kFunctions[] = {
    {Op::exp, "exp", [](long double x) { return std::exp(x); }, -800, 800},
    {Op::expm1, "expm1", [](long double x) { return std::expm1(x); }, -800, 800},
    {Op::log, "log", [](long double x) { return std::log(x); }, 0, 10},
    {Op::log1p, "log1p", [](long double x) { return std::log1p(x); }, -1, 10},
    {Op::tanh, "tanh", [](long double x) { return std::tanh(x); }, -25, 25},
    {Op::sigmoid, "sigmoid",
     [](long double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }, -800, 800},
    {Op::softplus, "softplus", [](long double x) { return std::fmax(x, 0.0L) + std::log1p(std::exp(-std::fabs(x))); },
     -800, 800},
    {Op::erf, "erf", [](long double x) { return std::erf(x); }, -7, 7}};

template <class T>
std::vector<T> arguments(const Function& f) {
  std::vector<T> x;
  const long n = 60000;
  for (long i = 0; i <= n; ++i) {
    const double part = double(i) / double(n);
    x.push_back(T(f.low + (f.high - f.low) * part));
    x.push_back(T(-4 + 8 * part));
    x.push_back(T(-105 + 210 * part));
    const int most = sizeof(T) == 4 ? 149 : 1074;
    const double power = std::ldexp(1 + std::fmod(double(i) * 0.618, 1.0), int(-most + part * (2 * most - 28)));
    x.push_back(T(power));
    x.push_back(T(-power));
    x.push_back(T(1) + T(power));
  }
  for (double s : {0.0, -0.0, HUGE_VAL, -HUGE_VAL, std::nan(""), 1.0, -1.0, 88.72283, 88.73, -87.33, -103.97, -104.1,
                   709.78, 709.79, -745.1, -745.2})
    x.push_back(T(s));
  while (x.size() % 16) x.push_back(T(1));
  return x;
}

// |have - want| in units of the last place of a T near `want`.
template <class T>
double error_in_ulp(T have, long double want) {
  const T rounded = T(want);
  if (want != want) return have != have ? 0 : 1e9;
  if (std::isinf(double(rounded)) || rounded == T(0)) {
    if (have == rounded) return 0;
    if (rounded == T(0)) return double(std::fabs((long double)have)) / std::numeric_limits<T>::denorm_min();
    return (long double)std::numeric_limits<T>::max() - std::fabs((long double)have) == 0 ? 1 : 1e9;
  }
  if (have != have) return 1e9;
  int exponent;
  std::frexp(rounded, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  return double(std::fabs((long double)have - want) / std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits));
}

template <class T>
void one_function(const Function& f) {
  const std::vector<T> x = arguments<T>(f);
  const long n = long(x.size());
  const Operand operands[] = {{OperandKind::full, 0}, {OperandKind::full, 0}};
  const Instruction code[] = {{f.op, 1, 0, 0, 0}};
  const Program program{code, 1, operands, 2, 0};
  std::vector<long double> want(x.size());
  for (long i = 0; i < n; ++i) want[i] = f.exact(x[i]);
  std::vector<Matrix<T>> results;
  results.reserve(tables().size());
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    Matrix<T> in(1, n, false), out(1, n, false), scratch(1, t.program_scratch(program, n));
    for (long i = 0; i < n; ++i) in.at(0, i) = x[i];
    T* const data[] = {in.data, out.data};
    t.run_program(program, data, 0, 1, n, scratch.data);
    double worst = 0;
    T where = 0;
    long signs = 0;
    for (long i = 0; i < n; ++i) {
      const double e = error_in_ulp(out.at(0, i), want[i]);
      if (e > worst) worst = e, where = x[i];
      signs += want[i] == 0 && x[i] == 0 && std::signbit(want[i]) != std::signbit(out.at(0, i));
    }
    const bool fused = std::strcmp(table.isa, "baseline") != 0;
    std::printf("%-9s %s %-8s %.3f ulp at %.9g\n", f.name, type_name<T>(), table.isa, worst, double(where));
    check(worst <= (fused ? 2.0 : 3.0), std::string(f.name) + " " + type_name<T>() + " " + table.isa + ": error");
    check(signs == 0, std::string(f.name) + ": sign of zero");
    results.push_back(out);
  }
  for (std::size_t i = 2; i < results.size(); ++i) {
    bool same = true;
    for (long j = 0; j < n; ++j)
      same = same && (std::memcmp(&results[i].at(0, j), &results[1].at(0, j), sizeof(T)) == 0 || want[j] != want[j]);
    check(same, std::string(f.name) + " " + type_name<T>() + ": bits of the other set");
  }
}

}  // namespace

void test_elementary() {
  for (const Function& f : kFunctions) {
    one_function<float>(f);
    one_function<double>(f);
  }
}

}  // namespace test
