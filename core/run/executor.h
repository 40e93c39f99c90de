// Replays a plan: for each batch the feeder brings its rows, the scheduler makes the steps in the memory laid out for
// them, and before the first update the guard looks whether all numbers will stay finite.
#pragma once

#include <vector>

#include "plan/plan.h"
#include "run/batch.h"
#include "run/feeder.h"
#include "run/guard.h"
#include "run/memory.h"
#include "run/scheduler.h"
#include "run/stretches.h"

namespace pellucid {

// The parameters, or a slot of each of them: one vector.
template <class T>
struct Flat {
  T* data;
  long size;
};

// Every verb throws std::invalid_argument with one sentence where what it is given does not suit the plan, and has
// changed nothing then.
template <class T>
class Executor {
 public:
  // Throws std::bad_alloc where memory is short.
  Executor(PlanSpec plan, long max_rows, int threads);
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Before the first run, and after they moved.
  void bind(Flat<T> parameters, const std::vector<Flat<T>>& slots);

  // Runs batches first .. last-1 of the data in `order` (null: as it lies); the scalars' column of a batch is batch -
  // first. Returns how many batches are done: fewer than asked where the next would not be safe to make, because a
  // number has grown beyond the plan's bound; nothing of it has been applied then.
  long run(const DataView& data, const Order* order, long batch_size, long first, long last, const Scalars& scalars,
           Totals& totals);

  // Runs the steps on the rows start .. start+rows-1, updates included.
  void run_rows(const DataView& data, long start, long rows, Totals& totals);

  // One training step on all rows of the data, with the scalars of one column; false where it would not be safe.
  bool step(const DataView& data, const Scalars& scalars, long column, Totals& totals);

  // After run_rows: a kept buffer.
  const T* at(int buffer) const { return memory_.base(buffer); }
  long leading_dimension(int buffer) const { return padded(plan_.buffers[buffer].width); }
  long max_rows() const { return max_rows_; }
  const PlanSpec& plan() const { return plan_; }

 private:
  void check_rows(const DataView& data, long start, long rows) const;
  bool run_batch(Batch batch, Totals& totals);
  void add(const Batch& batch, Totals& totals);

  PlanSpec plan_;
  const long max_rows_;
  const std::vector<Stretch> stretches_;
  Memory<T> memory_;
  Feeder<T> feeder_;
  Guard<T> guard_;
  Scheduler<T> scheduler_;
  std::vector<T*> flats_;  // the parameters, then the slots
  std::vector<long> flat_sizes_;
  bool bound_;  // whether every buffer lies somewhere
  long single_steps_ = 0;
  std::vector<std::int32_t> batch_classes_;
};

}  // namespace pellucid
