// Update rules against the formulas in long double, and equal bits between instruction sets.
#include "tests/check.h"

namespace test {
namespace {

using pellucid::kUpdateRules;
using pellucid::UpdateRule;

struct State {
  long double w, s1, s2;
};

State reference(UpdateRule rule, State x, long double g, const double* s) {
  if (rule == UpdateRule::adamw) x.w *= s[9];
  g += s[1] * x.w + s[2] * (x.w > 0 ? 1 : x.w < 0 ? -1 : 0);
  switch (rule) {
    case UpdateRule::sgd:
      x.w -= s[0] * g;
      break;
    case UpdateRule::momentum:
      x.s1 = s[3] * x.s1 - s[0] * g;
      x.w += x.s1;
      break;
    case UpdateRule::nesterov:
      x.s1 = s[3] * x.s1 - s[0] * g;
      x.w += s[3] * x.s1 - s[0] * g;
      break;
    case UpdateRule::adagrad:
      x.s1 += g * g;
      x.w -= s[0] * g / (std::sqrt(x.s1) + s[3]);
      break;
    case UpdateRule::rmsprop:
      x.s1 = s[3] * x.s1 + s[4] * g * g;
      x.w -= s[0] * g / (std::sqrt(x.s1) + s[5]);
      break;
    case UpdateRule::adam:
    case UpdateRule::adamw:
      x.s1 = s[3] * x.s1 + s[4] * g;
      x.s2 = s[5] * x.s2 + s[6] * g * g;
      x.w -= s[0] * x.s1 / (std::sqrt(x.s2) * s[8] + s[7]);
  }
  return x;
}

template <class T>
void one_rule(UpdateRule rule, bool regularised) {
  constexpr long kCount = 112;
  double s[] = {0.25, 0.0625, 0.03125, 0.875, 0.125, 0.75, 0.25, 0.0078125, 1.5, 0.9375};
  if (!regularised) s[1] = s[2] = 0;
  T scalars[10];
  for (int i = 0; i < 10; ++i) scalars[i] = T(s[i]);
  Matrix<T> w0(1, kCount), g(1, kCount), s10(1, kCount, false), s20(1, kCount, false);
  w0.at(0, 3) = 0;
  std::vector<Matrix<T>> results;
  results.reserve(tables().size());
  for (const auto& table : tables()) {
    const std::string name =
        std::string("update ") + std::to_string(int(rule)) + " " + type_name<T>() + " " + table.isa;
    Matrix<T> w(w0), s1(s10), s2(s20);
    for (int step = 0; step < 3; ++step)
      kernels_of<T>(table).update[int(rule)](w.data, g.data, s1.data, s2.data, kCount, scalars);
    double worst = 0;
    for (long i = 0; i < kCount; ++i) {
      State x{w0.at(0, i), 0, 0};
      for (int step = 0; step < 3; ++step) x = reference(rule, x, g.at(0, i), s);
      worst = std::fmax(worst, std::fabs(double(x.w - (long double)(w.at(0, i)))));
    }
    check(worst < 60 * unit<T>(), name + ": values");
    results.push_back(w);
  }
  for (std::size_t i = 2; i < results.size(); ++i) check(results[i].same_bits(results[1]), "update bits");
}

}  // namespace

void test_updates() {
  for (int rule = 0; rule < kUpdateRules; ++rule)
    for (bool regularised : {false, true}) {
      one_rule<float>(UpdateRule(rule), regularised);
      one_rule<double>(UpdateRule(rule), regularised);
    }
}

}  // namespace test
