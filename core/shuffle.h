// The order in which NumPy's RandomState.shuffle leaves an array, in less than half its time.
#pragma once

#include <cstdint>

namespace pellucid {

// Shuffles n numbers, n up to 2^32. `next` draws 32 random bits.
//
// Fisher and Yates from the last place to the first; each place in [0, i] is drawn by masking and rejecting, as NumPy
// does it. What is rejected swaps place i with itself, so that no branch has to be guessed: that is all the gain.
template <class Number, class Next>
void shuffle(Number* numbers, std::int64_t n, Next next) {
  std::int64_t i = n - 1;
  std::uint32_t mask = 0;
  while (mask < i) mask = mask * 2 + 1;
  for (; i > 0; mask >>= 1) {
    while (i > mask >> 1) {
      const std::uint32_t draw = next() & mask;
      const bool taken = draw <= i;
      const std::int64_t other = taken ? draw : i;
      const Number last = numbers[i];
      numbers[i] = numbers[other];
      numbers[other] = last;
      i -= taken;
    }
  }
}

}  // namespace pellucid
