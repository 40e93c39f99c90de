// Columns summed along k with 16 partial sums by lane: c(rows, R) = a(rows, k)·b(R, k)ᵀ, for a and b with zeros up to
// padded(k). Either all of k at once, or block by block in passing a register tile, while its rows lie in the
// first-level cache.
#pragma once

#include "kernels/gemm/choose.h"
#include "kernels/simd.h"

namespace pellucid {
namespace PELLUCID_ISA {

// Rows at once, so that their sums fit the registers.
constexpr int dots_at_once(int columns) { return (columns <= 2 ? 8 : 4) / (kRegisters == 32 ? 1 : 4); }

// Rows of a matrix, ld apart or at pointers.
template <class T>
struct RowsOf {
  const T* first;
  long ld;
  const T* const* apart = nullptr;
  long offset = 0;

  const T* operator[](long i) const { return apart ? apart[i] + offset : first + i * ld; }
  RowsOf from(long i) const { return {apart ? nullptr : first + i * ld, ld, apart ? apart + i : nullptr, offset}; }
};

template <class T, int MR, int R>
PELLUCID_INLINE void add_dots(const RowsOf<T>& a, long row, const T* b, long ldb, long k, Sums<T> (&sums)[MR][R]) {
  const T* from[MR];
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
    from[i] = a[row + i];
    asm("" : "+r"(from[i]));  // or the pointers are made in a vector, and wait to be taken apart
  }
  for (long at = 0; at < k; at += kRow)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors<T>; ++v) {
      Lanes<T> column[R];
#pragma GCC unroll 4
      for (int j = 0; j < R; ++j) column[j] = load(b + j * ldb + at + v * kLanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < MR; ++i) {
        Lanes<T> row_of_a = load(from[i] + at + v * kLanes<T>);
        keep<T>(row_of_a);
#pragma GCC unroll 4
        for (int j = 0; j < R; ++j) sums[i][j].part[v] = fma(row_of_a, column[j], sums[i][j].part[v]);
      }
    }
}

// Calls task.run<rows at once, columns>(row) for all rows; there are at most kMostEdge columns.
template <int R, class Task>
void rows_by_dots(long rows, const Task& task) {
  constexpr int kRows = dots_at_once(R);
  long i = 0;
  for (; i + kRows <= rows; i += kRows) task.template run<kRows, R>(i);
  for (; i < rows; ++i) task.template run<1, R>(i);
}
template <class Task>
void by_dots(long rows, long columns, const Task& task) {
  switch (columns) {
    case 1:
      return rows_by_dots<1>(rows, task);
    case 2:
      return rows_by_dots<2>(rows, task);
    case 3:
      return rows_by_dots<3>(rows, task);
    default:
      return rows_by_dots<4>(rows, task);
  }
}

// Where sums of dots end: c = bias + their lanes, and zeros up to the end of a row of 16.
template <class T>
struct DotsEnd {
  const T* bias;
  T* c;
  long ldc;

  DotsEnd from(long row) const { return {bias, c + row * ldc, ldc}; }

  template <int MR, int R>
  void put(long row, const Sums<T> (&sums)[MR][R]) const {
    for (int i = 0; i < MR; ++i) {
      T* to = c + (row + i) * ldc;
      for (long v = 0; v < kRow; v += kLanes<T>) store(to + v, Lanes<T>{});
#pragma GCC unroll 4
      for (int j = 0; j < R; ++j) to[j] = (bias ? bias[j] : T(0)) + tree_sum<T>(sums[i][j]);
    }
  }
};

// All of k at once.
template <class T>
struct WholeDots {
  RowsOf<T> a;
  const T* b;
  long ldb, k;
  DotsEnd<T> end;

  template <int MR, int R>
  void run(long row) const {
    Sums<T> sums[MR][R] = {};
    add_dots<T, MR, R>(a, row, b, ldb, k, sums);
    end.put(row, sums);
  }
};

// ---- block by block of k ------------------------------------------------------------------------------------------

template <class T, int MR, int R>
PELLUCID_INLINE void load_sums(const T* from, Sums<T> (&sums)[MR][R]) {
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < R; ++j)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors<T>; ++v) sums[i][j].part[v] = load(from + (i * R + j) * kRow + v * kLanes<T>);
}

// The columns that a tile takes along: b(columns, k), and the sums (rows, columns, 16) so far.
template <class T>
struct Along {
  const T* b = nullptr;
  long ldb = 0, columns = 0;
  T* sums = nullptr;

  void skip(long rows) { sums += rows * columns * kRow; }
};

template <class T>
struct AddAlong {
  RowsOf<T> a;
  Along<T> along;
  long k;

  template <int MR, int R>
  void run(long row) const {
    Sums<T> sums[MR][R];
    T* at = along.sums + row * R * kRow;
    load_sums<T, MR, R>(at, sums);
    add_dots<T, MR, R>(a, row, along.b, along.ldb, k, sums);
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < R; ++j)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors<T>; ++v) store(at + (i * R + j) * kRow + v * kLanes<T>, sums[i][j].part[v]);
  }
};

template <class T>
struct EndAlong {
  const T* from;
  DotsEnd<T> end;

  template <int MR, int R>
  void run(long row) const {
    Sums<T> sums[MR][R];
    load_sums<T, MR, R>(from + row * R * kRow, sums);
    end.put(row, sums);
  }
};

}  // namespace PELLUCID_ISA
}  // namespace pellucid
