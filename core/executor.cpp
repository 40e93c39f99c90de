#include "executor.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "arena.h"
#include "lookahead.h"
#include "steps.h"
#include "threads.h"

namespace pellucid {
namespace {

constexpr long kAlignment = 64;

template <class T>
const Kernels<T>& kernels_of();
template <>
const Kernels<float>& kernels_of<float>() {
  return kernels().f32;
}
template <>
const Kernels<double>& kernels_of<double>() {
  return kernels().f64;
}

// With fewer rows than this, the forward product goes another way, and asks for nothing ahead.
constexpr long kFewRows = 4;

// Gradients below the plan's bound, times a learning rate below this, cannot overflow.
constexpr double kLargestRate = 1e4;

}  // namespace

template <class T>
void Executor<T>::FreeDeleter::operator()(void* pointer) const {
  std::free(pointer);
}

template <class T>
Executor<T>::Executor(PlanSpec plan, long max_rows, int threads)
    : plan_(std::move(plan)), max_rows_(max_rows), threads_(std::max(1, threads)), kernels_(kernels_of<T>()) {
  check();
  lay_out();
  watch();
  batch_classes_.resize(static_cast<std::size_t>(max_rows_));
  rows_ahead_.resize(static_cast<std::size_t>(max_rows_));
  x_in_place_ = reads_x_in_place();
  if (x_in_place_) rows_of_x_.resize(static_cast<std::size_t>(max_rows_));
}

template <class T>
void Executor<T>::check() const {
  const int count = static_cast<int>(plan_.buffers.size());
  const auto known = [&](int buffer) { return buffer >= 0 && buffer < count; };
  bool fine = max_rows_ > 0 && known(plan_.x) && known(plan_.output);
  for (const StepSpec& step : plan_.steps) fine = fine && std::all_of(step.buffers.begin(), step.buffers.end(), known);
  for (int buffer : plan_.watched) fine = fine && known(buffer);
  for (int buffer : plan_.kept) fine = fine && known(buffer);
  if (!fine) throw std::invalid_argument("the plan names a buffer that it does not have");
}

template <class T>
void Executor<T>::lay_out() {
  groups_ = find_groups(plan_);
  const Arena arena = lay_out_arena(plan_, groups_, max_rows_, sizeof(T));
  local_offsets_ = arena.local_offsets;
  local_elements_ = arena.local_size;
  scratch_elements_ = scratch_size();
  const long working = lay_out_working();
  const long elements = arena.size + working + (scratch_elements_ + local_elements_) * threads_ + kLanes;
  const long bytes = (elements * static_cast<long>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
  arena_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, static_cast<std::size_t>(bytes))));
  if (!arena_) throw std::bad_alloc();
  std::memset(static_cast<void*>(arena_.get()), 0, static_cast<std::size_t>(bytes));
  working_base_ = arena_.get() + arena.size;
  scratch_ = working_base_ + working;
  base_.assign(plan_.buffers.size(), nullptr);
  for (std::size_t buffer = 0; buffer < base_.size(); ++buffer)
    if (arena.offsets[buffer] >= 0) base_[buffer] = arena_.get() + arena.offsets[buffer];
}

template <class T>
long Executor<T>::scratch_size() const {
  long most = kLanes;
  for (const StepSpec& step : plan_.steps) {
    if (is_product(step.kind)) {
      const Shape shape = product_shape(plan_, step, max_rows_);
      most = std::max(most, kernels_.matmul_scratch(product_of(step.kind), shape.m, shape.n, shape.k));
    } else if (step.kind == StepKind::program) {
      const long width = plan_.buffers[step.buffers.back()].width;
      most = std::max(most, kernels_.program_scratch(program_of(step, plan_.bound), width));
    } else if (step.kind == StepKind::conv2d || step.kind == StepKind::conv2d_weight_gradient) {
      most = std::max(most, kernels_.convolution_sizes(step.image).scratch);
    } else if (step.kind == StepKind::conv2d_input_gradient) {
      most = std::max(most, kernels_.convolution_sizes(step.image).scratch_back);
    } else if (adds_up(step.kind)) {
      most = std::max(most, padded(plan_.buffers[step.buffers[0]].width));
    }
  }
  return padded(most);
}

// Shares out the watched buffers: a program looks at what it makes while that is in the first-level cache. What is made
// elsewhere, or in a group, is scanned before the updates.
template <class T>
void Executor<T>::watch() {
  scanned_ = plan_.watched;
  for (long i = 0; i < plan_.first_update; ++i) {
    StepSpec& step = plan_.steps[i];
    if (step.kind != StepKind::program || in_a_group(groups_, i)) continue;
    for (const Instruction& instruction : step.code) {
      if (instruction.dst >= static_cast<int>(step.operands.size())) continue;
      const auto found = std::find(scanned_.begin(), scanned_.end(), step.buffers[instruction.dst]);
      if (found == scanned_.end()) continue;
      step.watched |= std::uint64_t{1} << instruction.dst;
      scanned_.erase(found);
    }
  }
}

