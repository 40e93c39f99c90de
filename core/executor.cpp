#include "executor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "lookahead.h"
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

// A step smaller than this is over before a second thread has noticed it. In multiply-adds, or elements touched.
constexpr double kWorthSharing = 400e3;

// Gradients below the plan's bound, times a learning rate below this, cannot overflow.
constexpr double kLargestRate = 1e4;

Product product_of(StepKind kind) {
  switch (kind) {
    case StepKind::affine:
    case StepKind::matmul:
      return Product::nn;
    case StepKind::matmul_nt:
      return Product::nt;
    case StepKind::matmul_tn:
      return Product::tn;
    case StepKind::sgd_product:
      return Product::tn_add;
    default:
      return Product::tn_update;
  }
}

bool is_product(StepKind kind) { return kind <= StepKind::update_product; }

struct Shape {
  long m, n, k;
};

// The shape of c (m, n), and the length k of the sums, of a product's step.
Shape product_shape(const PlanSpec& plan, const StepSpec& step, long rows) {
  const auto rows_of = [&](int buffer) { return plan.buffers[buffer].rows ? plan.buffers[buffer].rows : rows; };
  const int a = step.buffers[0], b = step.buffers[1];
  switch (product_of(step.kind)) {
    case Product::nn:
      return {rows_of(a), plan.buffers[b].width, plan.buffers[a].width};
    case Product::nt:
      return {rows_of(a), rows_of(b), plan.buffers[a].width};
    default:
      return {plan.buffers[a].width, plan.buffers[b].width, rows_of(a)};
  }
}

// The i-th of `parts` shares of 0 .. count-1, cut at multiples of `grain`.
void share(long count, long grain, int part, int parts, long& first, long& last) {
  const long grains = (count + grain - 1) / grain;
  first = std::min(count, grains * part / parts * grain);
  last = std::min(count, grains * (part + 1) / parts * grain);
}

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
  batch_classes_.resize(static_cast<std::size_t>(max_rows_));
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

// Gives every arena buffer an offset such that buffers that live at the same time never overlap.
template <class T>
void Executor<T>::lay_out() {
  const int count = static_cast<int>(plan_.buffers.size());
  const long end = static_cast<long>(plan_.steps.size());
  std::vector<long> first(count, end + 1), last(count, -1);
  const auto touch = [&](int buffer, long when) {
    if (buffer < 0) return;
    first[buffer] = std::min(first[buffer], when);
    last[buffer] = std::max(last[buffer], when);
  };
  for (long i = 0; i < end; ++i)
    for (int buffer : plan_.steps[i].buffers) touch(buffer, i);
  for (int buffer : {plan_.x, plan_.t, plan_.weight}) touch(buffer, -1);
  for (int buffer : {plan_.weight, plan_.output, plan_.row_losses, plan_.loss}) touch(buffer, end);
  for (int buffer : plan_.kept) touch(buffer, end);
  for (int buffer : plan_.watched) touch(buffer, std::max(plan_.first_update, 0));
  for (const ScalarBuffer& scalar : plan_.scalar_buffers) touch(scalar.buffer, -1);

  struct Placed {
    long offset, size, first, last;
  };
  std::vector<Placed> placed;
  std::vector<long> offsets(count, -1);
  long total = 0;
  for (int buffer = 0; buffer < count; ++buffer) {
    if (plan_.buffers[buffer].home != static_cast<int>(Home::arena) || last[buffer] < first[buffer]) continue;
    const long size = rows_of(buffer, max_rows_) * padded(plan_.buffers[buffer].width);
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.offset < b.offset; });
    long offset = 0;
    for (const Placed& other : placed) {
      const bool together = other.first <= last[buffer] && first[buffer] <= other.last;
      if (together && other.offset < offset + size) offset = std::max(offset, other.offset + other.size);
    }
    placed.push_back({offset, size, first[buffer], last[buffer]});
    offsets[buffer] = offset;
    total = std::max(total, offset + size);
  }
  scratch_elements_ = scratch_size();
  const long elements = total + scratch_elements_ * threads_ + kLanes;
  const long bytes = (elements * static_cast<long>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
  arena_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, static_cast<std::size_t>(bytes))));
  if (!arena_) throw std::bad_alloc();
  std::memset(static_cast<void*>(arena_.get()), 0, static_cast<std::size_t>(bytes));
  scratch_ = arena_.get() + total;
  base_.assign(count, nullptr);
  for (int buffer = 0; buffer < count; ++buffer)
    if (offsets[buffer] >= 0) base_[buffer] = arena_.get() + offsets[buffer];
}

