// Strips of c = aᵀ·b whose last few columns come along: a tile's left operands, row by row of a, are at the same time a
// vector of them for these columns, so that a is read once. Every element is one chain in the order of k.
#pragma once

#include "kernels/gemm/edges.h"

namespace pellucid {
namespace PELLUCID_ISA {

constexpr int kStripTile = 8;  // rows of a register tile, by up to three vectors
// Only where a strip is one vector of rows, and the registers hold its sums beside a tile.
template <class T>
constexpr bool kStripsTakeEdge = kRegisters == 32 && kLanes<T> % kStripTile == 0;
template <class T>
constexpr long kStripRows = kLanes<T>;

// How many vectors the panel has that begins where so many are left: the last panel has two or three.
inline int strip_panel(long left) { return left % 3 == 0 ? 3 : 2; }

template <class T>
struct StripOperands {
  RowsOf<T> a;  // from the strip's first column on
  const T* b;   // a packed panel
  long k;
  T* c;
  long ldc;
  const T* few;              // the last columns of b: (k, R)
  const char* const* asked;  // rows to ask for, one for each k that is below `count`
  long count, ask_at;
};

template <class T, int NV, int R, bool kApart, bool kFirst>
PELLUCID_INLINE void strip_tile(const StripOperands<T>& x, int first, const Accumulators<T>& from,
                                Lanes<T> (&edge)[R + 1]) {
  Lanes<T> acc[kStripTile][NV];
  T* c = x.c + first * x.ldc;
  start_tile<T, kStripTile, NV>(acc, c, x.ldc, from);
  const T* b = x.b;
  const T* few = x.few;
  const T* a = x.a.first;
  const long depth = x.k, ld = x.a.ld, ahead = x.count;
  for (long k = 0; k < depth; ++k) {
    if (kApart) a = x.a.apart[k] + x.a.offset;
    if (kFirst && k < ahead) __builtin_prefetch(x.asked[k] + x.ask_at, 0, 2);
    Lanes<T> row[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) row[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < kStripTile; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[i][v] = fma(splat<T>(a[first + i]), row[v], acc[i][v]);
    if constexpr (R > 0) {
      Lanes<T> rows = load(a);
      keep<T>(rows);
#pragma GCC unroll 4
      for (int j = 0; j < R; ++j) edge[j] = fma(rows, splat<T>(few[j]), edge[j]);
      few += R;
    }
    b += NV * kLanes<T>;
    if (!kApart) a += ld;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kStripTile; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(c + i * x.ldc + v * kLanes<T>, acc[i][v]);
}

template <class T, int R>
PELLUCID_INLINE void copy_columns(const T* from, long ld, T (&columns)[R + 1][kLanes<T>]) {
  for (int l = 0; l < kLanes<T>; ++l, from += ld) {
#pragma GCC unroll 4
    for (int j = 0; j < R; ++j) columns[j][l] = from[j];
    asm("" ::: "memory");  // one by one: a vector put together from scattered numbers takes longer
  }
}

// One panel of a strip, and behind it R columns.
template <class T, int NV, int R, bool kApart>
void strip(const StripOperands<T>& x, const Accumulators<T>& from) {
  constexpr int n = kLanes<T>;
  T* behind = x.c + NV * n;
  alignas(64) T columns[R + 1][n] = {};
  if (from.start != Start::zero) copy_columns<T, R>(behind, x.ldc, columns);
  Lanes<T> none[1], edge[R + 1];
#pragma GCC unroll 4
  for (int j = 0; j < R; ++j) {
    edge[j] = load(columns[j]);
    if (from.start == Start::decay) edge[j] = edge[j] * from.decay;
  }
  constexpr int kLast = n - kStripTile;
  for (int first = 0; first < kLast; first += kStripTile) strip_tile<T, NV, 0, kApart, true>(x, first, from, none);
  strip_tile<T, NV, R, kApart, kLast == 0>(x, kLast, from, edge);
#pragma GCC unroll 4
  for (int j = 0; j < R; ++j) store(columns[j], edge[j]);
  for (int l = 0; l < n; ++l)
#pragma GCC unroll 4
    for (int j = 0; j < R; ++j) behind[l * x.ldc + j] = columns[j][l];
}

template <class T>
using Strip = void (*)(const StripOperands<T>&, const Accumulators<T>&);

template <class T, int NV, bool kApart, int... R>
Strip<T> choose_strip(long few, std::integer_sequence<int, R...>) {
  static constexpr Strip<T> strips[] = {strip<T, NV, R, kApart>...};
  return strips[few];
}
template <class T>
Strip<T> strip_of(int vectors, long few, bool apart) {
  constexpr auto counts = std::make_integer_sequence<int, kMostEdge + 1>{};
  if (vectors == 3) return apart ? choose_strip<T, 3, true>(few, counts) : choose_strip<T, 3, false>(few, counts);
  return apart ? choose_strip<T, 2, true>(few, counts) : choose_strip<T, 2, false>(few, counts);
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