template <class T>
void Executor<T>::bind(T* parameters, const std::vector<T*>& slots, long size) {
  flats_ = {parameters};
  flats_.insert(flats_.end(), slots.begin(), slots.end());
  flat_size_ = size;
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const BufferSpec& buffer = plan_.buffers[i];
    if (buffer.home == static_cast<int>(Home::arena)) continue;
    T* flat = buffer.home == static_cast<int>(Home::parameters)
                  ? parameters
                  : slots.at(static_cast<std::size_t>(buffer.home - static_cast<int>(Home::slots)));
    base_[i] = flat + buffer.offset;
  }
}

template <class T>
long Executor<T>::run(const DataView& data, const std::uint32_t* order, long batch_size, long first, long last,
                      const double* const* scalars, Totals& totals) {
  std::unique_lock<std::mutex> pool;
  if (threads_ > 1) pool = ThreadPool::instance().try_take();
  pool_taken_ = pool.owns_lock();
  if (!calm()) return 0;
  const long row_bytes = plan_.buffers[plan_.x].width * data.x.item_size();
  for (long batch = first; batch < last; ++batch) {
    const long start = batch * batch_size;
    const long rows = std::min(batch_size, data.rows - start);
    const long next = start + rows;
    Ahead ahead{};
    if (next < data.rows) {
      const long count = std::min(rows, data.rows - next);
      ahead = look_ahead(data, order ? order + next : nullptr, next, count, row_bytes, rows_ahead_, rows < kFewRows);
    }
    if (!run_batch({data, order ? order + start : nullptr, start, rows, scalars, batch - first, &ahead}, totals))
      return batch - first;
  }
  return last - first;
}

template <class T>
void Executor<T>::run_rows(const DataView& data, long start, long rows, Totals& totals) {
  std::unique_lock<std::mutex> pool;
  if (threads_ > 1) pool = ThreadPool::instance().try_take();
  pool_taken_ = pool.owns_lock();
  run_batch({data, nullptr, start, rows, nullptr, 0}, totals);
}

template <class T>
bool Executor<T>::step(const DataView& data, const double* const* scalars, long column, Totals& totals) {
  constexpr long kStepsBetweenLooks = 256;
  if (single_steps_++ % kStepsBetweenLooks == 0 && !calm()) {
    single_steps_ = 0;
    return false;
  }
  pool_taken_ = false;
  return run_batch({data, nullptr, 0, data.rows, scalars, column}, totals);
}

template <class T>
double Executor<T>::number(const Number& number, const Batch& batch) const {
  return number.scalar < 0 ? number.constant : batch.scalars[number.scalar][batch.column];
}

template <class T>
bool Executor<T>::run_batch(const Batch& batch, Totals& totals) {
  beyond_.store(false, std::memory_order_relaxed);
  gather(batch);
  for (const ScalarBuffer& scalar : plan_.scalar_buffers)
    base_[scalar.buffer][0] = static_cast<T>(batch.scalars[scalar.scalar][batch.column]);
  const long steps = static_cast<long>(plan_.steps.size());
  auto group = groups_.begin();
  for (long i = 0; i < steps;) {
    if (i == plan_.first_update && !safe(batch)) return false;
    if (group != groups_.end() && group->first == i) {
      run_group(*group, batch);
      i = (group++)->last;
    } else {
      run_step(plan_.steps[i++], batch);
    }
  }
  if (plan_.first_update == steps && !safe(batch)) return false;
  add(batch, totals);
  return true;
}

template <class T>
void Executor<T>::gather(const Batch& batch) {
  const auto rows_into = [&](const Source& source, int buffer) {
    const long width = plan_.buffers[buffer].width;
    kernels_.gather_rows(source.data, source.type, source.row_stride_bytes, batch.index, batch.start, batch.rows, width,
                         1.0, base_[buffer], padded(width));
  };
  x_is_gathered_ = !point_at_rows(batch);
  if (x_is_gathered_) rows_into(batch.data.x, plan_.x);
  if (plan_.t >= 0) rows_into(batch.data.t, plan_.t);
  if (plan_.weight < 0) return;
  T* weight = base_[plan_.weight];
  for (long r = 0; r < batch.rows; ++r) {
    const long row = batch.index ? batch.index[r] : batch.start + r;
    weight[r * kLanes] = batch.data.weight ? static_cast<T>(batch.data.weight[row]) : T(1);
  }
}

