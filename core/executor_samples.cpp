// Groups of steps, made for some samples at a time: which thread takes which samples, and the kernels over images.
#include <algorithm>
#include <atomic>

#include "executor.h"
#include "steps.h"
#include "threads.h"

namespace pellucid {
// Returns how many elements all filters and sums take.
template <class T>
long Executor<T>::lay_out_working() {
  working_.assign(plan_.steps.size(), {});
  long end = 0;
  const auto take = [&](long size) {
    const long at = end;
    end += padded(size);
    return at;
  };
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const StepSpec& step = plan_.steps[i];
    Working& working = working_[i];
    if (step.kind == StepKind::conv2d) working.filters = take(kernels_.convolution_sizes(step.image).packed);
    if (step.kind == StepKind::conv2d_input_gradient)
      working.filters = take(kernels_.convolution_sizes(step.image).packed_back);
    if (!adds_up(step.kind)) continue;
    working.sums_size = step.kind == StepKind::conv2d_weight_gradient ? kernels_.convolution_sizes(step.image).packed
                                                                      : padded(plan_.buffers[step.buffers[0]].width);
    working.sums = take(kStrands * working.sums_size);
  }
  return end;
}

template <class T>
void Executor<T>::run_group(const Group& group, const Batch& batch) {
  for (long i = group.first; i < group.last; ++i) pack(plan_.steps[i], working_[i]);
  const bool shared = pool_taken_ && group.work * batch.rows >= kWorthSharing;
  if (!shared) {
    std::atomic<int> next{0};
    run_strands(group, batch, 0, next);
  } else {
    struct Call {
      Executor* self;
      const Group* group;
      const Batch* batch;
      std::atomic<int> next;
    } call{this, &group, &batch, {0}};
    ThreadPool::instance().run(
        std::min(threads_, kStrands),
        [](void* context, int part, int) {
          Call& given = *static_cast<Call*>(context);
          given.self->run_strands(*given.group, *given.batch, part, given.next);
        },
        &call);
  }
  for (long i = group.first; i < group.last; ++i) finish(plan_.steps[i], working_[i], batch.rows);
}

// Makes the next strand until none is left: a thread that has lost its core for a while leaves more to the others.
template <class T>
void Executor<T>::run_strands(const Group& group, const Batch& batch, int part, std::atomic<int>& next) {
  T* scratch = scratch_of(part);
  for (int strand = next++; strand < kStrands; strand = next++) {
    for (long i = group.first; i < group.last; ++i)
      std::fill_n(working_base_ + working_[i].sums + strand * working_[i].sums_size, working_[i].sums_size, T(0));
    long first, last;
    share(batch.rows, 1, strand, kStrands, first, last);
    for (long sample = first; sample < last; sample += group.block) {
      const Samples samples{sample, std::min(last, sample + group.block), strand, scratch, scratch + scratch_elements_};
      for (long i = group.first; i < group.last; ++i) run_samples(plan_.steps[i], working_[i], batch, samples);
    }
  }
}

// The first of these samples in a buffer; what is the same for all samples, as it is.
template <class T>
T* Executor<T>::at(int buffer, const Samples& samples) const {
  const BufferSpec& spec = plan_.buffers[buffer];
  if (local_offsets_[buffer] >= 0) return samples.local + local_offsets_[buffer];
  if (spec.rows != 0) return base_[buffer];
  const long offset = samples.first * sample_elements(spec);
  if (!spec.bytes) return base_[buffer] + offset;
  return reinterpret_cast<T*>(reinterpret_cast<char*>(base_[buffer]) + offset);
}

template <class T>
void Executor<T>::pack(const StepSpec& step, const Working& working) {
  if (step.kind != StepKind::conv2d && step.kind != StepKind::conv2d_input_gradient) return;
  const int filters = step.buffers[1];
  const auto kernel = step.kind == StepKind::conv2d ? kernels_.pack_filters : kernels_.pack_filters_back;
  kernel(step.image, base_[filters], padded(plan_.buffers[filters].width), working_base_ + working.filters);
}