template <class T>
long Executor<T>::scratch_size() const {
  long most = kLanes;
  for (const StepSpec& step : plan_.steps) {
    if (is_product(step.kind)) {
      const Shape shape = product_shape(plan_, step, max_rows_);
      most = std::max(most, kernels_.matmul_scratch(product_of(step.kind), shape.m, shape.n, shape.k));
    } else if (step.kind == StepKind::program) {
      const Program program{step.code.data(), static_cast<int>(step.code.size()), step.operands.data(),
                            static_cast<int>(step.operands.size()), step.registers};
      const long width = plan_.buffers[step.buffers.back()].width;
      most = std::max(most, kernels_.program_scratch(program, width));
    }
  }
  return padded(most);
}

template <class T>
void Executor<T>::bind(T* parameters, const std::vector<T*>& slots) {
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
  const long row_bytes = plan_.buffers[plan_.x].width * data.x.item_size();
  long stops = 0;
  for (const StepSpec& step : plan_.steps) stops += is_product(step.kind) ? pieces_of(step) : 0;
  for (long batch = first; batch < last; ++batch) {
    const long start = batch * batch_size;
    const long rows = std::min(batch_size, data.rows - start);
    const long next = start + rows;
    Lookahead ahead;
    if (next < data.rows)
      ahead = Lookahead(data, order ? order + next : nullptr, next, std::min(batch_size, data.rows - next), row_bytes,
                        stops);
    if (!run_batch({data, order ? order + start : nullptr, start, rows, scalars, batch - first}, ahead, totals))
      return batch - first;
  }
  return last - first;
}

template <class T>
void Executor<T>::run_rows(const DataView& data, long start, long rows, Totals& totals) {
  std::unique_lock<std::mutex> pool;
  if (threads_ > 1) pool = ThreadPool::instance().try_take();
  pool_taken_ = pool.owns_lock();
  Lookahead nothing;
  run_batch({data, nullptr, start, rows, nullptr, 0}, nothing, totals);
}

template <class T>
bool Executor<T>::step(const DataView& data, const double* const* scalars, long column, Totals& totals) {
  pool_taken_ = false;
  Lookahead nothing;
  return run_batch({data, nullptr, 0, data.rows, scalars, column}, nothing, totals);
}

template <class T>
double Executor<T>::number(const Number& number, const Batch& batch) const {
  return number.scalar < 0 ? number.constant : batch.scalars[number.scalar][batch.column];
}

