#include "run/scheduler.h"

#include <algorithm>

#include "run/kernels_of.h"
#include "run/threads.h"

namespace pellucid {
namespace {

// A step smaller than this is over before a second thread has noticed it. In multiply-adds, or elements touched.
constexpr double kWorthSharing = 1e6;

}  // namespace

template <class T>
Scheduler<T>::Scheduler(const PlanSpec& plan, const std::vector<Stretch>& stretches, int threads)
    : plan_(plan), stretches_(stretches), kernels_(kernels_of<T>()), runs_(step_runs<T>()), threads_(threads) {}

template <class T>
std::unique_lock<std::mutex> Scheduler<T>::take_threads() {
  std::unique_lock<std::mutex> pool;
  if (threads_ > 1) pool = ThreadPool::instance().try_take();
  shared_ = pool.owns_lock();
  return pool;
}

template <class T>
WholeCall<T> Scheduler<T>::whole(long step, const Memory<T>& memory, const Batch& batch) const {
  return {plan_, memory, kernels_, plan_.steps[static_cast<std::size_t>(step)], memory.kept_of(step), batch};
}

template <class T>
void Scheduler<T>::run(long first, long last, const Memory<T>& memory, const Batch& batch) const {
  auto stretch = stretches_.begin();
  while (stretch != stretches_.end() && stretch->first < first) ++stretch;
  for (long i = first; i < last;) {
    if (stretch != stretches_.end() && stretch->first == i) {
      run_stretch(*stretch, memory, batch);
      i = (stretch++)->last;
    } else {
      run_step(whole(i++, memory, batch));
    }
  }
}

template <class T>
void Scheduler<T>::run_step(const WholeCall<T>& call) const {
  const auto run = runs_[static_cast<int>(call.step.kind)].run;
  if (shared_) {
    const auto work = step_of(call.step.kind).work;
    if (work && work(plan_, call.step, call.batch.rows) >= kWorthSharing) {
      ThreadPool::instance().run(
          threads_,
          [](void* context, int part, int parts) {
            const WholeCall<T>& given = *static_cast<const WholeCall<T>*>(context);
            step_runs<T>()[static_cast<int>(given.step.kind)].run({given, part, parts, given.memory.scratch(part)});
          },
          const_cast<WholeCall<T>*>(&call));
      return;
    }
  }
  run({call, 0, 1, call.memory.scratch(0)});
}

template <class T>
void Scheduler<T>::run_stretch(const Stretch& stretch, const Memory<T>& memory, const Batch& batch) const {
  for (long i = stretch.first; i < stretch.last; ++i)
    if (const auto begin = runs_[static_cast<int>(plan_.steps[i].kind)].begin) begin(whole(i, memory, batch));
  struct Call {
    const Scheduler* self;
    const Stretch& stretch;
    const Memory<T>& memory;
    const Batch& batch;
    std::atomic<int> next;
  } call{this, stretch, memory, batch, {0}};
  if (shared_ && stretch.work * batch.rows >= kWorthSharing)
    ThreadPool::instance().run(
        std::min(threads_, kStrands),
        [](void* context, int part, int) {
          Call& given = *static_cast<Call*>(context);
          given.self->run_strands(given.stretch, given.memory, given.batch, part, given.next);
        },
        &call);
  else
    run_strands(stretch, memory, batch, 0, call.next);
  for (long i = stretch.first; i < stretch.last; ++i)
    if (const auto finish = runs_[static_cast<int>(plan_.steps[i].kind)].finish) finish(whole(i, memory, batch));
}

// Makes the next strand until none is left: a thread that has lost its core for a while leaves more to the others.
template <class T>
void Scheduler<T>::run_strands(const Stretch& stretch, const Memory<T>& memory, const Batch& batch, int part,
                               std::atomic<int>& next) const {
  T *scratch = memory.scratch(part), *local = memory.local(part);
  for (int strand = next++; strand < kStrands; strand = next++) {
    for (long i = stretch.first; i < stretch.last; ++i) {
      const Kept& kept = memory.kept_of(i);
      std::fill_n(memory.kept(kept.sums) + strand * kept.sums_size, kept.sums_size, T(0));
    }
    long first, last;
    share(batch.rows, 1, strand, kStrands, first, last);
    for (long sample = first; sample < last; sample += stretch.block)
      for (long i = stretch.first; i < stretch.last; ++i) {
        const StepSpec& step = plan_.steps[i];
        runs_[static_cast<int>(step.kind)].run_samples({plan_, memory, kernels_, step, memory.kept_of(i), batch, sample,
                                                        std::min(last, sample + stretch.block), strand, scratch,
                                                        local});
      }
  }
}

template class Scheduler<float>;
template class Scheduler<double>;

}  // namespace pellucid
