// The gradient of a convolution's input the other way round: every position of dy, times the filters, is added to the
// image where its window lay. Nothing is multiplied with zeros, neither those around dy, where windows are as large as
// the image, nor those between its numbers, where strides are larger than 1; and few channels stand side by side, a row
// of the window in as few vectors as it takes. What it costs instead are the additions.
#pragma once

#include "kernels/conv/geometry.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/memory.h"

namespace pellucid {
namespace PELLUCID_ISA {

inline long row_of_window(const Window& w) { return padded(w.columns * w.channels); }

// Elements: of filters for every row of the window, and of what one row of dy gives for it.
inline long scattered_filters(const Convolution& c) { return c.window.rows * c.filters * row_of_window(c.window); }
inline long scattered_scratch(const Convolution& c) { return (c.window.out_width + 1) * row_of_window(c.window); }

// Whether it takes fewer operations on vectors than correlating dy with the filters turned round, which goes over all
// columns of the window at all positions of the image. Rows of zeros cost neither anything. An addition counts as four.
inline bool scatters(const Convolution& c) {
  const Window& w = c.window;
  const long vectors = padded(w.channels) / kRow;
  const long scattered = w.out_width * (c.filters * row_of_window(w) / kRow + 4 * w.columns * vectors);
  const long correlated = w.width * w.columns * c.filters * vectors;
  return scattered * 11 < correlated * 10;
}

// packed: for each row of the window (filters, columns, channels), rows of 16.
template <class T>
void pack_scattered(const Convolution& c, const T* W, long ldw, T* packed) {
  const Window& w = c.window;
  const long inner = w.channels / c.groups, outer = c.filters / c.groups, ld = row_of_window(w);
  clear(packed, scattered_filters(c));
  for (long filter = 0; filter < c.filters; ++filter)
    for (long i = 0; i < inner; ++i)
      for (long row = 0; row < w.rows; ++row)
        for (long column = 0; column < w.columns; ++column)
          packed[(row * c.filters + filter) * ld + column * w.channels + filter / outer * inner + i] =
              W[filter * ldw + (i * w.rows + row) * w.columns + column];
}

// products(positions, columns·channels): what a row of positions gives to one row of the image.
template <class T>
void add_row(const Window& w, const T* products, T* dx) {
  const long ld = row_of_window(w), pitch = padded(w.channels);
  for (long position = 0; position < w.out_width; ++position, products += ld)
    for (long column = 0; column < w.columns; ++column) {
      const long at = position * w.column_stride + column * w.column_dilation - w.left;
      if (at < 0 || at >= w.width) continue;
      const T* from = products + column * w.channels;
      T* to = dx + at * pitch;
      for (long v = 0; v < w.channels; v += kLanes<T>) store(to + v, load(to + v) + load(from + v));
    }
}

template <class T>
void scatter_row(const Convolution& c, const T* dy, const T* filters, T* products) {
  const Window& w = c.window;
  const long ld = row_of_window(w), ldy = padded(c.filters);
  const Split split(w.out_width, kMaxRows);
  const int most = widest(split.tallest());
  for (long col = 0; col < ld;) {
    const int vectors = panel_vectors((ld - col) / kLanes<T>, most);
    TileOperands<T> x{dy, ldy, filters + col, ld, c.filters, products + col, ld, nullptr, 1};
    run_tiles<T, Left::rows>(x, {Start::zero, nullptr, T(0)}, split, 0, vectors);
    col += vectors * kLanes<T>;
  }
}

// scratch: the products, and a vector behind them, as the last channels are read with what follows.
template <class T>
void scatter_back(const Convolution& c, long samples, const T* dy, const T* packed, T* dx, T* scratch) {
  const Window& w = c.window;
  const long pitch = padded(w.channels), size = w.height * w.width * pitch, ld = row_of_window(w);
  const long dy_row = w.out_width * padded(c.filters);
  clear(scratch + w.out_width * ld, ld);
  for (long sample = 0; sample < samples; ++sample, dx += size) {
    clear(dx, size);
    for (long out_row = 0; out_row < w.out_height; ++out_row, dy += dy_row)
      for (long row = 0; row < w.rows; ++row) {
        const long at = out_row * w.row_stride + row * w.row_dilation - w.top;
        if (at < 0 || at >= w.height) continue;
        scatter_row(c, dy, packed + row * c.filters * ld, scratch);
        add_row(w, scratch, dx + at * w.width * pitch);
      }
    for (long pixel = 0; pixel < w.height * w.width; ++pixel)
      clear(dx + pixel * pitch + w.channels, pitch - w.channels);
  }
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
