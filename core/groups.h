// Groups of steps that work on every sample by itself, so that all of them can be made for some samples at a time: what
// one step leaves, the next one finds in the cache. In a group, too, are sums over the samples, which nothing in the
// group reads.
#pragma once

#include <algorithm>
#include <vector>

#include "plan.h"

namespace pellucid {

// A batch is cut into so many strands of samples, whatever the threads: each has sums of its own, added up in order.
constexpr int kStrands = 8;

// Steps first .. last-1, made for `block` samples at a time; `work` is what one sample takes, in multiply-adds.
struct Group {
  long first, last, block;
  double work;
};

// A sum over samples: a step of a group whose output is there when the group is over.
inline bool adds_up(StepKind kind) {
  return kind == StepKind::conv2d_weight_gradient || kind == StepKind::sum_channels || kind == StepKind::mean_channels;
}

// The groups of a plan in order. Only those that hold a step over images: everything else runs on whole batches.
std::vector<Group> find_groups(const PlanSpec& plan);

inline bool in_a_group(const std::vector<Group>& groups, long step) {
  return std::any_of(groups.begin(), groups.end(), [&](const Group& g) { return g.first <= step && step < g.last; });
}

// Elements that one sample takes in a buffer.
inline long sample_elements(const BufferSpec& buffer) { return buffer.positions * padded(buffer.width); }

}  // namespace pellucid
