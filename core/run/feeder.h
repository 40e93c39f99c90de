// Rows in: brings a batch's rows of x and t, its weights and run-time scalars where the plan reads them, and asks for
// the next batch's rows ahead.
#pragma once

#include <vector>

#include "plan/plan.h"
#include "run/batch.h"
#include "run/memory.h"

namespace pellucid {

template <class T>
class Feeder {
 public:
  Feeder(const PlanSpec& plan, long max_rows);

  // Throws std::invalid_argument where the data set or the scalars are not what the plan takes.
  void check(const DataView& data) const;
  void check(const Scalars& scalars, long first, long count) const;

  // Begins with the rows start .. start+rows-1 of the order, and returns what the products over x are to ask for.
  Ahead look_ahead(const DataView& data, const std::uint32_t* index, long start, long rows);

  // Feeds a batch, and says in it where the rows of x lie where they need not be gathered.
  void feed(Batch& batch, const Memory<T>& memory);

 private:
  bool could_stay() const;
  bool point_at_rows(const Batch& batch);

  const PlanSpec& plan_;
  const Kernels<T>& kernels_;
  int scalars_;                          // how many run-time scalars the plan reads
  bool labels_;                          // whether it reads labels
  std::vector<const StepSpec*> over_x_;  // products whose left matrix is x
  std::vector<const char*> rows_ahead_;
  bool x_could_stay_;                // whether the plan reads x in such a way that its rows may stay where they are
  std::vector<const T*> rows_of_x_;  // where the batch's rows lie
};

}  // namespace pellucid
