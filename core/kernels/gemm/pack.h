// The right matrix of a product, copied into panels: columns that a register tile takes at once, one row of k behind
// the other, so that it reads them in one go.
#pragma once

#include "kernels/gemm/microkernel.h"

namespace pellucid {
namespace PELLUCID_ISA {

// panel(depth, width) = bᵀ, for b (rows, depth), of which so many rows are there: zeros for the others. Reads b in
// squares, so that its rows have pads of zeros.
template <class T>
void pack_transposed(const T* b, long ldb, long rows, long depth, long width, T* panel) {
  constexpr int n = kLanes<T>;
  for (long j = 0; j < width; j += n)
    for (long k = 0; k < depth; k += n) {
      Lanes<T> square[n];
#pragma GCC unroll 16
      for (int l = 0; l < n; ++l) square[l] = j + l < rows ? load(b + (j + l) * ldb + k) : Lanes<T>{};
      transpose_square<T>(square);
#pragma GCC unroll 16
      for (int l = 0; l < n; ++l) store(panel + (k + l) * width + j, square[l]);
    }
}

// panel(depth, width) = scale·b.
template <class T>
void pack_scaled(const T* b, long ldb, long depth, long width, T scale, T* panel) {
  const Lanes<T> factor = splat<T>(scale);
  for (long k = 0; k < depth; ++k, panel += width)
    for (long v = 0; v < width; v += kLanes<T>) store(panel + v, load(b + k * ldb + v) * factor);
}

// scale·b(depth, columns) in panels as wide as width_of(columns left) says, one behind the other.
template <class T, class WidthOf>
void pack_panels(const T* b, long ldb, long depth, long columns, T scale, T* panels, const WidthOf& width_of) {
  for (long j = 0, width; j < columns; j += width, panels += depth * width) {
    width = width_of(columns - j);
    pack_scaled(b + j, ldb, depth, width, scale, panels);
  }
}

// rows(columns, padded(depth)) = bᵀ of a few columns, each with zeros behind it.
template <class T>
void pack_columns(const T* b, long ldb, long depth, long columns, T* rows) {
  const long ld = padded(depth);
  for (long j = 0; j < columns; ++j)
    for (long k = 0; k < ld; ++k) rows[j * ld + k] = k < depth ? b[k * ldb + j] : T(0);
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
