// c(m, n) = a(m, k)·b(n, k)ᵀ for few rows, where transposing b would cost as much as the product: both are read along
// k, with 16 partial sums by lane, and a tree of additions makes a vector of c out of 16 columns' sums.
#pragma once

#include "kernels/gemm/blocks.h"

namespace pellucid {
namespace PELLUCID_ISA {

// Columns and rows whose sums fit the registers together.
template <class T>
constexpr int kSumsAtOnce = (kRegisters == 32 ? 24 : 12) / kVectors<T>;
template <class T>
constexpr int kColumnsOfSums = kSumsAtOnce<T> >= 24  ? 4
                               : kSumsAtOnce<T> >= 6 ? 2
                                                     : 1;
template <class T>
constexpr int kRowsOfSums = kSumsAtOnce<T> / kColumnsOfSums<T>;

// Of vectors that hold sums side by side, kLength lanes each: the same sums in half as many lanes, a's before b's.
template <class T, int kLength, int... I>
PELLUCID_INLINE Lanes<T> fold_two(Lanes<T> a, Lanes<T> b, std::integer_sequence<int, I...>) {
  constexpr int half = kLength / 2;
  return __builtin_shufflevector(a, b, (I / half * kLength + I % half)...) +
         __builtin_shufflevector(a, b, (I / half * kLength + I % half + half)...);
}

// One vector out of kCount.
template <class T, int kCount, int kLength>
PELLUCID_INLINE Lanes<T> fold(const Lanes<T> (&sums)[kCount]) {
  if constexpr (kCount == 1) {
    return sums[0];
  } else {
    constexpr auto lanes = std::make_integer_sequence<int, kLanes<T>>{};
    Lanes<T> half[kCount / 2];
#pragma GCC unroll 8
    for (int i = 0; i < kCount / 2; ++i) half[i] = fold_two<T, kLength>(sums[2 * i], sums[2 * i + 1], lanes);
    return fold<T, kCount / 2, kLength / 2>(half);
  }
}

// The first folds of the tree, over the parts of each sum and over kColumnsOfSums columns; one vector for each row.
template <class T, int MR>
PELLUCID_INLINE void store_folded(const Sums<T> (&sums)[MR][kColumnsOfSums<T>], T* to, long ld) {
  constexpr int R = kColumnsOfSums<T>;
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
    Lanes<T> column[R];
#pragma GCC unroll 4
    for (int j = 0; j < R; ++j) column[j] = tree_of_parts(sums[i][j], Plus<T>{});
    store(to + i * ld, fold<T, R, kLanes<T>>(column));
  }
}

// MR rows of a by kColumnsOfSums rows of b, of which the first `columns` are there.
template <class T, int MR>
void sums_of_tile(const T* a, long lda, const T* b, long ldb, long columns, long k, T* to, long ld) {
  constexpr int R = kColumnsOfSums<T>;
  const RowsOf<T> rows{a, lda};
  Sums<T> sums[MR][R] = {};
  if (columns >= R) {
    add_dots<T, MR, R>(rows, 0, b, ldb, k, sums);
  } else {
    for (long j = 0; j < columns; ++j) {
      Sums<T> alone[MR][1] = {};
      add_dots<T, MR, 1>(rows, 0, b + j * ldb, ldb, k, alone);
      for (int i = 0; i < MR; ++i) sums[i][j] = alone[i][0];
    }
  }
  store_folded<T, MR>(sums, to, ld);
}

template <class T>
using SumsOfTile = void (*)(const T*, long, const T*, long, long, long, T*, long);
template <class T, int... I>
SumsOfTile<T> sums_of_tile_with(long rows, std::integer_sequence<int, I...>) {
  static constexpr SumsOfTile<T> functions[] = {sums_of_tile<T, I + 1>...};
  return functions[rows - 1];
}

template <class T>
void folded_dots(const Problem<T>& p) {
  constexpr int R = kColumnsOfSums<T>, kFolded = kLanes<T> / R;
  constexpr long ld = kRow / R * kLanes<T>;  // of the folded sums of 16 columns, a row of c after the other
  const long count = p.part.row1 - p.part.row0, end = smaller(p.part.col1, p.n);
  const Split blocks(count, kRowsOfSums<T>);
  const T* a = p.a + p.part.row0 * p.lda;
  T* c = p.c + p.part.row0 * p.ldc;
  for (long col = p.part.col0; col < end; col += kRow) {
    for (long j = 0; j < kRow; j += R) {
      const long there = smaller(col + j, end), columns = smaller(R, end - there);
      T* to = p.scratch + j / R * kLanes<T>;
      long row = 0;
      for (long block = 0; block < blocks.tiles; row += blocks.height(block++))
        sums_of_tile_with<T>(blocks.height(block), std::make_integer_sequence<int, kRowsOfSums<T>>{})(
            a + row * p.lda, p.lda, p.b + there * p.ldb, p.ldb, columns, p.k, to + row * ld, ld);
    }
    for (long i = 0; i < count; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors<T>; ++v) {
        Lanes<T> folded[kFolded];
#pragma GCC unroll 16
        for (int f = 0; f < kFolded; ++f) folded[f] = load(p.scratch + i * ld + (v * kFolded + f) * kLanes<T>);
        store(c + i * p.ldc + col + v * kLanes<T>, fold<T, kFolded, kFolded>(folded));
      }
  }
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
