// The register tiles of the matrix products: MR rows of c by NV machine vectors, held in registers over the whole k.
// Every element of c is one chain of multiply-adds in the order of k, so the size of the tile never shows in the bits.
#pragma once

#include <utility>

#include "kernels/gemm/dots.h"

namespace pellucid {
namespace PELLUCID_ISA {

// What the accumulators of a tile start from.
enum class Start { zero, bias, accumulate, decay };

template <class T>
struct Accumulators {
  Start start;
  const T* bias;  // for Start::bias: the row of biases, from the tile's first column on
  T decay;        // for Start::decay: c starts as decay·c
};

// Which of the rows ahead belong to this call, counted from its own first row, and how far along them it begins. Tiles
// over a transposed left matrix ask for all of them, one at each k, and as wide as the tile.
struct Pace {
  const char* const* rows = nullptr;
  long first = 0, last = 0;
  long offset = 0, stride = 0;  // in bytes: where to begin, and what 16 elements take

  void skip(long count) {
    rows += count;
    first -= count;
    last -= count;
  }
};

static inline void ask_for(const char* const* rows, long count, long offset) {
  for (long i = 0; i < count; ++i) __builtin_prefetch(rows[i] + offset, 0, 2);
}

template <int kBytes>
PELLUCID_INLINE void ask_across(const char* from) {
  constexpr int kLine = 64;
#pragma GCC unroll 8
  for (int at = 0; at < kBytes; at += kLine) __builtin_prefetch(from + at, 0, 2);
}

// The left matrix: element (i, k) is a[i·lda + k], or a[k·lda + i] where it is read transposed. Where its rows lie
// apart, at rows[0], rows[1], ..., it is rows[i][offset + k], or rows[k][offset + i].
template <class T>
struct TileOperands {
  const T* a;
  long lda;
  const T* b;
  long ldb;
  long k;
  T* c;
  long ldc;
  T* packed;   // where a packing tile copies its columns of b, rows of NV vectors
  long tiles;  // how many tiles of this height, one below the other
  Pace pace = {};
  const T* const* rows = nullptr;
  long offset = 0;
  Along<T> along = {};  // of c = a·b: columns that are summed along k in passing
  bool fresh = false;   // whether these rows, lying apart, are read for the first time

  void skip(long count, bool transposed) {
    a += count * (transposed ? 1 : lda);
    if (transposed)
      offset += count;
    else if (rows)
      rows += count;
    c += count * ldc;
    pace.skip(count);
    along.skip(count);
  }
};

// How the left matrix is read.
enum class Left { rows, columns, rows_apart, columns_apart };
constexpr bool transposed(Left left) { return left == Left::columns || left == Left::columns_apart; }
constexpr bool apart(Left left) { return left == Left::rows_apart || left == Left::columns_apart; }
constexpr Left left_of(bool is_transposed, bool is_apart) {
  return is_transposed ? (is_apart ? Left::columns_apart : Left::columns) : is_apart ? Left::rows_apart : Left::rows;
}

template <class T, int MR, int NV>
PELLUCID_INLINE void start_tile(Lanes<T> (&acc)[MR][NV], const T* c, long ldc, const Accumulators<T>& from) {
  switch (from.start) {
    case Start::zero:
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) acc[i][v] = Lanes<T>{};
      return;
    case Start::bias:
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) acc[i][v] = load(from.bias + v * kLanes<T>);
      return;
    case Start::accumulate:
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) acc[i][v] = load(c + i * ldc + v * kLanes<T>);
      return;
    case Start::decay:
      break;
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) acc[i][v] = load(c + i * ldc + v * kLanes<T>) * from.decay;
}

