// Images from one layout into another: padded, cropped, between channel planes and rows by positions, spread, and
// columns of one matrix into those of another. Nothing is computed, so the bits are the source's.
#include "kernels/families.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/memory.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// x (height·width, channels) to y (out_height·out_width, channels) of each sample. What lies between two rows of the
// image, the right margin of one and the left margin of the next, is one stretch of zeros.
template <class T>
void pad_image(const Window& w, long samples, const T* x, T* y) {
  const long ld = padded(w.channels), row = w.width * ld, out_row = w.out_width * ld;
  const long before = (w.top * w.out_width + w.left) * ld;
  for (long s = 0; s < samples; ++s, y += w.out_height * out_row) {
    clear(y, before);
    for (long i = 0; i < w.height; ++i, x += row) {
      T* to = y + before + i * out_row;
      copy(x, to, row);
      if (i + 1 < w.height) clear(to + row, out_row - row);
    }
    const long written = before + (w.height - 1) * out_row + row;
    clear(y + written, w.out_height * out_row - written);
  }
}

// y (out_height·out_width, channels) to x (height·width, channels) of each sample.
template <class T>
void crop_image(const Window& w, long samples, const T* y, T* x) {
  const long ld = padded(w.channels), row = w.width * ld, out_row = w.out_width * ld;
  y += (w.top * w.out_width + w.left) * ld;
  for (long s = 0; s < samples; ++s, y += w.out_height * out_row)
    for (long i = 0; i < w.height; ++i, x += row) copy(y + i * out_row, x, row);
}

// ---- channel planes -----------------------------------------------------------------------------------------------

// Where there are fewer positions than lanes, or one channel, a square would hold little but padding: those go element
// by element. Otherwise channels are the outer loop: with a power of two as their distance, planes share cache sets,
// and a few at a time fit.

// visit(position) for squares of kLanes positions that cover all of at least kLanes: the last may overlap the one
// before.
template <class T, class Visit>
PELLUCID_INLINE void each_square(long positions, const Visit& visit) {
  long p = 0;
  for (; p + kLanes<T> <= positions; p += kLanes<T>) visit(p);
  if (p < positions) visit(positions - kLanes<T>);
}

// plane (positions), to the first of the 16 channels of y (positions, 1).
template <class T>
void positions_of_plane(const T* plane, long, long positions, T* y) {
  for (long p = 0; p < positions; ++p) {
    Lanes<T> first = {};
    first[0] = plane[p];
    store(y + p * kRow, first);
    for (int v = 1; v < kVectors<T>; ++v) store(y + p * kRow + v * kLanes<T>, Lanes<T>{});
  }
}

// planes (channels, positions) without padding, to y (positions, channels).
template <class T>
void positions_by_squares(const T* planes, long channels, long positions, T* y) {
  const long ld = padded(channels);
  for (long c = 0; c < ld; c += kLanes<T>)
    each_square<T>(positions, [&](long p) PELLUCID_LAMBDA {
      Lanes<T> rows[kLanes<T>];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes<T>; ++l)
        rows[l] = c + l < channels ? load(planes + (c + l) * positions + p) : Lanes<T>{};
      transpose_square<T>(rows);
#pragma GCC unroll 16
      for (int l = 0; l < kLanes<T>; ++l) store(y + (p + l) * ld + c, rows[l]);
    });
}
template <class T>
void positions_of_few(const T* planes, long channels, long positions, T* y) {
  const long ld = padded(channels);
  for (long p = 0; p < positions; ++p) {
    for (long c = 0; c < ld; c += kLanes<T>) store(y + p * ld + c, Lanes<T>{});
    for (long c = 0; c < channels; ++c) y[p * ld + c] = planes[c * positions + p];
  }
}

// x (positions, channels) to planes (channels, positions), without padding.
template <class T>
void planes_by_squares(const T* x, long channels, long positions, T* planes) {
  const long ld = padded(channels);
  for (long c = 0; c < channels; c += kLanes<T>)
    each_square<T>(positions, [&](long p) PELLUCID_LAMBDA {
      Lanes<T> rows[kLanes<T>];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes<T>; ++l) rows[l] = load(x + (p + l) * ld + c);
      transpose_square<T>(rows);
#pragma GCC unroll 16
      for (int l = 0; l < kLanes<T>; ++l)
        if (c + l < channels) store(planes + (c + l) * positions + p, rows[l]);
    });
}
template <class T>
void planes_of_few(const T* x, long channels, long positions, T* planes) {
  const long ld = padded(channels);
  for (long c = 0; c < channels; ++c)
    for (long p = 0; p < positions; ++p) planes[c * positions + p] = x[p * ld + c];
}

// planes (samples, channels·positions) to y (samples·positions, channels).
template <class T>
void to_positions(const T* planes, long channels, long positions, long samples, T* y) {
  const auto one = channels == 1           ? positions_of_plane<T>
                   : positions < kLanes<T> ? positions_of_few<T>
                                           : positions_by_squares<T>;
  for (long s = 0; s < samples; ++s)
    one(planes + s * padded(channels * positions), channels, positions, y + s * positions * padded(channels));
}

// x (samples·positions, channels) to planes (samples, channels·positions).
template <class T>
void to_planes(const T* x, long channels, long positions, long samples, T* planes) {
  const auto one = channels == 1 || positions < kLanes<T> ? planes_of_few<T> : planes_by_squares<T>;
  const long width = channels * positions;
  for (long s = 0; s < samples; ++s, planes += padded(width)) {
    one(x + s * positions * padded(channels), channels, positions, planes);
    clear(planes + width, padded(width) - width);
  }
}

// ---- rows and columns ---------------------------------------------------------------------------------------------

// x (samples, channels) to y (samples·positions, channels), the same row at each of a sample's positions.
template <class T>
void spread(const T* x, long channels, long positions, long samples, T* y) {
  const long ld = padded(channels);
  for (long s = 0; s < samples; ++s, x += ld)
    for (long p = 0; p < positions; ++p, y += ld)
      for (long c = 0; c < ld; c += kLanes<T>) store(y + c, load(x + c));
}

// x (rows, from + width) to columns to .. to + width - 1 of y.
template <class T>
void copy_columns(const T* x, long ldx, long from, long width, T* y, long ldy, long to, long rows) {
  for (long r = 0; r < rows; ++r) copy(x + r * ldx + from, y + r * ldy + to, width);
}

}  // namespace

template <class T>
void add_image_layout(Kernels<T>& table) {
  table.pad_image = pad_image<T>;
  table.crop_image = crop_image<T>;
  table.to_positions = to_positions<T>;
  table.to_planes = to_planes<T>;
  table.spread = spread<T>;
  table.copy_columns = copy_columns<T>;
}
template void add_image_layout(Kernels<float>&);
template void add_image_layout(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
