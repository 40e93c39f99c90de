// Sequences, which lie by positions: sample after sample, one row of padded(width) for each position. Nothing is
// computed, so the bits are the source's.
#include "kernels/families.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/memory.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// x (samples, positions·width) to y (samples·positions, width).
template <class T>
void rows_to_positions(const T* x, long positions, long width, long samples, T* y) {
  const long ld = padded(width), flat = padded(positions * width);
  for (long s = 0; s < samples; ++s, x += flat)
    for (long p = 0; p < positions; ++p, y += ld) {
      copy(x + p * width, y, width);
      clear(y + width, ld - width);
    }
}

// x (samples·positions, width) to y (samples, positions·width).
template <class T>
void positions_to_rows(const T* x, long positions, long width, long samples, T* y) {
  const long ld = padded(width), flat = padded(positions * width);
  for (long s = 0; s < samples; ++s, y += flat) {
    for (long p = 0; p < positions; ++p, x += ld) copy(x, y + p * width, width);
    clear(y + positions * width, flat - positions * width);
  }
}

// One sample by squares: rows in the pads of y's last ones are not there, and columns beyond `rows` are x's missing
// rows, zeros.
template <class T>
void transpose_by_squares(const T* x, long rows, long columns, T* y) {
  const long ldx = padded(columns), ldy = padded(rows);
  for (long i = 0; i < ldy; i += kLanes<T>)
    for (long j = 0; j < columns; j += kLanes<T>) {
      Lanes<T> square[kLanes<T>];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes<T>; ++l) square[l] = i + l < rows ? load(x + (i + l) * ldx + j) : Lanes<T>{};
      transpose_square<T>(square);
#pragma GCC unroll 16
      for (int l = 0; l < kLanes<T>; ++l)
        if (j + l < columns) store(y + (j + l) * ldy + i, square[l]);
    }
}

// x (samples·rows, columns) to y (samples·columns, rows).
template <class T>
void transpose_samples(const T* x, long rows, long columns, long samples, T* y) {
  for (long s = 0; s < samples; ++s, x += rows * padded(columns), y += columns * padded(rows))
    transpose_by_squares(x, rows, columns, y);
}

}  // namespace

template <class T>
void add_positions(Kernels<T>& table) {
  table.rows_to_positions = rows_to_positions<T>;
  table.positions_to_rows = positions_to_rows<T>;
  table.transpose_samples = transpose_samples<T>;
}
template void add_positions(Kernels<float>&);
template void add_positions(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
