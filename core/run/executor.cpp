#include "run/executor.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "plan/check.h"
#include "run/kernels_of.h"

namespace pellucid {
namespace {

constexpr int kMostThreads = 4096;

[[noreturn]] __attribute__((noinline, cold)) void refuse(const std::string& sentence) {
  throw std::invalid_argument(sentence);
}

std::string text(long number) { return std::to_string(number); }

PlanSpec checked(PlanSpec&& plan, long max_rows) {
  check_plan(plan, max_rows);
  return std::move(plan);
}

int threads_within(int threads) { return std::min(std::max(threads, 1), kMostThreads); }

}  // namespace

template <class T>
Executor<T>::Executor(PlanSpec plan, long max_rows, int threads)
    : plan_(checked(std::move(plan), max_rows)),
      max_rows_(max_rows),
      stretches_(find_stretches(plan_)),
      memory_(plan_, stretches_, max_rows, threads_within(threads)),
      feeder_(plan_, max_rows),
      guard_(plan_, stretches_),
      scheduler_(plan_, stretches_, threads_within(threads)),
      bound_(std::all_of(plan_.buffers.begin(), plan_.buffers.end(), [](const BufferSpec& b) { return b.in_arena(); })),
      batch_classes_(static_cast<std::size_t>(max_rows)) {}

template <class T>
void Executor<T>::bind(Flat<T> parameters, const std::vector<Flat<T>>& slots) {
  std::vector<T*> flats{parameters.data};
  std::vector<long> sizes{parameters.size};
  for (const Flat<T>& slot : slots) {
    flats.push_back(slot.data);
    sizes.push_back(slot.size);
  }
  for (std::size_t i = 0; i < flats.size(); ++i)
    if (!flats[i]) sizes[i] = 0;
  check_homes(plan_, sizes);
  flats_ = std::move(flats);
  flat_sizes_ = std::move(sizes);
  memory_.bind(plan_, flats_);
  bound_ = true;
}

template <class T>
void Executor<T>::check_rows(const DataView& data, long start, long rows) const {
  if (!bound_) refuse("the plan reads parameters, but none are bound");
  if (rows < 1 || rows > max_rows_)
    refuse("a batch of " + text(rows) + " rows, expected 1 to " + text(max_rows_) + ", as the executor was made for");
  if (start < 0 || rows > data.rows || start > data.rows - rows)
    refuse("the rows " + text(start) + " to " + text(start + rows - 1) + " are not among the data's " +
           text(data.rows));
  feeder_.check(data);
}

template <class T>
long Executor<T>::run(const DataView& data, const Order* order, long batch_size, long first, long last,
                      const Scalars& scalars, Totals& totals) {
  if (last == first) return 0;
  if (batch_size < 1 || first < 0 || last < first || last - 1 > (data.rows - 1) / batch_size)
    refuse("the batches " + text(first) + " to " + text(last) + " of " + text(batch_size) +
           " rows are not in the data, which has " + text(data.rows));
  check_rows(data, first * batch_size, std::min(batch_size, data.rows - first * batch_size));
  if (batch_size > max_rows_ && last - first > 1) check_rows(data, 0, batch_size);
  if (order && order->rows() != data.rows)
    refuse("order and x differ in rows: " + text(order->rows()) + " and " + text(data.rows));
  feeder_.check(scalars, 0, last - first);
  const std::unique_lock<std::mutex> threads = scheduler_.take_threads();
  if (!guard_.calm(flats_, flat_sizes_)) return 0;
  const std::uint32_t* index = order ? order->index() : nullptr;
  for (long batch = first; batch < last; ++batch) {
    const long start = batch * batch_size, rows = std::min(batch_size, data.rows - start), next = start + rows;
    Ahead ahead{};
    if (next < data.rows) ahead = feeder_.look_ahead(data, index, next, std::min(rows, data.rows - next));
    if (!run_batch({data, index ? index + start : nullptr, start, rows, scalars.columns, batch - first, &ahead},
                   totals))
      return batch - first;
  }
  return last - first;
}

template <class T>
void Executor<T>::run_rows(const DataView& data, long start, long rows, Totals& totals) {
  check_rows(data, start, rows);
  feeder_.check(Scalars{}, 0, 0);
  const std::unique_lock<std::mutex> threads = scheduler_.take_threads();
  run_batch({data, nullptr, start, rows, nullptr, 0}, totals);
}

template <class T>
bool Executor<T>::step(const DataView& data, const Scalars& scalars, long column, Totals& totals) {
  constexpr long kStepsBetweenLooks = 256;
  check_rows(data, 0, data.rows);
  feeder_.check(scalars, column, 1);
  if (single_steps_++ % kStepsBetweenLooks == 0 && !guard_.calm(flats_, flat_sizes_)) {
    single_steps_ = 0;
    return false;
  }
  scheduler_.alone();
  return run_batch({data, nullptr, 0, data.rows, scalars.columns, column}, totals);
}

template <class T>
bool Executor<T>::run_batch(Batch batch, Totals& totals) {
  guard_.begin(batch);
  feeder_.feed(batch, memory_);
  const long steps = static_cast<long>(plan_.steps.size());
  if (plan_.first_update >= 0) {
    scheduler_.run(0, plan_.first_update, memory_, batch);
    if (!guard_.safe(batch, memory_)) return false;
    scheduler_.run(plan_.first_update, steps, memory_, batch);
  } else {
    scheduler_.run(0, steps, memory_, batch);
  }
  add(batch, totals);
  return true;
}

template <class T>
void Executor<T>::add(const Batch& batch, Totals& totals) {
  if (plan_.row_losses >= 0) {
    const T* losses = memory_.base(plan_.row_losses);
    for (long r = 0; r < batch.rows; ++r) {
      const double weight = batch.data.weight ? batch.data.weight[batch.row(r)] : 1.0;
      totals.loss += weight * static_cast<double>(losses[r * kRow]);
      totals.weight += weight;
    }
  }
  totals.rows += batch.rows;
  if (!batch.data.classes) return;
  for (long r = 0; r < batch.rows; ++r) batch_classes_[r] = batch.data.classes[batch.row(r)];
  const T* output = memory_.base(plan_.output);
  const long width = plan_.buffers[plan_.output].width;
  if (width > 1) {
    totals.correct += kernels_of<T>().count_correct(output, batch.rows, width, batch_classes_.data());
  } else {
    for (long r = 0; r < batch.rows; ++r)
      totals.correct += (output[r * kRow] > static_cast<T>(plan_.threshold)) == (batch_classes_[r] == 1);
  }
}

template class Executor<float>;
template class Executor<double>;

}  // namespace pellucid
