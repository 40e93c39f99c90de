// The checks of a window over images, for convolutions and pools.
#pragma once

#include "plan/check.h"

namespace pellucid {

constexpr double kMostReach = 0x1p50;    // elements: how far a window may reach, in and around the image
constexpr double kMostOfImage = 0x1p36;  // elements: what a step over images may keep of one sample, or of its filters

inline void expect_within(const StepCheck& check, const char* what, long number, long least, long most = 1L << 24) {
  if (number < least || number > most)
    check.refuse(std::string("has ") + what + " " + std::to_string(number) + ", expected " + std::to_string(least) +
                 " to " + std::to_string(most));
}

// Each number by itself.
inline void check_window(const StepCheck& check) {
  const Window& w = check.step().image.window;
  expect_within(check, "channels", w.channels, 1);
  expect_within(check, "height", w.height, 1);
  expect_within(check, "width", w.width, 1);
  expect_within(check, "output height", w.out_height, 1);
  expect_within(check, "output width", w.out_width, 1);
  expect_within(check, "window rows", w.rows, 1);
  expect_within(check, "window columns", w.columns, 1);
  expect_within(check, "row stride", w.row_stride, 1);
  expect_within(check, "column stride", w.column_stride, 1);
  expect_within(check, "row dilation", w.row_dilation, 1);
  expect_within(check, "column dilation", w.column_dilation, 1);
  expect_within(check, "rows of padding", w.top, 0);
  expect_within(check, "columns of padding", w.left, 0);
  // Kernels reckon with offsets of cells that lie beyond the image.
  const double down = 1.0 * w.out_height * w.row_stride + 1.0 * w.rows * w.row_dilation + w.top + w.height;
  const double across = 1.0 * w.out_width * w.column_stride + 1.0 * w.columns * w.column_dilation + w.left + w.width;
  if (down * across * padded(w.channels) > kMostReach) check.refuse("has a window that reaches too far");
}

// The larger and the smaller side, by positions.
inline void expect_large(const StepCheck& check, int operand, long channels) {
  const Window& w = check.step().image.window;
  check.expect(operand, 0, channels, w.height * w.width);
}
inline void expect_small(const StepCheck& check, int operand, long channels, bool bytes = false) {
  const Window& w = check.step().image.window;
  check.expect(operand, 0, channels, w.out_height * w.out_width, bytes);
}

}  // namespace pellucid
