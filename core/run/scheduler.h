// Who makes what: a step of a whole batch on one thread, or in shares where it is large; a stretch strand by strand, on
// whichever thread is free.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "plan/plan.h"
#include "run/batch.h"
#include "run/memory.h"
#include "run/stretches.h"
#include "steps/table.h"

namespace pellucid {

template <class T>
class Scheduler {
 public:
  Scheduler(const PlanSpec& plan, const std::vector<Stretch>& stretches, int threads);

  // Takes the process's threads as long as what it returns is held; while another network has them, one thread makes
  // everything. `alone`: so it does until the next call.
  std::unique_lock<std::mutex> take_threads();
  void alone() { shared_ = false; }

  // The steps first .. last-1, of which stretches are made as a whole: none of them may be cut.
  void run(long first, long last, const Memory<T>& memory, const Batch& batch) const;

 private:
  WholeCall<T> whole(long step, const Memory<T>& memory, const Batch& batch) const;
  void run_step(const WholeCall<T>& call) const;
  void run_stretch(const Stretch& stretch, const Memory<T>& memory, const Batch& batch) const;
  void run_strands(const Stretch& stretch, const Memory<T>& memory, const Batch& batch, int part,
                   std::atomic<int>& next) const;

  const PlanSpec& plan_;
  const std::vector<Stretch>& stretches_;
  const Kernels<T>& kernels_;
  const StepRun<T>* const runs_;
  const int threads_;
  bool shared_ = false;
};

}  // namespace pellucid
