// Numbers stay finite: whether a batch's updates can be made without any number growing beyond all bounds.
#pragma once

#include <atomic>
#include <vector>

#include "plan/plan.h"
#include "run/batch.h"
#include "run/memory.h"
#include "run/stretches.h"

namespace pellucid {

template <class T>
class Guard {
 public:
  // Shares out the plan's watched buffers: has programs look at what they make while that is in the first-level cache.
  // What is made elsewhere, or in a stretch, is scanned before the updates.
  Guard(PlanSpec& plan, const std::vector<Stretch>& stretches);

  // Whether parameters and slots, `size` numbers each, are so small that many steps, each of them safe, cannot bring
  // them to overflow.
  bool calm(const std::vector<T*>& flats, const std::vector<long>& sizes) const;

  void begin(Batch& batch);
  // Whether all numbers that gradients are made of are so far from overflow that the updates cannot bring it about.
  bool safe(const Batch& batch, const Memory<T>& memory) const;

 private:
  const PlanSpec& plan_;
  const Kernels<T>& kernels_;
  std::vector<int> scanned_;         // of the watched buffers, those that no program looks at as it makes them
  std::atomic<bool> beyond_{false};  // whether a program of this batch has made a number beyond the plan's bound
};

}  // namespace pellucid
