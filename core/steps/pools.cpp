// Pools over images, and their gradients.
#include "steps/images.h"
#include "steps/windows.h"

namespace pellucid {
namespace {

void expect_places(const StepCheck& check, int operand) {
  const Window& w = check.step().image.window;
  expect_within(check, "cells of a window whose places are kept", w.rows * w.columns, 1, 256);
  expect_small(check, operand, w.channels, true);
}

void check_pool(const StepCheck& check) {
  check_window(check);
  expect_large(check, 0, check.step().image.window.channels);
  expect_small(check, 1, check.step().image.window.channels);
  if (check.count() > 2) expect_places(check, 2);
}

void check_max_backward(const StepCheck& check) {
  check_window(check);
  expect_small(check, 0, check.step().image.window.channels);
  expect_places(check, 1);
  expect_large(check, 2, check.step().image.window.channels);
}

void check_average_backward(const StepCheck& check) {
  check_window(check);
  expect_small(check, 0, check.step().image.window.channels);
  expect_large(check, 1, check.step().image.window.channels);
}

template <class T>
void max_pool(const SamplesCall<T>& call) {
  std::uint8_t* places = call.last_operand() > 1 ? call.bytes(2) : nullptr;
  call.kernels.max_pool(call.step.image.window, call.count(), call.base(0), call.base(1), places);
}
template <class T>
void max_backward(const SamplesCall<T>& call) {
  call.kernels.max_pool_backward(call.step.image.window, call.count(), call.base(0), call.bytes(1), call.base(2));
}
template <class T>
void average_pool(const SamplesCall<T>& call) {
  call.kernels.average_pool(call.step.image.window, call.count(), call.base(0), call.base(1));
}
template <class T>
void average_backward(const SamplesCall<T>& call) {
  call.kernels.average_pool_backward(call.step.image.window, call.count(), call.base(0), call.base(1));
}

template <class T>
using Run = void (*)(const SamplesCall<T>&);

void add(StepTable& table, StepKind kind, void (*check)(const StepCheck&), Run<float> f32, Run<double> f64) {
  table.add(kind, {check, work_of_moving, BySample::always}, {nullptr, nullptr, f32}, {nullptr, nullptr, f64});
}

}  // namespace

void add_pools(StepTable& table) {
  add(table, StepKind::max_pool2d, check_pool, max_pool<float>, max_pool<double>);
  add(table, StepKind::max_pool2d_backward, check_max_backward, max_backward<float>, max_backward<double>);
  add(table, StepKind::average_pool2d, check_pool, average_pool<float>, average_pool<double>);
  add(table, StepKind::average_pool2d_backward, check_average_backward, average_backward<float>,
      average_backward<double>);
}

}  // namespace pellucid
