#include "run/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "run/kernels_of.h"
#include "steps/table.h"

namespace pellucid {
namespace {

constexpr double kAlignment = 64;
constexpr double kMostBytes = 0x1p46;

}  // namespace

template <class T>
MemorySizes memory_sizes(const PlanSpec& plan, const std::vector<Stretch>& stretches, long max_rows, int threads) {
  const Kernels<T>& kernels = kernels_of<T>();
  MemorySizes sizes{lay_out_arena(plan, stretches, max_rows, sizeof(T)), std::vector<Kept>(plan.steps.size()), 0, kRow,
                    0};
  const auto take = [&](long size) {
    const long at = sizes.all_kept;
    sizes.all_kept += padded(size);
    return at;
  };
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const StepSpec& step = plan.steps[i];
    const StepRun<T>& run = step_runs<T>()[static_cast<int>(step.kind)];
    if (run.scratch) sizes.scratch = std::max(sizes.scratch, run.scratch(kernels, plan, step, max_rows));
    if (run.filters) sizes.kept[i].filters = take(run.filters(kernels, step));
    if (!run.sums) continue;
    sizes.kept[i].sums_size = padded(run.sums(kernels, plan, step));
    sizes.kept[i].sums = take(kStrands * sizes.kept[i].sums_size);
  }
  sizes.scratch = padded(sizes.scratch);
  const double each = static_cast<double>(sizes.scratch) + static_cast<double>(sizes.arena.local_size);
  const double elements = static_cast<double>(sizes.arena.size) + static_cast<double>(sizes.all_kept) + each * threads;
  sizes.bytes = (elements + kRow) * sizeof(T) + kAlignment;
  return sizes;
}

template <class T>
void Memory<T>::FreeDeleter::operator()(void* pointer) const {
  std::free(pointer);
}

template <class T>
Memory<T>::Memory(const PlanSpec& plan, const std::vector<Stretch>& stretches, long max_rows, int threads)
    : sizes_(memory_sizes<T>(plan, stretches, max_rows, threads)), base_(plan.buffers.size(), nullptr) {
  if (sizes_.bytes > kMostBytes) throw std::bad_alloc();
  constexpr std::size_t alignment = static_cast<std::size_t>(kAlignment);
  const std::size_t bytes = static_cast<std::size_t>(sizes_.bytes) / alignment * alignment;
  block_.reset(static_cast<T*>(std::aligned_alloc(alignment, bytes)));
  if (!block_) throw std::bad_alloc();
  std::memset(static_cast<void*>(block_.get()), 0, bytes);
  kept_ = block_.get() + sizes_.arena.size;
  scratch_ = kept_ + sizes_.all_kept;
  for (std::size_t buffer = 0; buffer < base_.size(); ++buffer)
    if (sizes_.arena.offsets[buffer] >= 0) base_[buffer] = block_.get() + sizes_.arena.offsets[buffer];
}

template <class T>
void Memory<T>::bind(const PlanSpec& plan, const std::vector<T*>& flats) {
  for (std::size_t i = 0; i < base_.size(); ++i) {
    const BufferSpec& buffer = plan.buffers[i];
    if (buffer.in_arena()) continue;
    base_[i] = flats[static_cast<std::size_t>(buffer.home - static_cast<int>(Home::parameters))] + buffer.offset;
  }
}

template MemorySizes memory_sizes<float>(const PlanSpec&, const std::vector<Stretch>&, long, int);
template MemorySizes memory_sizes<double>(const PlanSpec&, const std::vector<Stretch>&, long, int);
template class Memory<float>;
template class Memory<double>;

}  // namespace pellucid
