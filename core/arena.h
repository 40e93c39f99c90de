// Where the buffers of a plan lie in one block of memory.
#pragma once

#include <vector>

#include "plan.h"

namespace pellucid {

struct Arena {
  std::vector<long> offsets;  // of each buffer, in elements; -1 for those that live elsewhere or are never used
  long size;                  // in elements
};

// Gives every arena buffer a place such that buffers that live at the same time never overlap.
Arena lay_out_arena(const PlanSpec& plan, long max_rows);

}  // namespace pellucid
