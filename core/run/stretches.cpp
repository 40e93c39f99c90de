#include "run/stretches.h"

#include <algorithm>

#include "steps/table.h"

namespace pellucid {
namespace {

// What lies between the steps of a stretch should stay in the second-level cache.
constexpr long kElementsAtOnce = 32 * 1024;

bool over_images(const StepSpec& step) {
  const BySample by_sample = step_of(step.kind).by_sample;
  return by_sample == BySample::always || by_sample == BySample::adding_up;
}

bool by_sample(const PlanSpec& plan, const StepSpec& step) {
  switch (step_of(step.kind).by_sample) {
    case BySample::never:
      return false;
    case BySample::maybe:
      return plan.buffers[step.buffers.back()].of_batch();
    case BySample::always:
    case BySample::adding_up:
      return true;
  }
  __builtin_unreachable();
}

double work_of(const PlanSpec& plan, const StepSpec& step) {
  const Step& kind = step_of(step.kind);
  // What may as well be made for whole batches counts as moved, not computed.
  if (kind.by_sample == BySample::maybe) return 8.0 * sample_elements(plan.buffers[step.buffers.front()]);
  return kind.work(plan, step, 1);
}

class Finder {
 public:
  explicit Finder(const PlanSpec& plan) : plan_(plan), sum_of_(plan.buffers.size(), -1) {}

  // The stretch that begins with this step and goes on while every step works by sample and reads no sum of it.
  Stretch from(long first) {
    const long end = static_cast<long>(plan_.steps.size());
    Stretch stretch{first, first, 1, 0};
    long largest = 1;
    for (; stretch.last < end && by_sample(plan_, plan_.steps[stretch.last]); ++stretch.last) {
      // Before the first update, the guard looks at what has been made.
      if (stretch.last == plan_.first_update && stretch.last > first) break;
      const StepSpec& step = plan_.steps[stretch.last];
      if (std::any_of(step.buffers.begin(), step.buffers.end(), [&](int b) { return sum_of_[b] == first; })) break;
      if (step_of(step.kind).by_sample == BySample::adding_up) sum_of_[step.buffers.back()] = first;
      stretch.work += work_of(plan_, step);
      for (int buffer : step.buffers)
        if (plan_.buffers[buffer].of_batch()) largest = std::max(largest, sample_elements(plan_.buffers[buffer]));
    }
    stretch.block = std::max(1L, kElementsAtOnce / largest);
    return stretch;
  }

 private:
  const PlanSpec& plan_;
  std::vector<long> sum_of_;  // of each buffer, the stretch (its first step) that it is a sum of
};

}  // namespace

std::vector<Stretch> find_stretches(const PlanSpec& plan) {
  std::vector<Stretch> stretches;
  Finder finder(plan);
  for (long i = 0; i < static_cast<long>(plan.steps.size());) {
    const Stretch stretch = finder.from(i);
    const auto steps = plan.steps.begin();
    if (std::any_of(steps + stretch.first, steps + stretch.last, over_images)) stretches.push_back(stretch);
    i = std::max(stretch.last, i + 1);
  }
  return stretches;
}

}  // namespace pellucid