template <class T>
bool Executor<T>::run_batch(const Batch& batch, Lookahead& ahead, Totals& totals) {
  gather(batch);
  for (const ScalarBuffer& scalar : plan_.scalar_buffers)
    base_[scalar.buffer][0] = static_cast<T>(batch.scalars[scalar.scalar][batch.column]);
  const long steps = static_cast<long>(plan_.steps.size());
  for (long i = 0; i < steps; ++i) {
    if (i == plan_.first_update && !safe(batch)) return false;
    run_step(plan_.steps[i], batch, ahead);
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
  rows_into(batch.data.x, plan_.x);
  if (plan_.t >= 0) rows_into(batch.data.t, plan_.t);
  if (plan_.weight < 0) return;
  T* weight = base_[plan_.weight];
  for (long r = 0; r < batch.rows; ++r) {
    const long row = batch.index ? batch.index[r] : batch.start + r;
    weight[r * kLanes] = batch.data.weight ? static_cast<T>(batch.data.weight[row]) : T(1);
  }
}

// Whether all numbers that gradients are made of are so far from overflow that the updates cannot bring it about.
template <class T>
bool Executor<T>::safe(const Batch& batch) const {
  for (std::size_t i = plan_.first_update; i < plan_.steps.size(); ++i) {
    const std::vector<Number>& numbers = plan_.steps[i].numbers;
    if (!numbers.empty() && !(number(numbers[0], batch) < kLargestRate)) return false;
  }
  for (int buffer : plan_.watched) {
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

template <class T>
int Executor<T>::parts_of(const StepSpec& step, long rows) const {
  if (!pool_taken_) return 1;
  double work = 0;
  if (is_product(step.kind)) {
    const Shape shape = product_shape(plan_, step, rows);
    work = 1.0 * shape.m * shape.n * shape.k;
  } else if (step.kind == StepKind::program || step.kind == StepKind::update) {
    const int buffer = step.kind == StepKind::update ? step.buffers[1] : step.buffers.back();
    work = 8.0 * rows_of(buffer, rows) * padded(plan_.buffers[buffer].width);
  }
  return work < kWorthSharing ? 1 : threads_;
}

// A weight gradient over many rows or columns falls into pieces that cost nothing extra, with room between them.
template <class T>
int Executor<T>::pieces_of(const StepSpec& step) const {
  constexpr long kPiece = 128;
  if (step.kind < StepKind::matmul_tn || step.kind > StepKind::update_product) return 1;
  const Shape shape = product_shape(plan_, step, max_rows_);
  const long extent = shape.n >= kPiece ? shape.n : shape.m;
  return static_cast<int>(std::max(1L, std::min(16L, extent / kPiece)));
}

template <class T>
void Executor<T>::run_step(const StepSpec& step, const Batch& batch, Lookahead& ahead) {
  const int parts = parts_of(step, batch.rows);
  if (parts == 1) {
    if (!is_product(step.kind)) return run_part(step, batch, 0, 1, scratch_);
    const int pieces = pieces_of(step);
    for (int piece = 0; piece < pieces; ++piece) {
      run_part(step, batch, piece, pieces, scratch_);
      ahead.fetch();
    }
    return;
  }
  ahead.fetch();
  struct Call {
    Executor* self;
    const StepSpec* step;
    const Batch* batch;
  } call{this, &step, &batch};
  ThreadPool::instance().run(
      parts,
      [](void* context, int part, int count) {
        const Call& given = *static_cast<Call*>(context);
        T* scratch = given.self->scratch_ + part * given.self->scratch_elements_;
        given.self->run_part(*given.step, *given.batch, part, count, scratch);
      },
      &call);
}

template <class T>
void Executor<T>::run_part(const StepSpec& step, const Batch& batch, int part, int parts, T* scratch) {
  const auto base = [&](int i) { return base_[step.buffers[i]]; };
  const auto width = [&](int i) { return plan_.buffers[step.buffers[i]].width; };
  const auto rows = [&](int i) { return rows_of(step.buffers[i], batch.rows); };
  switch (step.kind) {
    case StepKind::affine:
    case StepKind::matmul:
    case StepKind::matmul_nt:
    case StepKind::matmul_tn:
    case StepKind::sgd_product:
    case StepKind::update_product:
      return product(step, batch, part, parts, scratch);
    case StepKind::update:
      return update(step, batch, part, parts);
    case StepKind::program: {
      const int count = static_cast<int>(step.operands.size());
      T* data[64];
      for (int i = 0; i < count; ++i) data[i] = step.operands[i].kind == OperandKind::constant ? nullptr : base(i);
      const Program program{step.code.data(), static_cast<int>(step.code.size()), step.operands.data(), count,
                            step.registers};
      long first, last;
      share(rows(count - 1), 1, part, parts, first, last);
      kernels_.run_program(program, data, first, last, width(count - 1), scratch);
      return;
    }
    case StepKind::sum_rows:
      return kernels_.sum_rows(base(0), rows(0), width(0), 0, width(0), base(1));
    case StepKind::sum_columns:
      return kernels_.sum_columns(base(0), 0, rows(0), width(0), base(1));
    case StepKind::max_columns:
      return kernels_.max_columns(base(0), 0, rows(0), width(0), base(1));
    case StepKind::sum_all:
      std::fill_n(base(1), kLanes, T(0));
      base(1)[0] = kernels_.sum_all(base(0), rows(0), width(0));
      return;
    case StepKind::one_hot:
      return kernels_.one_hot(batch.data.labels, batch.index, batch.start, batch.rows, width(0), base(0),
                              padded(width(0)));
    case StepKind::mean_weights: {
      T total = 0;
      for (long r = 0; r < batch.rows; ++r) total += base(0)[r * kLanes];
      std::fill_n(base(1), batch.rows * kLanes, T(0));
      for (long r = 0; r < batch.rows; ++r) base(1)[r * kLanes] = total != 0 ? base(0)[r * kLanes] / total : T(0);
      return;
    }
    case StepKind::dropout_mask:
      return kernels_.dropout_mask(base(0), 0, batch.rows, width(0), number(step.numbers[1], batch), step.seed,
                                   step.purpose, static_cast<std::uint64_t>(number(step.numbers[0], batch)));
  }
}

template <class T>
void Executor<T>::product(const StepSpec& step, const Batch& batch, int part, int parts, T* scratch) {
  const Shape shape = product_shape(plan_, step, batch.rows);
  // Whole columns go to a thread where there are enough of them: each then packs only what it reads.
  Part range{0, shape.m, 0, shape.n};
  if (shape.n >= 64L * parts)
    share(shape.n, 32, part, parts, range.col0, range.col1);
  else
    share(shape.m, 12, part, parts, range.row0, range.row1);
  if (range.row0 == range.row1 || range.col0 == range.col1) return;
  const auto base = [&](int i) { return base_[step.buffers[i]]; };
  const auto ld = [&](int i) { return padded(plan_.buffers[step.buffers[i]].width); };
  const auto [m, n, k] = shape;
  switch (step.kind) {
    case StepKind::affine:
      return kernels_.matmul_nn(base(0), ld(0), base(1), ld(1), base(2), base(3), ld(3), m, n, k, range, scratch);
    case StepKind::matmul:
      return kernels_.matmul_nn(base(0), ld(0), base(1), ld(1), nullptr, base(2), ld(2), m, n, k, range, scratch);
    case StepKind::matmul_nt:
      return kernels_.matmul_nt(base(0), ld(0), base(1), ld(1), base(2), ld(2), m, n, k, range, scratch);
    case StepKind::matmul_tn:
      return kernels_.matmul_tn(base(0), ld(0), base(1), ld(1), base(2), ld(2), m, n, k, range, scratch);
    case StepKind::sgd_product: {
      const double rate = number(step.numbers[0], batch), l2 = number(step.numbers[1], batch);
      return kernels_.matmul_tn_add(base(0), ld(0), base(1), ld(1), static_cast<T>(1.0 - rate * l2),
                                    static_cast<T>(-rate), base(2), ld(2), m, n, k, range, scratch);
    }
    default: {
      T scalars[kUpdateScalars];
      fill_update_scalars(step, batch, scalars);
      T* s1 = step.buffers.size() > 3 ? base(3) : nullptr;
      T* s2 = step.buffers.size() > 4 ? base(4) : nullptr;
      return kernels_.matmul_tn_update(base(0), ld(0), base(1), ld(1), static_cast<UpdateRule>(step.rule), scalars,
                                       base(2), s1, s2, ld(2), m, n, k, range, scratch);
    }
  }
}

template <class T>
void Executor<T>::update(const StepSpec& step, const Batch& batch, int part, int parts) {
  T scalars[kUpdateScalars];
  fill_update_scalars(step, batch, scalars);
  const int w = step.buffers[1];
  const long count = rows_of(w, batch.rows) * padded(plan_.buffers[w].width);
  long first, last;
  share(count, kLanes, part, parts, first, last);
  T* s1 = step.buffers.size() > 2 ? base_[step.buffers[2]] + first : nullptr;
  T* s2 = step.buffers.size() > 3 ? base_[step.buffers[3]] + first : nullptr;
  kernels_.update[step.rule](base_[w] + first, base_[step.buffers[0]] + first, s1, s2, last - first, scalars);
}

template <class T>
void Executor<T>::fill_update_scalars(const StepSpec& step, const Batch& batch, T* scalars) const {
  for (std::size_t i = 0; i < step.numbers.size(); ++i) scalars[i] = static_cast<T>(number(step.numbers[i], batch));
}

template class Executor<float>;
template class Executor<double>;

}  // namespace pellucid
