// The edge of c = aᵀ·b, its last few columns or all of them, where a vector of 16 would be mostly pad: vectors of rows
// instead of columns. (That of c = a·b is summed along k, by dots.h.)
#pragma once

#include "kernels/gemm/microkernel.h"

namespace pellucid {
namespace PELLUCID_ISA {

// ---- c(rows, R) from aᵀ·(scale·b), for a(k, rows), b(k, R): the order of k, as everywhere --------------------------

template <class T>
struct Edge {
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
void edge_block(const Edge<T>& x, long i, long row0, long row1) {
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
void edge_rows(const Edge<T>& x, long row0, long row1) {
  constexpr int V = (kRegisters == 32 ? 16 : 8) / (R == 3 ? 4 : R) / (R == 1 ? 2 : 1);
  long i = row0 / kRow * kRow;
  for (; i + V * kLanes<T> <= row1; i += V * kLanes<T>) edge_block<T, V, R>(x, i, row0, row1);
  for (; i < row1; i += kLanes<T>) edge_block<T, 1, R>(x, i, row0, row1);
}

// `columns` of c, at most kMostEdge; what lies beyond them in c stays.
template <class T>
void edge(const Edge<T>& x, long row0, long row1, long columns) {
  switch (columns) {
    case 1:
      return edge_rows<T, 1>(x, row0, row1);
    case 2:
      return edge_rows<T, 2>(x, row0, row1);
    case 3:
      return edge_rows<T, 3>(x, row0, row1);
    default:
      return edge_rows<T, 4>(x, row0, row1);
  }
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