template <class T>
void Executor<T>::run_samples(const StepSpec& step, const Working& working, const Batch& batch,
                              const Samples& samples) {
  const auto base = [&](int i) { return at(step.buffers[i], samples); };
  const auto bytes = [&](int i) { return reinterpret_cast<std::uint8_t*>(base(i)); };
  const auto spec = [&](int i) -> const BufferSpec& { return plan_.buffers[step.buffers[i]]; };
  const Window& window = step.image.window;
  const long count = samples.count();
  T* filters = working_base_ + working.filters;
  switch (step.kind) {
    case StepKind::conv2d:
      return kernels_.convolve(step.image, count, base(0), filters, base(2), base(3), samples.scratch);
    case StepKind::conv2d_input_gradient:
      return kernels_.convolve_back(step.image, count, base(0), filters, base(2), samples.scratch);
    case StepKind::conv2d_weight_gradient:
      return kernels_.add_filter_gradient(step.image, count, base(0), base(1),
                                          working_base_ + working.sums + samples.strand * working.sums_size,
                                          samples.scratch);
    case StepKind::sum_channels:
    case StepKind::mean_channels:
      return add_up(step, working, samples);
    case StepKind::max_pool2d:
      return kernels_.max_pool(window, count, base(0), base(1), step.buffers.size() > 2 ? bytes(2) : nullptr);
    case StepKind::max_pool2d_backward:
      return kernels_.max_pool_backward(window, count, base(0), bytes(1), base(2));
    case StepKind::average_pool2d:
      return kernels_.average_pool(window, count, base(0), base(1));
    case StepKind::average_pool2d_backward:
      return kernels_.average_pool_backward(window, count, base(0), base(1));
    case StepKind::pad2d:
      return kernels_.pad_image(window, count, base(0), base(1));
    case StepKind::crop2d:
      return kernels_.crop_image(window, count, base(0), base(1));
    case StepKind::to_positions:
      return kernels_.to_positions(base(0), spec(1).width, spec(1).positions, count, base(1));
    case StepKind::to_planes:
      return kernels_.to_planes(base(0), spec(0).width, spec(0).positions, count, base(1));
    case StepKind::spread2d:
      return kernels_.spread(base(0), spec(1).width, spec(1).positions, count, base(1));
    case StepKind::concatenate:
    case StepKind::slice_channels:
      return join_columns(step, samples);
    case StepKind::dropout_mask:
      return kernels_.dropout_mask(base(0) - samples.first * padded(spec(0).width), samples.first, samples.last,
                                   spec(0).width, number(step.numbers[1], batch), step.seed, step.purpose,
                                   static_cast<std::uint64_t>(number(step.numbers[0], batch)));
    default:
      return run_program(step, samples);
  }
}

template <class T>
void Executor<T>::run_program(const StepSpec& step, const Samples& samples) {
  T* data[64];
  for (std::size_t i = 0; i < step.operands.size(); ++i)
    data[i] = step.operands[i].kind == OperandKind::constant ? nullptr : at(step.buffers[i], samples);
  const BufferSpec& out = plan_.buffers[step.buffers.back()];
  kernels_.run_program(program_of(step, plan_.bound), data, 0, samples.count() * out.positions, out.width,
                       samples.scratch);
}

template <class T>
void Executor<T>::join_columns(const StepSpec& step, const Samples& samples) {
  const BufferSpec& to = plan_.buffers[step.buffers.back()];
  const long ld = padded(to.width), rows = samples.count() * to.positions;
  T* y = at(step.buffers.back(), samples);
  for (long row = 0; row < rows; ++row) std::fill(y + row * ld + to.width, y + (row + 1) * ld, T(0));
  long column = 0;
  for (std::size_t i = 0; i + 1 < step.buffers.size(); ++i) {
    const BufferSpec& from = plan_.buffers[step.buffers[i]];
    const bool slice = step.kind == StepKind::slice_channels;
    const long first = slice ? static_cast<long>(step.numbers[0].constant) : 0, width = slice ? to.width : from.width;
    kernels_.copy_columns(at(step.buffers[i], samples), padded(from.width), first, width, y, ld, column, rows);
    column += width;
  }
}

template <class T>
void Executor<T>::add_up(const StepSpec& step, const Working& working, const Samples& samples) {
  const BufferSpec& x = plan_.buffers[step.buffers[0]];
  T* sums = working_base_ + working.sums + samples.strand * working.sums_size;
  kernels_.sum_rows(at(step.buffers[0], samples), samples.count() * x.positions, x.width, 0, x.width, samples.scratch);
  for (long i = 0; i < working.sums_size; ++i) sums[i] += samples.scratch[i];
}

// Adds up what the strands have, in order, and puts it where it belongs.
template <class T>
void Executor<T>::finish(const StepSpec& step, const Working& working, long rows) {
  if (!adds_up(step.kind)) return;
  T* sums = working_base_ + working.sums;
  for (long strand = 1; strand < kStrands; ++strand)
    for (long i = 0; i < working.sums_size; ++i) sums[i] += sums[strand * working.sums_size + i];
  const int out = step.buffers.back();
  if (step.kind == StepKind::conv2d_weight_gradient) {
    const BufferSpec& spec = plan_.buffers[out];
    std::fill_n(base_[out], spec.rows * padded(spec.width), T(0));
    return kernels_.unpack_filter_gradient(step.image, sums, base_[out], padded(spec.width));
  }
  const T count = step.kind == StepKind::mean_channels ? static_cast<T>(rows_of(step.buffers[0], rows)) : T(1);
  for (long i = 0; i < working.sums_size; ++i) base_[out][i] = sums[i] / count;
}

template class Executor<float>;
template class Executor<double>;

}  // namespace pellucid
