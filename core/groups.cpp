#include "groups.h"

#include <algorithm>

namespace pellucid {
namespace {

// What lies between the steps of a group should stay in the second-level cache.
constexpr long kElementsAtOnce = 32 * 1024;

bool over_images(StepKind kind) { return kind >= StepKind::conv2d; }

bool by_sample(const PlanSpec& plan, const StepSpec& step) {
  if (over_images(step.kind) || step.kind == StepKind::dropout_mask) return true;
  return step.kind == StepKind::program && plan.buffers[step.buffers.back()].rows == 0;
}

double work_of(const PlanSpec& plan, const StepSpec& step) {
  const Window& window = step.image.window;
  if (step.kind == StepKind::conv2d || step.kind == StepKind::conv2d_input_gradient ||
      step.kind == StepKind::conv2d_weight_gradient)
    return 1.0 * window.out_height * window.out_width * window.rows * window.columns * window.channels *
           step.image.filters / step.image.groups;
  return 8.0 * sample_elements(plan.buffers[step.buffers.front()]);
}

// The group that begins with this step and goes on while every step works by sample and reads no sum of the group.
Group group_from(const PlanSpec& plan, long first) {
  const long end = static_cast<long>(plan.steps.size());
  Group group{first, first, 1, 0};
  std::vector<int> sums;
  long largest = 1;
  for (; group.last < end && by_sample(plan, plan.steps[group.last]); ++group.last) {
    const StepSpec& step = plan.steps[group.last];
    const auto is_sum = [&](int buffer) { return std::find(sums.begin(), sums.end(), buffer) != sums.end(); };
    if (std::any_of(step.buffers.begin(), step.buffers.end(), is_sum)) break;
    if (adds_up(step.kind)) sums.push_back(step.buffers.back());
    group.work += work_of(plan, step);
    for (int buffer : step.buffers)
      if (plan.buffers[buffer].rows == 0) largest = std::max(largest, sample_elements(plan.buffers[buffer]));
  }
  group.block = std::max(1L, kElementsAtOnce / largest);
  return group;
}

}  // namespace

std::vector<Group> find_groups(const PlanSpec& plan) {
  std::vector<Group> groups;
  for (long i = 0; i < static_cast<long>(plan.steps.size());) {
    const Group group = group_from(plan, i);
    const auto steps = plan.steps.begin();
    if (std::any_of(steps + group.first, steps + group.last, [](const StepSpec& s) { return over_images(s.kind); }))
      groups.push_back(group);
    i = std::max(group.last, i + 1);
  }
  return groups;
}

}  // namespace pellucid
