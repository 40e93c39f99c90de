// Replays a plan: for each batch gathers its rows and runs the steps, sharing large ones among threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "groups.h"
#include "plan.h"

namespace pellucid {

struct Source {
  const void* data = nullptr;
  SourceType type = SourceType::f32;
  long row_stride_bytes = 0;

  long item_size() const {
    switch (type) {
      case SourceType::f64:
      case SourceType::i64:
        return 8;
      case SourceType::f32:
      case SourceType::i32:
        return 4;
      case SourceType::i16:
      case SourceType::u16:
        return 2;
      default:
        return 1;
    }
  }
};

// A data set, checked by the caller; rows of x and t are contiguous in themselves.
struct DataView {
  long rows = 0;
  Source x, t;
  const std::int32_t* labels = nullptr;                      // (rows,) class numbers, where the plan wants labels
  const std::int32_t* classes = nullptr;                     // (rows,) for counting what is right; null: no count
  const double* weight = nullptr;                            // (rows,); null: all 1
  double x_bound = std::numeric_limits<double>::infinity();  // no |x| is larger
};

// Σ w·l, Σ w, rows classified right, rows: added up batch after batch, in order.
struct Totals {
  double loss = 0, weight = 0;
  long correct = 0, rows = 0;
};

template <class T>
class Executor {
 public:
  // Throws std::invalid_argument where the plan is inconsistent, std::bad_alloc where memory is short.
  Executor(PlanSpec plan, long max_rows, int threads);

  // The flat vectors of the parameters and the slots; to be called before the first run, and after they moved.
  void bind(T* parameters, const std::vector<T*>& slots, long size);

  // Runs batches first .. last-1 of the data in `order` (null: as it lies); scalars[s][batch - first] are the run-time
  // scalars. Returns how many batches are done: fewer than asked where the next would not be safe to make, because a
  // number has grown beyond the plan's bound; nothing of it has been applied then.
  long run(const DataView& data, const std::uint32_t* order, long batch_size, long first, long last,
           const double* const* scalars, Totals& totals);

  // Runs the steps on the rows start .. start+rows-1, updates included.
  void run_rows(const DataView& data, long start, long rows, Totals& totals);

  // One training step on all rows of the data, with the scalars of one column; false where it would not be safe.
  bool step(const DataView& data, const double* const* scalars, long column, Totals& totals);

  // After run_rows: a kept buffer.
  const T* at(int buffer) const { return base_[buffer]; }
  long leading_dimension(int buffer) const { return padded(plan_.buffers[buffer].width); }
  long max_rows() const { return max_rows_; }
  const PlanSpec& plan() const { return plan_; }

 private:
  struct Batch {
    const DataView& data;
    const std::uint32_t* index;
    long start, rows;
    const double* const* scalars;
    long column;
    const Ahead* ahead = nullptr;
  };
  // Samples first .. last-1 of the batch, which belong to one strand, and the memory of the thread that has them.
  struct Samples {
    long first, last;
    int strand;
    T* scratch;
    T* local;

    long count() const { return last - first; }
  };
  // Where a group's step keeps filters in the order its kernel reads, and the sums of its strands; in elements.
  struct Working {
    long filters = 0, sums = 0, sums_size = 0;
  };
  struct FreeDeleter {
    void operator()(void* pointer) const;
  };

  T* scratch_of(int part) const { return scratch_ + part * (scratch_elements_ + local_elements_); }
  void check() const;
  void lay_out();
  void watch();
  long scratch_size() const;
  long rows_of(int buffer, long rows) const {
    const BufferSpec& spec = plan_.buffers[buffer];
    return spec.rows ? spec.rows : rows * spec.positions;
  }
  double number(const Number& number, const Batch& batch) const;
  bool run_batch(const Batch& batch, Totals& totals);
  void gather(const Batch& batch);
  bool reads_x_in_place() const;
  bool point_at_rows(const Batch& batch);
  bool calm() const;
  bool safe(const Batch& batch) const;
  void add(const Batch& batch, Totals& totals);
  void run_step(const StepSpec& step, const Batch& batch);
  void run_part(const StepSpec& step, const Batch& batch, int part, int parts, T* scratch);
  void product(const StepSpec& step, const Batch& batch, int part, int parts, T* scratch);
  void update(const StepSpec& step, const Batch& batch, int part, int parts);
  long lay_out_working();
  void run_group(const Group& group, const Batch& batch);
  void run_strands(const Group& group, const Batch& batch, int part, std::atomic<int>& next);
  T* at(int buffer, const Samples& samples) const;
  void pack(const StepSpec& step, const Working& working);
  void run_samples(const StepSpec& step, const Working& working, const Batch& batch, const Samples& samples);
  void run_program(const StepSpec& step, const Samples& samples);
  void join_columns(const StepSpec& step, const Samples& samples);
  void add_up(const StepSpec& step, const Working& working, const Samples& samples);
  void finish(const StepSpec& step, const Working& working, long rows);
  void fill_update_scalars(const StepSpec& step, const Batch& batch, T* scalars) const;
  int parts_of(const StepSpec& step, long rows) const;

  PlanSpec plan_;
  long max_rows_;
  int threads_;
  bool pool_taken_ = false;
  std::vector<int> scanned_;         // of the watched buffers, those that no program looks at as it makes them
  std::atomic<bool> beyond_{false};  // whether a program of this batch has made a number beyond the plan's bound
  const Kernels<T>& kernels_;
  std::vector<T*> flats_;  // the parameters, then the slots
  long flat_size_ = 0;
  long single_steps_ = 0;
  std::vector<Group> groups_;
  std::vector<Working> working_;  // of each step
  std::vector<T*> base_;
  std::vector<long> local_offsets_;
  long scratch_elements_ = 0, local_elements_ = 0;
  std::unique_ptr<T, FreeDeleter> arena_;
  T* scratch_ = nullptr;  // of each thread: for its kernels, and for what is local to a group
  T* working_base_ = nullptr;
  std::vector<std::int32_t> batch_classes_;
  std::vector<const char*> rows_ahead_;
  bool x_in_place_ = false;          // whether the plan reads x in such a way that it could stay where it is
  std::vector<const T*> rows_of_x_;  // where the batch's rows lie
  bool x_is_gathered_ = true;
};

}  // namespace pellucid
