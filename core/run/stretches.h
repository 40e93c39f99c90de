// Stretches: steps in a row that work on every sample by itself, so that all of them can be made for some samples at a
// time: what one step leaves, the next one finds in the cache. In a stretch, too, are sums over the samples, which
// nothing in it reads.
#pragma once

#include <vector>

#include "plan/plan.h"

namespace pellucid {

// A batch is cut into so many strands of samples, whatever the threads: each has sums of its own, added up in order.
constexpr int kStrands = 8;

// Steps first .. last-1, made for `block` samples at a time; `work` is what one sample takes, in multiply-adds.
struct Stretch {
  long first, last, block;
  double work;
};

// The stretches of a plan in order. Only those that hold a step over images: everything else runs on whole batches.
std::vector<Stretch> find_stretches(const PlanSpec& plan);

}  // namespace pellucid
