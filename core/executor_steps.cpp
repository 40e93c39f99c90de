// The executor's steps: each calls its kernel on its buffers, on one thread or in shares.
#include <algorithm>

#include "executor.h"
#include "steps.h"
#include "threads.h"

namespace pellucid {

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

template <class T>
int Executor<T>::parts_of(const StepSpec& step, long rows) const {
  if (!pool_taken_) return 1;
  double work = 0;
  if (is_product(step.kind)) {
    const Shape shape = product_shape(plan_, step, rows);
    work = 1.0 * shape.m * shape.n * shape.k;
  } else if (step.kind == StepKind::program || step.kind == StepKind::update) {
    const int buffer = step.kind == StepKind::update ? step.buffers[1] : step.buffers.back();
    work = 16.0 * rows_of(buffer, rows) * padded(plan_.buffers[buffer].width);
  }
  return work < kWorthSharing ? 1 : threads_;
}

template <class T>
void Executor<T>::run_step(const StepSpec& step, const Batch& batch) {
  const int parts = parts_of(step, batch.rows);
  if (parts == 1) return run_part(step, batch, 0, 1, scratch_);
  struct Call {
    Executor* self;
    const StepSpec* step;
    const Batch* batch;
  } call{this, &step, &batch};
  ThreadPool::instance().run(
      parts,
      [](void* context, int part, int count) {
        const Call& given = *static_cast<Call*>(context);
        T* scratch = given.self->scratch_of(part);
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
      long first, last;
      share(rows(count - 1), 1, part, parts, first, last);
      if (!kernels_.run_program(program_of(step, plan_.bound), data, first, last, width(count - 1), scratch))
        beyond_.store(true, std::memory_order_relaxed);
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
    case StepKind::running_update: {
      const T kept = static_cast<T>(number(step.numbers[0], batch));
      for (long i = 0; i < width(1); ++i) base(1)[i] = kept * base(1)[i] + (T(1) - kept) * base(0)[i];
      return;
    }
    default:
      return;  // the steps over images are made in groups
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
  // The first part's columns go along all rows of x; that is enough.
  const bool over_x = step.buffers[0] == plan_.x;
  if (over_x && part == 0) range.ahead = batch.ahead;
  const bool apart = over_x && !x_is_gathered_;
  if (apart) range.rows_apart = rows_of_x_.data();
  const auto base = [&](int i) { return i == 0 && apart ? nullptr : base_[step.buffers[i]]; };
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
