// Whether numbers are small: by their bits, which without the sign are in the order of the numbers, NaN above them all.
#pragma once

#include "kernels/simd.h"

namespace pellucid {
namespace PELLUCID_ISA {

// The largest sizes so far, by lane.
template <class T>
struct Sizes {
  IntLanes<T> largest{};

  PELLUCID_INLINE void add(Lanes<T> values) {
    const IntLanes<T> size = bits<T>(values) & ~kSignBit<T>;
    largest = size > largest ? size : largest;
  }
  PELLUCID_INLINE bool below(T bound) const { return !any<T>(largest >= bits<T>(splat<T>(bound))); }
};

// Whether |p[i]| < bound for every i of `count`, a multiple of a vector's lanes; false where one is NaN.
template <class T>
PELLUCID_INLINE bool vectors_below(const T* p, long count, T bound) {
  constexpr long kStep = 2 * kLanes<T>;
  Sizes<T> even, odd;
  long i = 0;
  for (; i + kStep <= count; i += kStep) {
    even.add(load(p + i));
    odd.add(load(p + i + kLanes<T>));
  }
  if (i < count) even.add(load(p + i));
  return even.below(bound) && odd.below(bound);
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
