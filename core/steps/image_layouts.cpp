// Images into another layout, channels side by side, and sums over positions.
#include "steps/images.h"
#include "steps/windows.h"

namespace pellucid {
namespace {

// ---- checks -------------------------------------------------------------------------------------------------------

// An image (height, width) in a frame (out_height, out_width), by positions.
void check_frame(const StepCheck& check, int image, int frame) {
  check_window(check);
  const Window& w = check.step().image.window;
  if (w.top + w.height > w.out_height || w.left + w.width > w.out_width)
    check.refuse("puts an image beyond its frame, expected padding that is smaller");
  expect_large(check, image, w.channels);
  expect_small(check, frame, w.channels);
}
void check_pad(const StepCheck& check) { check_frame(check, 0, 1); }
void check_crop(const StepCheck& check) { check_frame(check, 1, 0); }

void check_to_positions(const StepCheck& check) {
  const BufferSpec& x = check.samples(1);
  check.expect(0, 0, x.width * x.positions);
}
void check_to_planes(const StepCheck& check) {
  const BufferSpec& x = check.samples(0);
  check.expect(1, 0, x.width * x.positions);
}
void check_spread(const StepCheck& check) { check.expect(0, 0, check.samples(1).width); }

void check_concatenate(const StepCheck& check) {
  const int last = check.count() - 1;
  const BufferSpec& y = check.samples(last);
  long width = 0;
  for (int i = 0; i < last; ++i) {
    width += check.matrix(i).width;
    check.expect_rows_of(i, last, check.matrix(i).width);
  }
  check.expect(last, 0, width, y.positions);
}

void check_slice(const StepCheck& check) {
  const BufferSpec &x = check.samples(0), &y = check.samples(1);
  check.expect_rows_of(1, 0, y.width);
  const Number& first = check.step().numbers[0];
  const double most = static_cast<double>(x.width - y.width);
  if (first.scalar >= 0 || !(first.constant >= 0 && first.constant <= most) ||
      first.constant != static_cast<double>(static_cast<long>(first.constant)))
    check.refuse("begins at a channel that is no whole constant from 0 to " + std::to_string(x.width - y.width));
}

void check_channel_sum(const StepCheck& check) { check.expect(1, 1, check.samples(0).width); }

// ---- runs ---------------------------------------------------------------------------------------------------------

template <class T>
void pad(const SamplesCall<T>& call) {
  call.kernels.pad_image(call.step.image.window, call.count(), call.base(0), call.base(1));
}
template <class T>
void crop(const SamplesCall<T>& call) {
  call.kernels.crop_image(call.step.image.window, call.count(), call.base(0), call.base(1));
}
template <class T>
void to_positions(const SamplesCall<T>& call) {
  call.kernels.to_positions(call.base(0), call.spec(1).width, call.spec(1).positions, call.count(), call.base(1));
}
template <class T>
void to_planes(const SamplesCall<T>& call) {
  call.kernels.to_planes(call.base(0), call.spec(0).width, call.spec(0).positions, call.count(), call.base(1));
}
template <class T>
void spread(const SamplesCall<T>& call) {
  call.kernels.spread(call.base(0), call.spec(1).width, call.spec(1).positions, call.count(), call.base(1));
}

// The rows of what channels are put into, with zeros in their pads.
template <class T>
struct Target {
  T* y;
  long ld, rows;

  explicit Target(const SamplesCall<T>& call) {
    const BufferSpec& to = call.spec(call.last_operand());
    y = call.base(call.last_operand());
    ld = padded(to.width);
    rows = call.count() * to.positions;
    for (long row = 0; row < rows; ++row) std::fill(y + row * ld + to.width, y + (row + 1) * ld, T(0));
  }
};

template <class T>
void concatenate(const SamplesCall<T>& call) {
  const Target<T> to(call);
  long column = 0;
  for (int i = 0; i < call.last_operand(); ++i) {
    const long width = call.spec(i).width;
    call.kernels.copy_columns(call.base(i), padded(width), 0, width, to.y, to.ld, column, to.rows);
    column += width;
  }
}

template <class T>
void slice_channels(const SamplesCall<T>& call) {
  const Target<T> to(call);
  const long first = static_cast<long>(call.number(0));
  call.kernels.copy_columns(call.base(0), padded(call.spec(0).width), first, call.spec(1).width, to.y, to.ld, 0,
                            to.rows);
}

// ---- sums over samples and positions ------------------------------------------------------------------------------

template <class T>
long row_scratch(const Kernels<T>&, const PlanSpec& plan, const StepSpec& step, long) {
  return padded(plan.buffers[step.buffers[0]].width);
}
template <class T>
long channel_sums(const Kernels<T>&, const PlanSpec& plan, const StepSpec& step) {
  return padded(plan.buffers[step.buffers[0]].width);
}

template <class T>
void add_up(const SamplesCall<T>& call) {
  const BufferSpec& x = call.spec(0);
  T* sums = call.sums();
  call.kernels.sum_rows(call.base(0), call.count() * x.positions, x.width, 0, x.width, call.scratch);
  for (long i = 0; i < call.kept.sums_size; ++i) sums[i] += call.scratch[i];
}

template <class T>
void divide_sums(const WholeCall<T>& call, T count) {
  const T* sums = sum_of_strands(call);
  T* out = call.base(1);
  for (long i = 0; i < call.kept.sums_size; ++i) out[i] = sums[i] / count;
}
template <class T>
void finish_sum(const WholeCall<T>& call) {
  divide_sums(call, T(1));
}
template <class T>
void finish_mean(const WholeCall<T>& call) {
  divide_sums(call, static_cast<T>(call.rows(0)));
}

template <class T>
StepRun<T> sum_run(void (*finish)(const WholeCall<T>&)) {
  return {nullptr, row_scratch<T>, add_up<T>, nullptr, channel_sums<T>, nullptr, finish};
}

template <class T>
using Run = void (*)(const SamplesCall<T>&);

void add(StepTable& table, StepKind kind, void (*check)(const StepCheck&), Run<float> f32, Run<double> f64) {
  table.add(kind, {check, work_of_moving, BySample::always}, {nullptr, nullptr, f32}, {nullptr, nullptr, f64});
}

}  // namespace

void add_image_layouts(StepTable& table) {
  add(table, StepKind::pad2d, check_pad, pad<float>, pad<double>);
  add(table, StepKind::crop2d, check_crop, crop<float>, crop<double>);
  add(table, StepKind::to_positions, check_to_positions, to_positions<float>, to_positions<double>);
  add(table, StepKind::to_planes, check_to_planes, to_planes<float>, to_planes<double>);
  add(table, StepKind::spread2d, check_spread, spread<float>, spread<double>);
  add(table, StepKind::concatenate, check_concatenate, concatenate<float>, concatenate<double>);
  add(table, StepKind::slice_channels, check_slice, slice_channels<float>, slice_channels<double>);
  const Step sum{check_channel_sum, work_of_moving, BySample::adding_up};
  table.add(StepKind::sum_channels, sum, sum_run<float>(finish_sum<float>), sum_run<double>(finish_sum<double>));
  table.add(StepKind::mean_channels, sum, sum_run<float>(finish_mean<float>), sum_run<double>(finish_mean<double>));
}

}  // namespace pellucid
