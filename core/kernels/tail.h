// The last few columns of a product, or all of them, where a vector of 16 would be mostly pad: sums along k for c = a·b
// (dots.h), and vectors of rows instead of columns for c = aᵀ·b.
#pragma once

#include "matmul_tile.h"

namespace pellucid {
namespace PELLUCID_ISA {

// In half cycles for each row of c: a vector of columns takes k, one column k/16 and the sum over its lanes.
constexpr long tail_of(long n, long k) {
  const long left = n % kRow;
  return left <= kTailAtOnce && left * (k / kRow + 24) * 4 < k * 3 ? left : 0;
}
// In half cycles for 16 rows of c, which are read and written one by one.
constexpr long transposed_tail_of(long n, long k) {
  const long left = n % kRow;
  return left <= kTailAtOnce && (k * (left + 1) + 64 * left) * 4 < kRow * k * 3 ? left : 0;
}

// ---- c(rows, R) from aᵀ·(scale·b), for a(k, rows), b(k, R): the order of k, as everywhere --------------------------

template <class T>
struct TransposedTail {
  RowsOf<T> a;
  const T* b;
  long ldb, k;
  T scale;
  Start start;
  T decay;
  T* c;  // row `origin`
  long ldc, origin;

  T* row(long i) const { return c + (i - origin) * ldc; }
};

// Rows i .. i + V vectors - 1 of c; only those of row0 .. row1-1 are there.
template <class T, int V, int R>
void transposed_tail_block(const TransposedTail<T>& x, long i, long row0, long row1) {
  constexpr int count = V * kLanes<T>;
  const long first = larger(row0 - i, 0), last = smaller(row1 - i, count);
  alignas(64) T columns[R][count] = {};
  if (x.start != Start::zero)
    for (long l = first; l < last; ++l)
      for (int j = 0; j < R; ++j) columns[j][l] = x.row(i + l)[j];
  Lanes<T> acc[R][V];
#pragma GCC unroll 4
  for (int j = 0; j < R; ++j)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      acc[j][v] = load(columns[j] + v * kLanes<T>);
      if (x.start == Start::decay) acc[j][v] = acc[j][v] * x.decay;
    }
  const T* b = x.b;
  for (long k = 0; k < x.k; ++k, b += x.ldb) {
    const T* a = x.a[k] + i;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Lanes<T> rows = load(a + v * kLanes<T>);
#pragma GCC unroll 4
      for (int j = 0; j < R; ++j) acc[j][v] = fma(rows, splat<T>(b[j] * x.scale), acc[j][v]);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < R; ++j)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(columns[j] + v * kLanes<T>, acc[j][v]);
  for (long l = first; l < last; ++l)
    for (int j = 0; j < R; ++j) x.row(i + l)[j] = columns[j][l];
}

// Blocks begin at multiples of 16 rows, so that no vector of a reaches beyond the pad of its row.
template <class T, int R>
void transposed_tail_rows(const TransposedTail<T>& x, long row0, long row1) {
  constexpr int V = (kRegisters == 32 ? 16 : 8) / (R == 3 ? 4 : R) / (R == 1 ? 2 : 1);
  long i = row0 / kRow * kRow;
  for (; i + V * kLanes<T> <= row1; i += V * kLanes<T>) transposed_tail_block<T, V, R>(x, i, row0, row1);
  for (; i < row1; i += kLanes<T>) transposed_tail_block<T, 1, R>(x, i, row0, row1);
}

// `columns` of c, at most kTailAtOnce; what lies beyond them in c stays.
template <class T>
void transposed_tail(const TransposedTail<T>& x, long row0, long row1, long columns) {
  switch (columns) {
    case 1:
      return transposed_tail_rows<T, 1>(x, row0, row1);
    case 2:
      return transposed_tail_rows<T, 2>(x, row0, row1);
    case 3:
      return transposed_tail_rows<T, 3>(x, row0, row1);
    default:
      return transposed_tail_rows<T, 4>(x, row0, row1);
  }
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
