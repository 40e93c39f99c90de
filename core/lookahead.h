// The next batch's rows, asked for while this batch is computed: in a random order they come from main memory.
//
// Asked for all at once, they fill the processor's queue of open requests and hold up everything behind them. So the
// products over x ask for them line by line, as they go along their own rows. While they stream the weights, half of
// these requests are dropped; that is why the weight gradient asks for all of them again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "executor.h"

namespace pellucid {

// Begins with the rows start .. start+rows-1 of the order, and returns what the products over x are to ask for;
// `pointers` has room for these rows. `few`: whether the batch is too small for the forward product to ask.
inline Ahead look_ahead(const DataView& data, const std::uint32_t* index, long start, long rows, long row_bytes,
                        std::vector<const char*>& pointers, bool few) {
  constexpr std::uintptr_t kLine = 64;
  for (long r = 0; r < rows; ++r) {
    const long row = index ? index[r] : start + r;
    const auto begin = reinterpret_cast<std::uintptr_t>(data.x.data) + row * data.x.row_stride_bytes;
    pointers[r] = reinterpret_cast<const char*>(begin / kLine * kLine);
    if (few)
      for (const char* line = pointers[r]; line < pointers[r] + row_bytes; line += kLine)
        __builtin_prefetch(line, 0, 2);
    // NumPy's arrays need not begin with a line, so a row may end in one line more than it has in length.
    __builtin_prefetch(reinterpret_cast<const char*>(begin + row_bytes - 1), 0, 2);
    if (data.labels) __builtin_prefetch(data.labels + row);
    if (data.classes && data.classes != data.labels) __builtin_prefetch(data.classes + row);
    if (data.weight) __builtin_prefetch(data.weight + row);
  }
  return {pointers.data(), few ? 0 : rows, data.x.item_size()};
}

}  // namespace pellucid
