// Convolutions and their gradients.
#include "steps/images.h"
#include "steps/windows.h"

namespace pellucid {
namespace {

// ---- checks -------------------------------------------------------------------------------------------------------

long filter_width(const Convolution& c) { return c.window.channels / c.groups * c.window.rows * c.window.columns; }

void expect_image(const StepCheck& check, int operand) {
  const Convolution& c = check.step().image;
  const Window& w = c.window;
  if (c.planes) return check.expect(operand, 0, w.channels * w.height * w.width);
  expect_large(check, operand, w.channels);
}

// How much a kernel has to keep: the image with zeros around it and between its numbers, filters in either order.
void check_sizes(const StepCheck& check) {
  const Convolution& c = check.step().image;
  const Window& w = c.window;
  const double across = 1.0 * (w.columns - 1) * w.column_dilation + 1, down = 1.0 * (w.rows - 1) * w.row_dilation + 1;
  const double there = (1.0 * (w.out_height - 1) * w.row_stride + down) *
                       (1.0 * (w.out_width - 1) * w.column_stride + across) * padded(w.channels);
  const double back = (w.height + down) * (w.width + across) * padded(c.filters);
  const double filters = 1.0 * w.rows * (w.columns + kRow) * padded(w.channels) * padded(c.filters);
  const double scattered = (w.out_width + 1.0) * padded(w.columns * w.channels);
  for (double size : {there, back, filters, scattered})
    if (size > kMostOfImage) check.refuse("takes more than 2^36 elements for an image or its filters");
}

void check_numbers(const StepCheck& check) {
  check_window(check);
  const Convolution& c = check.step().image;
  expect_within(check, "filters", c.filters, 1);
  expect_within(check, "groups", c.groups, 1);
  if (c.window.channels % c.groups != 0 || c.filters % c.groups != 0)
    check.refuse("has " + std::to_string(c.groups) + " groups, expected a divisor of its " +
                 std::to_string(c.window.channels) + " channels and " + std::to_string(c.filters) + " filters");
  check_sizes(check);
}

void check_conv2d(const StepCheck& check) {
  check_numbers(check);
  const Convolution& c = check.step().image;
  expect_image(check, 0);
  check.expect(1, c.filters, filter_width(c));
  check.expect(2, 1, c.filters);
  expect_small(check, 3, c.filters);
}

void check_input_gradient(const StepCheck& check) {
  check_numbers(check);
  const Convolution& c = check.step().image;
  expect_small(check, 0, c.filters);
  check.expect(1, c.filters, filter_width(c));
  expect_large(check, 2, c.window.channels);
}

void check_weight_gradient(const StepCheck& check) {
  check_numbers(check);
  const Convolution& c = check.step().image;
  expect_image(check, 0);
  expect_small(check, 1, c.filters);
  check.expect(2, c.filters, filter_width(c));
}

// ---- runs ---------------------------------------------------------------------------------------------------------

double work(const PlanSpec&, const StepSpec& step, long rows) {
  const Window& w = step.image.window;
  return 1.0 * w.out_height * w.out_width * w.rows * w.columns * w.channels * step.image.filters / step.image.groups *
         rows;
}

template <class T>
long scratch(const Kernels<T>& kernels, const PlanSpec&, const StepSpec& step, long) {
  return kernels.convolution_sizes(step.image).scratch;
}
template <class T>
long scratch_back(const Kernels<T>& kernels, const PlanSpec&, const StepSpec& step, long) {
  return kernels.convolution_sizes(step.image).scratch_back;
}
template <class T>
long packed(const Kernels<T>& kernels, const StepSpec& step) {
  return kernels.convolution_sizes(step.image).packed;
}
template <class T>
long packed_back(const Kernels<T>& kernels, const StepSpec& step) {
  return kernels.convolution_sizes(step.image).packed_back;
}
template <class T>
long gradient_sums(const Kernels<T>& kernels, const PlanSpec&, const StepSpec& step) {
  return packed(kernels, step);
}

template <class T>
void pack(const WholeCall<T>& call) {
  call.kernels.pack_filters(call.step.image, call.base(1), call.ld(1), call.memory.kept(call.kept.filters));
}
template <class T>
void pack_back(const WholeCall<T>& call) {
  call.kernels.pack_filters_back(call.step.image, call.base(1), call.ld(1), call.memory.kept(call.kept.filters));
}

template <class T>
void conv2d(const SamplesCall<T>& call) {
  call.kernels.convolve(call.step.image, call.count(), call.base(0), call.filters(), call.base(2), call.base(3),
                        call.scratch);
}
template <class T>
void input_gradient(const SamplesCall<T>& call) {
  call.kernels.convolve_back(call.step.image, call.count(), call.base(0), call.filters(), call.base(2), call.scratch);
}
template <class T>
void weight_gradient(const SamplesCall<T>& call) {
  call.kernels.add_filter_gradient(call.step.image, call.count(), call.base(0), call.base(1), call.sums(),
                                   call.scratch);
}

template <class T>
void unpack_gradient(const WholeCall<T>& call) {
  const T* sums = sum_of_strands(call);
  std::fill_n(call.base(2), call.rows(2) * call.ld(2), T(0));
  call.kernels.unpack_filter_gradient(call.step.image, sums, call.base(2), call.ld(2));
}

template <class T>
StepRun<T> conv2d_run() {
  return {nullptr, scratch<T>, conv2d<T>, packed<T>, nullptr, pack<T>, nullptr};
}
template <class T>
StepRun<T> input_gradient_run() {
  return {nullptr, scratch_back<T>, input_gradient<T>, packed_back<T>, nullptr, pack_back<T>, nullptr};
}
template <class T>
StepRun<T> weight_gradient_run() {
  return {nullptr, scratch<T>, weight_gradient<T>, nullptr, gradient_sums<T>, nullptr, unpack_gradient<T>};
}

}  // namespace

void add_convolutions(StepTable& table) {
  table.add(StepKind::conv2d, {check_conv2d, work, BySample::always}, conv2d_run<float>(), conv2d_run<double>());
  table.add(StepKind::conv2d_input_gradient, {check_input_gradient, work, BySample::always},
            input_gradient_run<float>(), input_gradient_run<double>());
  table.add(StepKind::conv2d_weight_gradient, {check_weight_gradient, work, BySample::adding_up},
            weight_gradient_run<float>(), weight_gradient_run<double>());
}

}  // namespace pellucid