// One tile, `first` rows below where the operands stand.
template <class T, int MR, int NV, Left kLeft, bool kPack>
PELLUCID_INLINE void one_tile(const TileOperands<T>& x, long first, const char* const* asked, long count,
                              const Accumulators<T>& from) {
  Lanes<T> acc[MR][NV];
  T* c = x.c + first * x.ldc;
  start_tile<T, MR, NV>(acc, c, x.ldc, from);
  const T* b = x.b;
  T* packed = x.packed;
  const long lda = x.lda, ldb = x.ldb, ldc = x.ldc;
  const T* a = apart(kLeft) ? nullptr : x.a + first * (transposed(kLeft) ? 1 : lda);
  const T* row_of[MR];
  if (kLeft == Left::rows_apart)
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) row_of[i] = x.rows[first + i] + x.offset;
  long offset = x.pace.offset;
  for (long k = 0; k < x.k; ++k) {
    if (transposed(kLeft) && k < count) ask_across<NV * kVectorBytes>(asked[k] + offset);
    if (!transposed(kLeft) && (x.k - k) % kRow == 0) {
      ask_for(asked, count, offset);
      offset += x.pace.stride;
    }
    Lanes<T> row[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) row[v] = load(b + v * kLanes<T>);
    if (kPack) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) store(packed + v * kLanes<T>, row[v]);
      packed += NV * kLanes<T>;
      __builtin_prefetch(b + 8 * ldb);
    }
    b += ldb;
    if (kLeft == Left::columns_apart) a = x.rows[k] + x.offset + first;
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const Lanes<T> factor = splat<T>(kLeft == Left::rows_apart ? row_of[i][k]
                                       : transposed(kLeft)       ? a[i]
                                                                 : a[i * lda]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[i][v] = fma(factor, row[v], acc[i][v]);
    }
    if (!apart(kLeft)) a += transposed(kLeft) ? lda : 1;
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) store(c + i * ldc + v * kLanes<T>, acc[i][v]);
}

// Asks for a tile's part of rows that lie apart: while one tile is computed, the next one's rows come.
template <class T, int MR>
PELLUCID_INLINE void ask_for_tile(const TileOperands<T>& x, long first) {
  for (long i = 0; i < MR; ++i)
    for (long k = 0; k < x.k; k += 64 / long(sizeof(T))) __builtin_prefetch(x.rows[first + i] + x.offset + k);
}

template <class T, int MR, int NV, Left kLeft, bool kPack>
void tile(const TileOperands<T>& x, const Accumulators<T>& from) {
  for (long t = 0; t < x.tiles; ++t) {
    if (kLeft == Left::rows_apart && x.fresh && t + 1 < x.tiles) ask_for_tile<T, MR>(x, (t + 1) * MR);
    const long first = transposed(kLeft) ? 0 : larger(x.pace.first, t * MR);
    const long last = transposed(kLeft) ? x.pace.last : smaller(x.pace.last, (t + 1) * MR);
    one_tile<T, MR, NV, kLeft, kPack>(x, t * MR, x.pace.rows + first, last - first, from);
    if constexpr (!transposed(kLeft)) {
      if (x.along.columns == 0) continue;
      const RowsOf<T> a{x.a + t * MR * x.lda, x.lda, apart(kLeft) ? x.rows + t * MR : nullptr, x.offset};
      Along<T> along = x.along;
      along.skip(t * MR);
      by_dots(MR, along.columns, AddAlong<T>{a, along, x.k});
    }
  }
}

// S interleaved chains per element, k ≡ s modulo S, summed pairwise at the end: for products with too few elements to
// hide the latency of a multiply-add.
template <class T, int MR, int S, int NV>
void split_tile(const TileOperands<T>& x, const Accumulators<T>& from) {
  Lanes<T> acc[S * MR][NV];
  start_tile<T, S * MR, NV>(acc, nullptr, 0, {Start::zero, nullptr, T(0)});
  if (from.start == Start::bias)
    for (int i = 0; i < MR; ++i)
      for (int v = 0; v < NV; ++v) acc[i][v] = load(from.bias + v * kLanes<T>);
  const T* a = x.a;
  const T* b = x.b;
  const long lda = x.lda, ldb = x.ldb;
  long k = 0;
  for (; k + S <= x.k; k += S)
#pragma GCC unroll 8
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        const Lanes<T> row = load(b + (k + s) * ldb + v * kLanes<T>);
#pragma GCC unroll 8
        for (int i = 0; i < MR; ++i) acc[s * MR + i][v] = fma(splat<T>(a[i * lda + k + s]), row, acc[s * MR + i][v]);
      }
#pragma GCC unroll 8
  for (int s = 0; s < S - 1; ++s)
    if (k + s < x.k)
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v)
#pragma GCC unroll 8
        for (int i = 0; i < MR; ++i)
          acc[s * MR + i][v] =
              fma(splat<T>(a[i * lda + k + s]), load(b + (k + s) * ldb + v * kLanes<T>), acc[s * MR + i][v]);
#pragma GCC unroll 8
  for (int half = S / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int s = 0; s < half; ++s)
#pragma GCC unroll 8
      for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) acc[s * MR + i][v] = acc[s * MR + i][v] + acc[(s + half) * MR + i][v];
  for (int i = 0; i < MR; ++i)
    for (int v = 0; v < NV; ++v) store(x.c + i * x.ldc + v * kLanes<T>, acc[i][v]);
}

