// What a run is given: a data set, the order of its rows, run-time scalars; and one batch of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "plan/plan.h"

namespace pellucid {

// Rows of `width` numbers each, contiguous in themselves.
struct Source {
  const void* data = nullptr;
  SourceType type = SourceType::f32;
  long row_stride_bytes = 0;
  long width = 0;

  long item_size() const { return kSourceBytes[static_cast<int>(type)]; }
};

// A data set. Its pointers hold what is said here; whether it suits a plan, the executor looks at.
struct DataView {
  long rows = 0;
  Source x, t;
  const std::int32_t* labels = nullptr;                      // (rows,) class numbers, where the plan wants labels
  const std::int32_t* classes = nullptr;                     // (rows,) for counting what is right; null: no count
  const double* weight = nullptr;                            // (rows,); null: all 1
  double x_bound = std::numeric_limits<double>::infinity();  // no |x| is larger
};

// The order of a data set's rows, looked at once for all slices of an epoch: none of its numbers is beyond them.
class Order {
 public:
  // Throws std::invalid_argument where a row is not in 0 .. count-1, or there are 2^32 of them.
  Order(const std::int64_t* rows, std::size_t count);

  const std::uint32_t* index() const { return index_.data(); }
  long rows() const { return static_cast<long>(index_.size()); }

 private:
  std::vector<std::uint32_t> index_;
};

// The run-time scalars of the steps to come: `count` columns of at least `length` numbers each.
struct Scalars {
  const double* const* columns = nullptr;
  int count = 0;
  long length = 0;
};

// Σ w·l, Σ w, rows classified right, rows: added up batch after batch, in order.
struct Totals {
  double loss = 0, weight = 0;
  long correct = 0, rows = 0;
};

struct Batch {
  const DataView& data;
  const std::uint32_t* index;  // null: the rows as they lie
  long start, rows;
  const double* const* scalars;
  long column;
  const Ahead* ahead = nullptr;         // the rows of the next batch
  const void* rows_of_x = nullptr;      // where the rows of x lie apart: pointers to them; null where they are gathered
  std::atomic<bool>* beyond = nullptr;  // to be set where a number that is watched is beyond the plan's bound

  long row(long r) const { return index ? index[r] : start + r; }
  double number(const Number& number) const {
    return number.scalar < 0 ? number.constant : scalars[number.scalar][column];
  }
};

}  // namespace pellucid
