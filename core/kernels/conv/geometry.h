// What a convolution goes over: the image with the zeros around and between its numbers, the window, and the runs of
// numbers that lie side by side under the window in each of its rows.
#pragma once

#include "kernels/simd.h"
#include "kernels/table.h"

namespace pellucid {
namespace PELLUCID_ISA {

// One cross-correlation: an image with zeros around it (or cut, where a margin is negative) and between its rows and
// columns, and a window that steps over it.
struct Geometry {
  long channels, height, width;
  bool planes;               // how the image lies: channel planes, or by positions
  long row_gap, column_gap;  // 1: rows lie side by side; 2: one row of zeros between them; ...
  long top, left;
  long out_height, out_width;
  long rows, columns, row_stride, column_stride, row_dilation, column_dilation;  // of the window
  long filters;
  bool staged;  // whether zeros must be put in, in scratch

  long pitch() const { return planes ? 1 : padded(channels); }
  // The image that the window really goes over.
  long staged_height() const { return (out_height - 1) * row_stride + (rows - 1) * row_dilation + 1; }
  long staged_width() const { return (out_width - 1) * column_stride + (columns - 1) * column_dilation + 1; }
  long row_pitch() const { return (staged ? staged_width() : width) * pitch(); }
  long plane_pitch() const { return planes ? (staged ? staged_height() : height) * row_pitch() : 0; }
  long sample_size() const { return planes ? padded(channels * height * width) : height * width * padded(channels); }
  long out_size() const { return out_height * out_width * padded(filters); }
  long staged_size() const { return staged ? staged_height() * staged_width() * (planes ? channels : pitch()) : 0; }

  // A run is what lies side by side under the window, counted from the window's first number.
  bool whole_rows() const { return column_dilation == 1 && (planes || pitch() == channels); }
  long runs_across() const { return whole_rows() ? 1 : columns; }
  long run_length() const { return (planes ? 1 : channels) * (whole_rows() ? columns : 1); }
  long run_count() const { return (planes ? channels : 1) * rows * runs_across(); }
  long run_offset(long number) const {
    const long across = runs_across();
    const long column = number % across, row = number / across % rows, plane = number / across / rows;
    return plane * plane_pitch() + row * row_dilation * row_pitch() + column * column_dilation * pitch();
  }
  long window_row(long run) const { return run / runs_across() % rows; }
  long depth() const { return rows * columns * channels; }
};

inline bool needs_staging(const Geometry& g) {
  return g.row_gap != 1 || g.column_gap != 1 || g.top != 0 || g.left != 0 || g.staged_height() > g.height ||
         g.staged_width() > g.width;
}

// A window of one cell that takes every position: the image is one long row.
inline void join_rows(Geometry& g) {
  if (g.staged || g.rows * g.columns != 1 || g.row_stride * g.column_stride != 1) return;
  if (g.out_height != g.height || g.out_width != g.width) return;
  g.width = g.out_width = g.height * g.width;
  g.height = g.out_height = 1;
}

inline Geometry geometry_of(const Convolution& c) {
  const Window& w = c.window;
  Geometry g{w.channels,   w.height,        w.width,        c.planes,          1,         1,
             w.top,        w.left,          w.out_height,   w.out_width,       w.rows,    w.columns,
             w.row_stride, w.column_stride, w.row_dilation, w.column_dilation, c.filters, false};
  g.staged = needs_staging(g);
  join_rows(g);
  return g;
}

// dx as a correlation of dy with the filters turned round.
inline Geometry backward_geometry(const Convolution& c) {
  const Window& w = c.window;
  Geometry g{c.filters,
             w.out_height,
             w.out_width,
             false,
             w.row_stride,
             w.column_stride,
             (w.rows - 1) * w.row_dilation - w.top,
             (w.columns - 1) * w.column_dilation - w.left,
             w.height,
             w.width,
             w.rows,
             w.columns,
             1,
             1,
             w.row_dilation,
             w.column_dilation,
             w.channels,
             false};
  g.staged = needs_staging(g);
  join_rows(g);
  return g;
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
