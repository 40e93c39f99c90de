// Where the buffers of a plan lie in memory: those of a batch in one block, and those that only one stretch of steps
// uses in a block of each thread, for as many samples as the stretch takes at a time.
#pragma once

#include <vector>

#include "plan/plan.h"
#include "run/stretches.h"

namespace pellucid {

struct Arena {
  std::vector<long> offsets;        // of each buffer, in elements; -1 for those that live elsewhere or are never used
  std::vector<long> local_offsets;  // in a thread's block; -1 for those that are not local to a stretch
  long size, local_size;            // in elements
};

// Gives every arena buffer a place such that buffers that live at the same time never overlap. `element` is its size.
Arena lay_out_arena(const PlanSpec& plan, const std::vector<Stretch>& stretches, long max_rows, long element);

}  // namespace pellucid
