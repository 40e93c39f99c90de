// How many rows a pass takes at once, where that may be chosen: many, as long as memory and time of one pass are small.
#pragma once

#include "plan/plan.h"

namespace pellucid {

struct Limits {
  long rows;    // at most so many
  long bytes;   // of what they leave behind in a pass
  double work;  // in multiply-adds of a pass, which nothing interrupts
};

// `limits.rows`, halved until the other limits hold or a single row is left; `element` is the size of one in bytes.
long rows_at_once(const PlanSpec& plan, long element, const Limits& limits);

}  // namespace pellucid
