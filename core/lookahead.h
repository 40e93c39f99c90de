// Asks for the next batch's rows a few cache lines at a time, while this batch is computed.
//
// Rows in a random order come from main memory. Asked for all at once, they fill the processor's queue of open
// requests and hold up everything behind them; asked for between pieces of work, they cost next to nothing.
#pragma once

#include <cstdint>

#include "executor.h"

namespace pellucid {

class Lookahead {
 public:
  // Nothing to look ahead to.
  Lookahead() = default;

  // Rows start .. start+rows-1 of the order; `stops` is how often fetch() will be called.
  Lookahead(const DataView& data, const std::uint32_t* index, long start, long rows, long row_bytes, long stops)
      : data_(&data), index_(index), start_(start), rows_(rows), row_bytes_(row_bytes) {
    const long lines = rows * (row_bytes / static_cast<long>(kLine) + 3);
    lines_per_stop_ = lines / (stops > 0 ? stops : 1) + 1;
  }

  void fetch() {
    long lines = lines_per_stop_;
    while (row_ < rows_ && lines > 0) {
      const long row = index_ ? index_[row_] : start_ + row_;
      if (line_ == 0) {
        fetch_targets(row);
        --lines;
      }
      // From the line that the row begins in: NumPy's arrays need not begin with a line.
      const auto begin = reinterpret_cast<std::uintptr_t>(data_->x.data) + row * data_->x.row_stride_bytes;
      const auto end = begin + row_bytes_;
      if (line_ == 0) line_ = begin / kLine * kLine;
      for (; line_ < end && lines > 0; line_ += kLine, --lines)
        __builtin_prefetch(reinterpret_cast<const void*>(line_), 0, 2);
      if (line_ >= end) {
        line_ = 0;
        ++row_;
      }
    }
  }

 private:
  static constexpr std::uintptr_t kLine = 64;

  void fetch_targets(long row) const {
    if (data_->labels) __builtin_prefetch(data_->labels + row);
    if (data_->classes && data_->classes != data_->labels) __builtin_prefetch(data_->classes + row);
    if (data_->weight) __builtin_prefetch(data_->weight + row);
  }

  const DataView* data_ = nullptr;
  const std::uint32_t* index_ = nullptr;
  long start_ = 0, rows_ = 0, row_bytes_ = 0, lines_per_stop_ = 0;
  long row_ = 0;
  std::uintptr_t line_ = 0;  // the next one of the row; 0: the row is not begun
};

}  // namespace pellucid
