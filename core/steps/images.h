// What families of steps over images share.
#pragma once

#include "steps/table.h"

namespace pellucid {

// What moving one sample's numbers takes, in multiply-adds.
inline double work_of_moving(const PlanSpec& plan, const StepSpec& step, long rows) {
  return 8.0 * sample_elements(plan.buffers[step.buffers.front()]) * rows;
}

// Adds up what the strands have, in order, in the first one's sums.
template <class T>
T* sum_of_strands(const WholeCall<T>& call) {
  const long size = call.kept.sums_size;
  T* sums = call.memory.kept(call.kept.sums);
  for (long strand = 1; strand < kStrands; ++strand)
    for (long i = 0; i < size; ++i) sums[i] += sums[strand * size + i];
  return sums;
}

}  // namespace pellucid
