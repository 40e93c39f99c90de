// exp, log, tanh and their kin on vectors: polynomials over a reduced range, the same operations on every instruction
// set, so the same bits wherever multiply-add is fused. Error at most 2 units in the last place over the whole range,
// subnormal arguments and results included (core/tests checks it against a wider type). NaN gives NaN; infinities and
// signed zeros give what the C library gives. The polynomials are near-minimax fits (Chebyshev, 50 digits).
#pragma once

#include "kernels/elementwise/elementary_coefficients.h"
#include "kernels/simd.h"

namespace pellucid {
namespace PELLUCID_ISA {

template <class T, int N>
PELLUCID_INLINE Lanes<T> polynomial(Lanes<T> x, const T (&c)[N]) {
  Lanes<T> sum = splat<T>(c[N - 1]);
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, splat<T>(c[i]));
  return sum;
}

template <class T>
struct Format;
template <>
struct Format<float> {
  typedef std::uint32_t Unsigned __attribute__((vector_size(kVectorBytes)));
  static constexpr std::int32_t kMantissaBits = 23, kBias = 127;
  static constexpr float kShifter = 0x1.8p23f;  // x + shifter rounds x to an integer, held in the low bits
  static constexpr std::int32_t kShifterBits = 0x4b400000;
  static constexpr std::int32_t kRootHalfBits = 0x3f3504f3;
  static constexpr float kExpHigh = 89.0f, kExpLow = -104.0f, kExpm1Low = -20.0f;
  static constexpr float kSmallestNormal = 0x1p-126f, kToNormal = 0x1p25f;
  static constexpr std::int32_t kToNormalBits = 25;
};
template <>
struct Format<double> {
  typedef std::uint64_t Unsigned __attribute__((vector_size(kVectorBytes)));
  static constexpr std::int64_t kMantissaBits = 52, kBias = 1023;
  static constexpr double kShifter = 0x1.8p52;
  static constexpr std::int64_t kShifterBits = 0x4338000000000000;
  static constexpr std::int64_t kRootHalfBits = 0x3fe6a09e667f3bcd;
  static constexpr double kExpHigh = 710.0, kExpLow = -746.0, kExpm1Low = -40.0;
  static constexpr double kSmallestNormal = 0x1p-1022, kToNormal = 0x1p54;
  static constexpr std::int64_t kToNormalBits = 54;
};

// a - b without an overflow: a negative or NaN argument gives any bits here, and its result later.
template <class T>
PELLUCID_INLINE IntLanes<T> wrapping_subtract(IntLanes<T> a, IntLanes<T> b) {
  using Unsigned = typename Format<T>::Unsigned;
  return reinterpret_cast<IntLanes<T>>(reinterpret_cast<Unsigned>(a) - reinterpret_cast<Unsigned>(b));
}

template <class T>
PELLUCID_INLINE IntLanes<T> shift_right(IntLanes<T> x, int count) {
  return reinterpret_cast<IntLanes<T>>(reinterpret_cast<typename Format<T>::Unsigned>(x) >> count);
}

// x = n·ln 2 + r + lost with |r| <= ln 2 / 2, and exp(r) - 1 - r.
template <class T>
struct ExpParts {
  IntLanes<T> n;
  Lanes<T> r, lost, rest;
};
template <class T>
PELLUCID_INLINE ExpParts<T> exp_parts(Lanes<T> x) {
  const Lanes<T> shifter = splat<T>(Format<T>::kShifter);
  const Lanes<T> shifted = fma(x, splat<T>(Coefficients<T>::kLog2E), shifter);
  const Lanes<T> n = shifted - shifter;
  const Lanes<T> minus_n = negative<T>(n);
  const Lanes<T> low = splat<T>(Coefficients<T>::kLn2Low), high = splat<T>(Coefficients<T>::kLn2High);
  const Lanes<T> near = fma(minus_n, high, x);
  const Lanes<T> r = fma(minus_n, low, near), lost = fma(minus_n, low, near - r);
  return {bits<T>(shifted) - Format<T>::kShifterBits, r, lost, r * r * polynomial<T>(r, Coefficients<T>::kExp)};
}

// NaN kept.
template <class T>
PELLUCID_INLINE Lanes<T> at_least(Lanes<T> x, T low) {
  return x < splat<T>(low) ? splat<T>(low) : x;
}
template <class T>
PELLUCID_INLINE Lanes<T> at_most(Lanes<T> x, T high) {
  return x > splat<T>(high) ? splat<T>(high) : x;
}

// exp of an x that is at most Format<T>::kExpHigh.
template <class T>
PELLUCID_INLINE Lanes<T> exp_below(Lanes<T> x) {
  using F = Format<T>;
  const ExpParts<T> parts = exp_parts<T>(at_least<T>(x, F::kExpLow));
  // 2^n as a product of two, each a normal number.
  const IntLanes<T> twice = parts.n + 2 * F::kBias, half = shift_right<T>(twice, 1);
  const Lanes<T> scale1 = from_bits<T>(half << F::kMantissaBits);
  const Lanes<T> scale2 = from_bits<T>(wrapping_subtract<T>(twice, half) << F::kMantissaBits);
  return (splat<T>(T(1)) + (parts.r + parts.rest)) * scale1 * scale2;
}

template <class T>
PELLUCID_INLINE Lanes<T> exp(Lanes<T> x) {
  return exp_below<T>(at_most<T>(x, Format<T>::kExpHigh));
}

template <class T>
PELLUCID_INLINE Lanes<T> expm1(Lanes<T> x) {
  using F = Format<T>;
  const ExpParts<T> parts = exp_parts<T>(at_most<T>(at_least<T>(x, F::kExpm1Low), F::kExpHigh));
  const Lanes<T> half_scale = from_bits<T>((parts.n + (F::kBias - 1)) << F::kMantissaBits);  // 2^(n-1)
  const Lanes<T> half = fma(parts.r + (parts.rest + parts.lost), half_scale, half_scale - splat<T>(T(0.5)));
  return copy_sign<T>(half + half, x);
}

// log(2^e·(1 + f)) + correction, for 1 + f in [sqrt 1/2, sqrt 2).
template <class T>
PELLUCID_INLINE Lanes<T> log_of(Lanes<T> e, Lanes<T> f, Lanes<T> correction) {
  const Lanes<T> s = f / (splat<T>(T(2)) + f), z = s * s;
  const Lanes<T> rest = z * polynomial<T>(z, Coefficients<T>::kLog);
  const Lanes<T> half_square = splat<T>(T(0.5)) * f * f;
  const Lanes<T> low = fma(e, splat<T>(Coefficients<T>::kLn2Low), correction);
  return fma(e, splat<T>(Coefficients<T>::kLn2High), f - (half_square - fma(s, half_square + rest, low)));
}

// A positive x as 2^e·m, m in [sqrt 1/2, sqrt 2).
template <class T>
struct LogParts {
  Lanes<T> e, m;
};
template <class T>
PELLUCID_INLINE LogParts<T> log_parts(Lanes<T> x) {
  using F = Format<T>;
  const Lanes<T> zero{};
  const auto subnormal = x < splat<T>(F::kSmallestNormal);
  x = subnormal ? x * splat<T>(F::kToNormal) : x;
  constexpr auto offset = typename VectorOf<T>::Int(F::kBias + 1);
  const IntLanes<T> base = (F::kRootHalfBits - (offset << F::kMantissaBits)) - IntLanes<T>{};
  const IntLanes<T> biased = shift_right<T>(wrapping_subtract<T>(bits<T>(x), base), F::kMantissaBits);
  const IntLanes<T> e = biased - offset;
  const Lanes<T> m = from_bits<T>(wrapping_subtract<T>(bits<T>(x), e << F::kMantissaBits));
  const Lanes<T> exponent = from_bits<T>(e + F::kShifterBits) - splat<T>(F::kShifter);
  return {exponent - (subnormal ? splat<T>(T(F::kToNormalBits)) : zero), m};
}

// The logarithm at 0, below 0, at infinity and at NaN; `value` elsewhere.
template <class T>
PELLUCID_INLINE Lanes<T> log_specials(Lanes<T> x, Lanes<T> value) {
  const Lanes<T> zero{}, infinity = splat<T>(T(__builtin_inf()));
  value = x == zero ? negative<T>(infinity) : value;
  value = x < zero ? splat<T>(T(__builtin_nan(""))) : value;
  value = x == infinity ? infinity : value;
  return x != x ? x : value;
}

template <class T>
PELLUCID_INLINE Lanes<T> log(Lanes<T> x) {
  const LogParts<T> parts = log_parts<T>(x);
  return log_specials<T>(x, log_of<T>(parts.e, parts.m - splat<T>(T(1)), Lanes<T>{}));
}

template <class T>
PELLUCID_INLINE Lanes<T> log1p(Lanes<T> x) {
  const Lanes<T> one = splat<T>(T(1)), zero{};
  const Lanes<T> u = one + x;
  const Lanes<T> lost = x > one ? one - (u - x) : x - (u - one);  // 1 + x - u
  const LogParts<T> parts = log_parts<T>(u);
  const auto near = parts.e == zero;  // then x itself is f, with nothing lost
  const Lanes<T> value = log_of<T>(parts.e, near ? x : parts.m - one, near ? zero : lost / u);
  return copy_sign<T>(log_specials<T>(u, value), x);
}

template <class T>
PELLUCID_INLINE Lanes<T> sigmoid(Lanes<T> x) {
  const Lanes<T> one = splat<T>(T(1)), zero{};
  const Lanes<T> e = exp_below<T>(from_bits<T>(bits<T>(x) | kSignBit<T>));  // exp(-|x|)
  const Lanes<T> above = x < zero ? e : one, below = one + e;
  const Lanes<T> quotient = above / below;
  // One step of Newton's for what 1 + e and the division lost; 1 / (1 + e) is the quotient, or 1 - e / (1 + e).
  const Lanes<T> inverse = x < zero ? one - quotient : quotient;
  const Lanes<T> lost = (one - below) + e, minus = negative<T>(quotient);
  return fma(fma(minus, lost, fma(minus, below, above)), inverse, quotient);
}

template <class T>
PELLUCID_INLINE Lanes<T> tanh(Lanes<T> x) {
  const Lanes<T> one = splat<T>(T(1)), two = splat<T>(T(2));
  const Lanes<T> size = absolute<T>(x), square = x * x;
  const Lanes<T> small = fma(size * square, polynomial<T>(square, Coefficients<T>::kTanh), size);
  const Lanes<T> large = one - two / (exp<T>(size + size) + one);
  return copy_sign<T>(size < splat<T>(T(0.55)) ? small : large, x);
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))
template <class T>
PELLUCID_INLINE Lanes<T> softplus(Lanes<T> x) {
  const Lanes<T> zero{};
  const Lanes<T> rest = log1p<T>(exp_below<T>(from_bits<T>(bits<T>(x) | kSignBit<T>)));
  return maximum<T>(x, zero) + rest;
}

template <class T>
PELLUCID_INLINE Lanes<T> erf(Lanes<T> x) {
  using C = Coefficients<T>;
  const Lanes<T> t = at_most<T>(absolute<T>(x), C::kErfOne);
  const Lanes<T> low = fma(t, polynomial<T>(t * t, C::kErfLow), t);
  const Lanes<T> middle = polynomial<T>((t - splat<T>(T(1.75))) * splat<T>(T(1 / 0.75)), C::kErfMiddle);
  const Lanes<T> high =
      polynomial<T>((t - splat<T>(C::kErfHighCentre)) * splat<T>(T(1) / C::kErfHighHalf), C::kErfHigh);
  Lanes<T> value = t < splat<T>(T(1)) ? low : middle;
  value = t > splat<T>(T(2.5)) ? high : value;
  value = t >= splat<T>(C::kErfOne) ? splat<T>(T(1)) : value;
  return copy_sign<T>(value, x);
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
