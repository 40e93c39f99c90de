#include "run/guard.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "run/kernels_of.h"

namespace pellucid {
namespace {

// Gradients below the plan's bound, times a learning rate below this, cannot overflow.
constexpr double kLargestRate = 1e4;

}  // namespace

template <class T>
Guard<T>::Guard(PlanSpec& plan, const std::vector<Stretch>& stretches) : plan_(plan), kernels_(kernels_of<T>()) {
  std::vector<bool> unseen(plan.buffers.size(), false);
  for (int buffer : plan.watched) unseen[buffer] = true;
  auto stretch = stretches.begin();
  for (long i = 0; i < plan.first_update; ++i) {
    StepSpec& step = plan.steps[i];
    if (stretch != stretches.end() && i >= stretch->last) ++stretch;
    if (step.kind != StepKind::elementwise || (stretch != stretches.end() && i >= stretch->first)) continue;
    for (const Instruction& instruction : step.code) {
      if (instruction.dst >= static_cast<int>(step.operands.size())) continue;
      const int made = step.buffers[instruction.dst];
      if (!unseen[made]) continue;
      step.watched |= std::uint64_t{1} << instruction.dst;
      unseen[made] = false;
    }
  }
  std::copy_if(plan.watched.begin(), plan.watched.end(), std::back_inserter(scanned_),
               [&](int buffer) { return unseen[buffer]; });
}

template <class T>
bool Guard<T>::calm(const std::vector<T*>& flats, const std::vector<long>& sizes) const {
  if (plan_.first_update < 0) return true;
  const T far = std::numeric_limits<T>::max() / T(100);
  for (std::size_t i = 0; i < flats.size(); ++i)
    if (!kernels_.all_below(flats[i], sizes[i], far)) return false;
  return true;
}

template <class T>
void Guard<T>::begin(Batch& batch) {
  beyond_.store(false, std::memory_order_relaxed);
  batch.beyond = &beyond_;
}

template <class T>
bool Guard<T>::safe(const Batch& batch, const Memory<T>& memory) const {
  for (std::size_t i = plan_.first_update; i < plan_.steps.size(); ++i) {
    const std::vector<Number>& numbers = plan_.steps[i].numbers;
    if (numbers.empty()) continue;
    const double rate = batch.number(numbers[0]);
    if (!(rate < kLargestRate)) return false;
    // Beyond 2 a decaying weight would grow instead.
    if (numbers.size() > 1 && !(rate * batch.number(numbers[1]) <= 2)) return false;
    if (numbers.size() > 2 && !(rate * batch.number(numbers[2]) < plan_.bound)) return false;
  }
  if (plan_.loss >= 0 && !std::isfinite(memory.base(plan_.loss)[0])) return false;
  if (beyond_.load(std::memory_order_relaxed)) return false;
  for (int buffer : scanned_) {
    if (buffer == plan_.x && batch.data.x_bound < plan_.bound) continue;
    const long count = plan_.rows_of(buffer, batch.rows) * padded(plan_.buffers[buffer].width);
    if (!kernels_.all_below(memory.base(buffer), count, static_cast<T>(plan_.bound))) return false;
  }
  return true;
}

template class Guard<float>;
template class Guard<double>;

}  // namespace pellucid
