// sin and cos on vectors, in radians: Taylor's polynomials over |r| <= π/4, after n·π/2 has been taken off in three
// parts whose products with n are exact. Error at most 2 units in the last place up to kFar, near multiples of π/2 an
// absolute error below the type's epsilon; beyond kFar each number goes to the C library. NaN and infinity give NaN.
#pragma once

#include <cmath>

#include "kernels/elementwise/elementary.h"

namespace pellucid {
namespace PELLUCID_ISA {

// π/2 in parts with so few bits that n times the first two is exact, also without fused multiply-adds.
template <class T>
struct Circular;
template <>
struct Circular<float> {
  static constexpr float kTwoOverPi = 0x1.45f306p-1f, kFar = 1e4f;
  static constexpr float kParts[] = {0x1.92p0f, 0x1.fb4p-12f, 0x1.4442d2p-24f};
  static constexpr float kSin[] = {-1 / 6.0f, 1 / 120.0f, -1 / 5040.0f, 1 / 362880.0f};
  static constexpr float kCos[] = {1 / 24.0f, -1 / 720.0f, 1 / 40320.0f, -1 / 3628800.0f};
};
template <>
struct Circular<double> {
  static constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1, kFar = 1e6;
  static constexpr double kParts[] = {0x1.921fb544p0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
  static constexpr double kSin[] = {-1 / 6.0,        1 / 120.0,        -1 / 5040.0,          1 / 362880.0,
                                    -1 / 39916800.0, 1 / 6227020800.0, -1 / 1307674368000.0, 1 / 355687428096000.0};
  static constexpr double kCos[] = {1 / 24.0,        -1 / 720.0,         1 / 40320.0,          -1 / 3628800.0,
                                    1 / 479001600.0, -1 / 87178291200.0, 1 / 20922789888000.0, -1 / 6402373705728000.0};
};

// sin(x + quarter·π/2)
template <class T>
PELLUCID_INLINE Lanes<T> sine(Lanes<T> x, int quarter) {
  using C = Circular<T>;
  const Lanes<T> shifter = splat<T>(Format<T>::kShifter), one = splat<T>(T(1));
  const Lanes<T> shifted = fma(x, splat<T>(C::kTwoOverPi), shifter);
  const Lanes<T> n = shifted - shifter, minus_n = negative<T>(n);
  const Lanes<T> first = fma(minus_n, splat<T>(C::kParts[0]), x);
  const Lanes<T> second = fma(minus_n, splat<T>(C::kParts[1]), first);
  const Lanes<T> r = fma(minus_n, splat<T>(C::kParts[2]), second);
  const Lanes<T> lost = fma(minus_n, splat<T>(C::kParts[2]), second - r);
  const Lanes<T> square = r * r;
  const Lanes<T> sin = r + fma(r * square, polynomial<T>(square, C::kSin), lost);
  const Lanes<T> half = square * splat<T>(T(0.5)), near = one - half;
  const Lanes<T> rest = fma(square * square, polynomial<T>(square, C::kCos), ((one - near) - half) - r * lost);
  const Lanes<T> cos = near + rest;
  const IntLanes<T> turn = wrapping_subtract<T>(bits<T>(shifted), IntLanes<T>{} + Format<T>::kShifterBits) + quarter;
  const Lanes<T> value = (turn & 1) != 0 ? cos : sin;
  return (turn & 2) != 0 ? negative<T>(value) : value;
}

template <class T>
PELLUCID_INLINE Lanes<T> sine_of_all(Lanes<T> x, int quarter) {
  Lanes<T> value = sine<T>(x, quarter);
  const IntLanes<T> far = !(absolute<T>(x) < splat<T>(Circular<T>::kFar));
  if (!any<T>(far)) return value;
  for (int i = 0; i < kLanes<T>; ++i)
    if (far[i]) value[i] = T(quarter ? std::cos(double(x[i])) : std::sin(double(x[i])));
  return value;
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
