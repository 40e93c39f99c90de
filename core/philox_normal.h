// Normal numbers by their address: the quantile of a uniform one, by AS 241 (M. J. Wichura, Applied Statistics 37,
// 1988). What src/pellucid/philox.py computes in NumPy, operation by operation: all of them are exactly rounded, so the
// bits are the same. Never to be compiled with fused multiply-adds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "philox.h"

namespace pellucid {

struct Rational {
  double upper[8], lower[8];  // of numerator and denominator, the highest power first
};

constexpr Rational kCentre = {
    {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
     1971.5909503065514427, 133.14166789178437745, 3.387132872796366608},
    {5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
     687.1870074920579083, 42.313330701600911252, 1.0}};
constexpr Rational kMiddle = {
    {7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734},
    {1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0}};
constexpr Rational kTail = {
    {2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772},
    {2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0}};

inline double ratio(const Rational& of, double x) {
  double numerator = 0, denominator = 0;
  for (int i = 0; i < 8; ++i) {
    numerator = numerator * x + of.upper[i];
    denominator = denominator * x + of.lower[i];
  }
  return numerator / denominator;
}

// ln x = k·ln 2 + 2·artanh((m - 1) / (m + 1)) with x = m·2^k, by the series of artanh.
inline double natural_log(double x) {
  int exponent;
  double mantissa = std::frexp(x, &exponent);
  const bool small = mantissa < std::sqrt(0.5);
  if (small) mantissa = 2.0 * mantissa;
  const double s = (mantissa - 1.0) / (mantissa + 1.0), s2 = s * s;
  double series = 0;
  for (int odd = 23; odd > 0; odd -= 2) series = series * s2 + 1.0 / odd;
  return (exponent - small) * 0.6931471805599453 + 2.0 * s * series;
}

inline double outer_quantile(double p) {
  const double r = std::sqrt(-natural_log(std::min(p, 1.0 - p)));
  return std::copysign(r <= 5.0 ? ratio(kMiddle, r - 1.6) : ratio(kTail, r - 5.0), p - 0.5);
}

// z (count,): normal numbers with mean 0 and variance 1, of the first words at (seed, purpose, stream), two for each.
inline void philox_normal(double* z, std::uint64_t seed, std::uint32_t purpose, std::uint64_t stream,
                          std::size_t count) {
  constexpr std::size_t kAtOnce = 256;
  std::uint32_t words[2 * kAtOnce];
  double p[kAtOnce];
  for (std::size_t first = 0; first < count; first += kAtOnce) {
    const std::size_t here = std::min(kAtOnce, count - first);
    philox_fill(words, seed, purpose, stream, 2 * first, 2 * here);
    for (std::size_t i = 0; i < here; ++i)
      p[i] = ((words[2 * i] >> 5) * 67108864.0 + (words[2 * i + 1] >> 6) + 0.5) / 9007199254740992.0;
    // The middle range for all, in vectors: six in seven are there.
    for (std::size_t i = 0; i < here; ++i) {
      const double q = p[i] - 0.5;
      z[first + i] = q * ratio(kCentre, 0.180625 - q * q);
    }
    for (std::size_t i = 0; i < here; ++i)
      if (!(std::fabs(p[i] - 0.5) <= 0.425)) z[first + i] = outer_quantile(p[i]);
  }
}

}  // namespace pellucid
