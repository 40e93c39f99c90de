#include "run/feeder.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "plan/check.h"
#include "run/kernels_of.h"
#include "steps/products.h"

namespace pellucid {
namespace {

// Kept out of the way of those who give what they should.
[[noreturn]] __attribute__((noinline, cold)) void refuse(const std::string& sentence) {
  throw std::invalid_argument(sentence);
}

std::string text(long number) { return std::to_string(number); }

bool suits(const Source& source, long width) { return source.data && source.width == width; }

[[noreturn]] __attribute__((noinline, cold)) void refuse_source(const char* name, const Source& source, long width) {
  if (!source.data) refuse(std::string("the data lacks ") + name + ", which the plan reads");
  refuse(std::string("the data's ") + name + " has rows of " + text(source.width) + ", expected " + text(width));
}

}  // namespace

template <class T>
Feeder<T>::Feeder(const PlanSpec& plan, long max_rows)
    : plan_(plan),
      kernels_(kernels_of<T>()),
      scalars_(scalars_needed(plan)),
      labels_(labels_needed(plan)),
      rows_ahead_(static_cast<std::size_t>(max_rows)),
      x_could_stay_(could_stay()) {
  for (const StepSpec& step : plan_.steps)
    if (is_product(step.kind) && step.buffers[0] == plan_.x) over_x_.push_back(&step);
  if (x_could_stay_) rows_of_x_.resize(static_cast<std::size_t>(max_rows));
}

template <class T>
void Feeder<T>::check(const DataView& data) const {
  const long x_width = plan_.buffers[plan_.x].width;
  if (!suits(data.x, x_width)) refuse_source("x", data.x, x_width);
  if (plan_.t >= 0 && !suits(data.t, plan_.buffers[plan_.t].width))
    refuse_source("t", data.t, plan_.buffers[plan_.t].width);
  if (labels_ && !data.labels) refuse("the data lacks labels, which the plan reads");
}

template <class T>
void Feeder<T>::check(const Scalars& scalars, long first, long count) const {
  if (scalars.count < scalars_)
    refuse("the run brings " + text(scalars.count) + " run-time scalars, but the plan reads " + text(scalars_));
  if (scalars_ > 0 && (first < 0 || scalars.length < count || first > scalars.length - count))
    refuse("a run-time scalar has " + text(scalars.length) + " numbers, but the run reads " + text(count) + " from " +
           text(first) + " on");
}

// In a random order the next rows come from main memory. Asked for all at once, they fill the processor's queue of open
// requests and hold up everything behind them. So the products over x ask for them line by line, as they go along their
// own rows. While they stream the weights, half of these requests are dropped; that is why the weight gradient asks for
// all of them again. Where the forward product goes a way that does not ask, all of them are asked for here.
template <class T>
Ahead Feeder<T>::look_ahead(const DataView& data, const std::uint32_t* index, long start, long rows) {
  constexpr std::uintptr_t kLine = 64;
  const bool asked = over_x_.empty() || choice_of(kernels_, plan_, *over_x_[0], rows).asks_ahead;
  const long row_bytes = data.x.width * data.x.item_size();
  for (long r = 0; r < rows; ++r) {
    const long row = index ? index[start + r] : start + r;
    const auto begin = reinterpret_cast<std::uintptr_t>(data.x.data) + row * data.x.row_stride_bytes;
    rows_ahead_[r] = reinterpret_cast<const char*>(begin / kLine * kLine);
    if (!asked)
      for (const char* line = rows_ahead_[r]; line < rows_ahead_[r] + row_bytes; line += kLine)
        __builtin_prefetch(line, 0, 2);
    // NumPy's arrays need not begin with a line, so a row may end in one line more than it has in length.
    __builtin_prefetch(reinterpret_cast<const char*>(begin + row_bytes - 1), 0, 2);
    if (data.labels) __builtin_prefetch(data.labels + row);
    if (data.classes && data.classes != data.labels) __builtin_prefetch(data.classes + row);
    if (data.weight) __builtin_prefetch(data.weight + row);
  }
  return {rows_ahead_.data(), asked ? rows : 0, data.x.item_size()};
}

template <class T>
void Feeder<T>::feed(Batch& batch, const Memory<T>& memory) {
  const auto gather = [&](const Source& source, int buffer) {
    const long width = plan_.buffers[buffer].width;
    kernels_.gather_rows(source.data, source.type, source.row_stride_bytes, batch.index, batch.start, batch.rows, width,
                         1.0, memory.base(buffer), padded(width));
  };
  if (point_at_rows(batch))
    batch.rows_of_x = rows_of_x_.data();
  else
    gather(batch.data.x, plan_.x);
  if (plan_.t >= 0) gather(batch.data.t, plan_.t);
  if (plan_.weight >= 0) {
    T* weight = memory.base(plan_.weight);
    for (long r = 0; r < batch.rows; ++r)
      weight[r * kRow] = batch.data.weight ? static_cast<T>(batch.data.weight[batch.row(r)]) : T(1);
  }
  for (const ScalarBuffer& scalar : plan_.scalar_buffers)
    memory.base(scalar.buffer)[0] = static_cast<T>(batch.number({scalar.scalar, 0}));
}

// Whether nothing but products reads x, each as its left matrix.
template <class T>
bool Feeder<T>::could_stay() const {
  if (plan_.buffers[plan_.x].width % kRow != 0) return false;
  const auto is_x = [&](int buffer) { return buffer == plan_.x; };
  if (is_x(plan_.output) || std::any_of(plan_.kept.begin(), plan_.kept.end(), is_x)) return false;
  return std::all_of(plan_.steps.begin(), plan_.steps.end(), [&](const StepSpec& step) {
    const auto uses = std::count_if(step.buffers.begin(), step.buffers.end(), is_x);
    return uses == 0 || (uses == 1 && is_product(step.kind) && is_x(step.buffers[0]));
  });
}

// Finds the batch's rows where they lie, if all products over x can read them there; false where they must be packed.
template <class T>
bool Feeder<T>::point_at_rows(const Batch& batch) {
  const Source& x = batch.data.x;
  const SourceType own = sizeof(T) == sizeof(float) ? SourceType::f32 : SourceType::f64;
  if (!x_could_stay_ || x.type != own || x.row_stride_bytes % static_cast<long>(sizeof(T)) != 0 ||
      reinterpret_cast<std::uintptr_t>(x.data) % sizeof(T) != 0)
    return false;
  // Where x is watched, its pads and all its numbers would have to be looked at.
  if (!(batch.data.x_bound < plan_.bound) && !plan_.watched.empty()) return false;
  for (const StepSpec* step : over_x_)
    if (!choice_of(kernels_, plan_, *step, batch.rows).takes_rows_apart) return false;
  const char* first = static_cast<const char*>(x.data);
  for (long r = 0; r < batch.rows; ++r)
    rows_of_x_[r] = reinterpret_cast<const T*>(first + batch.row(r) * x.row_stride_bytes);
  return true;
}

template class Feeder<float>;
template class Feeder<double>;

}  // namespace pellucid