// Whether nothing but products reads x, each as its left matrix.
template <class T>
bool Executor<T>::reads_x_in_place() const {
  if (plan_.buffers[plan_.x].width % kLanes != 0) return false;
  const auto is_kept = [&](int buffer) { return buffer == plan_.x; };
  if (plan_.output == plan_.x || std::any_of(plan_.kept.begin(), plan_.kept.end(), is_kept)) return false;
  return std::all_of(plan_.steps.begin(), plan_.steps.end(), [&](const StepSpec& step) {
    const auto uses = std::count(step.buffers.begin(), step.buffers.end(), plan_.x);
    return uses == 0 || (uses == 1 && is_product(step.kind) && step.buffers[0] == plan_.x);
  });
}

// Finds the batch's rows where they lie, if all products over x can read them there; false where they must be packed.
template <class T>
bool Executor<T>::point_at_rows(const Batch& batch) {
  const Source& x = batch.data.x;
  const SourceType own = sizeof(T) == sizeof(float) ? SourceType::f32 : SourceType::f64;
  if (!x_in_place_ || x.type != own || x.row_stride_bytes % static_cast<long>(sizeof(T)) != 0 ||
      reinterpret_cast<std::uintptr_t>(x.data) % sizeof(T) != 0)
    return false;
  // Where x is watched, its pads and all its numbers would have to be looked at.
  if (!(batch.data.x_bound < plan_.bound) && !plan_.watched.empty()) return false;
  for (const StepSpec& step : plan_.steps) {
    if (!is_product(step.kind) || step.buffers[0] != plan_.x) continue;
    const Shape shape = product_shape(plan_, step, batch.rows);
    if (!kernels_.takes_rows_apart(product_of(step.kind), shape.m, shape.n, shape.k)) return false;
  }
  const char* first = static_cast<const char*>(x.data);
  for (long r = 0; r < batch.rows; ++r) {
    const long row = batch.index ? batch.index[r] : batch.start + r;
    rows_of_x_[r] = reinterpret_cast<const T*>(first + row * x.row_stride_bytes);
  }
  return true;
}

// Whether parameters and slots are so small that many steps, each of them safe, cannot bring them to overflow.
template <class T>
bool Executor<T>::calm() const {
  if (plan_.first_update < 0) return true;
  const T far = std::numeric_limits<T>::max() / T(100);
  return std::all_of(flats_.begin(), flats_.end(),
                     [&](const T* flat) { return kernels_.all_below(flat, flat_size_, far); });
}

// Whether all numbers that gradients are made of are so far from overflow that the updates cannot bring it about.
template <class T>
bool Executor<T>::safe(const Batch& batch) const {
  for (std::size_t i = plan_.first_update; i < plan_.steps.size(); ++i) {
    const std::vector<Number>& numbers = plan_.steps[i].numbers;
    if (numbers.empty()) continue;
    const double rate = number(numbers[0], batch);
    if (!(rate < kLargestRate)) return false;
    // Beyond 2 a decaying weight would grow instead.
    if (numbers.size() > 1 && !(rate * number(numbers[1], batch) <= 2)) return false;
    if (numbers.size() > 2 && !(rate * number(numbers[2], batch) < plan_.bound)) return false;
  }
  if (plan_.loss >= 0 && !std::isfinite(base_[plan_.loss][0])) return false;
  if (beyond_.load(std::memory_order_relaxed)) return false;
  for (int buffer : scanned_) {
    if (buffer == plan_.x && batch.data.x_bound < plan_.bound) continue;
    const long count = rows_of(buffer, batch.rows) * padded(plan_.buffers[buffer].width);
    if (!kernels_.all_below(base_[buffer], count, static_cast<T>(plan_.bound))) return false;
  }
  return true;
}

template <class T>
void Executor<T>::add(const Batch& batch, Totals& totals) {
  if (plan_.row_losses >= 0) {
    const T* losses = base_[plan_.row_losses];
    for (long r = 0; r < batch.rows; ++r) {
      const long row = batch.index ? batch.index[r] : batch.start + r;
      const double weight = batch.data.weight ? batch.data.weight[row] : 1.0;
      totals.loss += weight * static_cast<double>(losses[r * kLanes]);
      totals.weight += weight;
    }
  }
  totals.rows += batch.rows;
  if (!batch.data.classes) return;
  for (long r = 0; r < batch.rows; ++r)
    batch_classes_[r] = batch.data.classes[batch.index ? batch.index[r] : batch.start + r];
  const T* output = base_[plan_.output];
  const long width = plan_.buffers[plan_.output].width;
  if (width > 1) {
    totals.correct += kernels_.count_correct(output, batch.rows, width, batch_classes_.data());
  } else {
    for (long r = 0; r < batch.rows; ++r)
      totals.correct += (output[r * kLanes] > static_cast<T>(plan_.threshold)) == (batch_classes_[r] == 1);
  }
}

template class Executor<float>;
template class Executor<double>;

}  // namespace pellucid