template <class T>
using TileFunction = void (*)(const TileOperands<T>&, const Accumulators<T>&);

// The tallest tile for each width, so that accumulators, a row of b and one factor fit the registers.
constexpr int kMaxRows = kRegisters == 32 ? 12 : 6;
constexpr int max_rows(int vectors) {
  return vectors == 1   ? kMaxRows
         : vectors == 2 ? kMaxRows
         : vectors == 3 ? (kRegisters == 32 ? 8 : 4)
         : vectors == 4 ? (kRegisters == 32 ? 6 : 3)
                        : kRegisters / 16;
}
// The widest tile for a number of rows.
constexpr int widest(int rows) { return rows <= max_rows(8) ? 8 : rows <= max_rows(4) ? 4 : 2; }

template <class T, int NV, Left kLeft, bool kPack>
struct TileRow {
  template <int... I>
  static TileFunction<T> choose(int rows, std::integer_sequence<int, I...>) {
    static constexpr TileFunction<T> functions[] = {tile<T, I + 1, NV, kLeft, kPack>...};
    return functions[rows - 1];
  }
  static TileFunction<T> of(int rows) { return choose(rows, std::make_integer_sequence<int, max_rows(NV)>{}); }
};

template <class T, Left kLeft, bool kPack>
TileFunction<T> tile_of(int rows, int vectors) {
  switch (vectors) {
    case 1:
      return TileRow<T, 1, kLeft, kPack>::of(rows);
    case 2:
      return TileRow<T, 2, kLeft, kPack>::of(rows);
    case 3:
      return TileRow<T, 3, kLeft, kPack>::of(rows);
    case 4:
      return TileRow<T, 4, kLeft, kPack>::of(rows);
    default:
      return TileRow<T, 8, kLeft, kPack>::of(rows);
  }
}

// `count` rows in as few tiles as possible, none more than a row taller than another.
struct Split {
  unsigned tiles, rows, extra;
  Split(long count, unsigned most)
      : tiles((unsigned(count) + most - 1) / most), rows(unsigned(count) / tiles), extra(unsigned(count) % tiles) {}
  long height(long tile) const { return rows + (tile < extra); }
  int tallest() const { return int(rows + (extra > 0)); }
  long count() const { return long(tiles) * rows + extra; }
};

// The tiles from `first` on, those a row taller before the others; x stands at the first and ends behind the last.
template <class T, Left kLeft>
void run_tiles(TileOperands<T>& x, const Accumulators<T>& from, const Split& split, long first, int vectors) {
  while (first < split.tiles) {
    const long height = split.height(first);
    x.tiles = (first < split.extra ? split.extra : split.tiles) - first;
    tile_of<T, kLeft, false>(int(height), vectors)(x, from);
    x.skip(x.tiles * height, transposed(kLeft));
    first += x.tiles;
  }
}

// The widest tile, of 8, 4, 2 or 1 vectors and at most `most`, that fits into the remaining ones.
inline int panel_vectors(long remaining, int most) {
  int vectors = most;
  while (vectors > remaining) vectors /= 2;
  return vectors;
}

// As many, but the last three together: a vector by itself has a load for every multiply-add.
inline int panel_or_three(long remaining, int most) {
  return remaining == 3 && most == 2 ? 3 : panel_vectors(remaining, most);
}

// A square of kLanes x kLanes, transposed in registers: interleaving rows i and i + half, log2(kLanes) times.
template <class T, int... I>
PELLUCID_INLINE Lanes<T> interleave_low(Lanes<T> a, Lanes<T> b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (I % 2 * kLanes<T> + I / 2)...);
}
template <class T, int... I>
PELLUCID_INLINE Lanes<T> interleave_high(Lanes<T> a, Lanes<T> b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (I % 2 * kLanes<T> + (I + kLanes<T>) / 2)...);
}
template <class T>
PELLUCID_INLINE void transpose_square(Lanes<T> (&rows)[kLanes<T>]) {
  constexpr int n = kLanes<T>;
  constexpr auto lanes = std::make_integer_sequence<int, n>{};
#pragma GCC unroll 4
  for (int stage = 1; stage < n; stage *= 2) {
    Lanes<T> next[n];
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave_low<T>(rows[i], rows[i + n / 2], lanes);
      next[2 * i + 1] = interleave_high<T>(rows[i], rows[i + n / 2], lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = next[i];
  }
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
