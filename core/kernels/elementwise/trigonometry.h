// sin and cos on vectors, like the functions of elementary.h. x = n·(pi/2) + r with pi/2 in three parts: by
// multiply-adds the first difference is exact as long as n is a number that adding the shifter gives exactly, so up to
// |x| = 2^22·pi/2 (float) and 2^51·pi/2 (double) the error stays within a few units in the last place. Without fused
// multiply-adds, on the baseline, it grows with n. Beyond, any number in [-1, 1]; of infinity and NaN, NaN.
#pragma once

#include "kernels/elementwise/elementary.h"

namespace pellucid {
namespace PELLUCID_ISA {

template <class T>
struct Circle;
template <>
struct Circle<float> {
  static constexpr float kTwoByPi = 0.636619772367581343f;
  static constexpr float kHigh = 1.57079637f, kMiddle = -4.37113883e-08f, kLow = -1.71512451e-15f;
  static constexpr float kSin[] = {-1.6666654611e-1f, 8.3321608736e-3f, -1.9515295891e-4f};
  static constexpr float kCos[] = {4.166664568298827e-2f, -1.388731625493765e-3f, 2.443315711809948e-5f};
};
template <>
struct Circle<double> {
  static constexpr double kTwoByPi = 0.636619772367581343;
  static constexpr double kHigh = 1.5707963267948966, kMiddle = 6.123233995736766e-17, kLow = -1.4973849048591698e-33;
  static constexpr double kSin[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,
                                    -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                                    -2.50507602534068634195e-08, 1.58969099521155010221e-10};
  static constexpr double kCos[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                    2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                    2.08757232129817482790e-09, -1.13596475577881948265e-11};
};

// sin(x + quarters·pi/2)
template <class T>
PELLUCID_INLINE Lanes<T> sine(Lanes<T> x, int quarters) {
  using C = Circle<T>;
  using Int = typename VectorOf<T>::Int;
  const Lanes<T> shifter = splat<T>(Format<T>::kShifter), one = splat<T>(T(1)), half = splat<T>(T(0.5));
  const Lanes<T> shifted = fma(x, splat<T>(C::kTwoByPi), shifter);
  const Lanes<T> minus_n = negative<T>(shifted - shifter);
  Lanes<T> r = fma(minus_n, splat<T>(C::kHigh), x);
  r = fma(minus_n, splat<T>(C::kMiddle), r);
  r = fma(minus_n, splat<T>(C::kLow), r);
  r = at_most<T>(at_least<T>(r, T(-0.8)), T(0.8));  // only where x is too large to be reduced
  const Lanes<T> z = r * r;
  const Lanes<T> sin = fma(r * z, polynomial<T>(z, C::kSin), r);
  const Lanes<T> near = one - half * z, lost = (one - near) - half * z;
  const Lanes<T> cos = near + fma(z * z, polynomial<T>(z, C::kCos), lost);
  const IntLanes<T> quadrant = (bits<T>(shifted) & Int(3)) + Int(quarters);
  const Lanes<T> value = (quadrant & Int(1)) != 0 ? cos : sin;
  return from_bits<T>(bits<T>(value) ^ ((quadrant & Int(2)) != 0 ? IntLanes<T>{} + kSignBit<T> : IntLanes<T>{}));
}

template <class T>
PELLUCID_INLINE Lanes<T> sin(Lanes<T> x) {
  return x == Lanes<T>{} ? x : sine<T>(x, 0);  // a zero keeps its sign
}
template <class T>
PELLUCID_INLINE Lanes<T> cos(Lanes<T> x) {
  return sine<T>(x, 1);
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
