// Matrix products. c is cut into tiles held in registers (matmul_tile.h); the loops around them keep the operands of a
// tile in the first-level cache. Which algorithm sums an element depends on the full shape alone.
#include "families.h"
#include "matmul_tile.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

constexpr long kPanelBytes = 32 * 1024;       // columns of b, packed: two thirds of a first-level cache
constexpr long kRowBlock = 240;               // rows of a whose block of k stays in the second-level cache
constexpr long kPackStride = 512;             // bytes between rows of b from which packing pays

template <class T>
constexpr long kPanelElements = kPanelBytes / long(sizeof(T));

// ---- products whose sum needs only one chain per element ----------------------------------------------------------

template <class T>
struct Problem {
  const T *a, *b;
  long lda, ldb;
  T* c;
  long ldc, n, k;
  Accumulators<T> from;
  Part part;
  T* scratch;
};

// columns j0.. of c are rows j0.. of b: panel(k, width) = b(j0.., k0..)ᵀ, zero from row n on.
template <class T>
void pack_transposed(const Problem<T>& p, long j0, long k0, long depth, long width, T* panel) {
  constexpr int n = kLanes<T>;
  for (long j = 0; j < width; j += n)
    for (long k = 0; k < depth; k += n) {
      Lanes<T> rows[n];
#pragma GCC unroll 16
      for (int l = 0; l < n; ++l)
        rows[l] = j0 + j + l < p.n ? load(p.b + (j0 + j + l) * p.ldb + k0 + k) : Lanes<T>{};
      transpose_square<T>(rows);
#pragma GCC unroll 16
      for (int l = 0; l < n; ++l) store(panel + (k + l) * width + j, rows[l]);
    }
}

// One panel of columns, over one block of rows and of k.
template <class T, bool kTransposedA>
void panel_tiles(const Problem<T>& p, const Split& split, long row, long col, long k0, long depth, int vectors,
                 bool panel_ready, const Accumulators<T>& from) {
  const long width = long(vectors) * kLanes<T>;
  const bool pack = !panel_ready && split.tiles > 1 && p.ldb * long(sizeof(T)) >= kPackStride;
  TileOperands<T> x{nullptr, p.lda, nullptr, p.ldb, depth, p.c + row * p.ldc + col, p.ldc, p.scratch, 1};
  x.a = kTransposedA ? p.a + k0 * p.lda + row : p.a + row * p.lda + k0;
  x.b = p.b + k0 * p.ldb + col;
  if (pack) {
    const long height = split.height(0);
    tile_of<T, kTransposedA, true>(int(height), vectors)(x, from);
    x.a += height * (kTransposedA ? 1 : p.lda);
    x.c += height * p.ldc;
  }
  if (pack || panel_ready) {
    x.b = p.scratch;
    x.ldb = width;
  }
  run_tiles<T, kTransposedA>(x, from, split, pack ? 1 : 0, vectors);
}

template <class T, bool kTransposedA, bool kTransposedB>
void blocked(const Problem<T>& p) {
  const long end = padded(p.part.col1);
  for (long row = p.part.row0; row < p.part.row1; row += kRowBlock) {
    const Split split(smaller(kRowBlock, p.part.row1 - row), kMaxRows);
    const int most = kTransposedB ? 2 : widest(split.tallest());
    const bool once = !kTransposedB && split.tiles == 1;  // b is read once: nothing to keep in a cache
    const long block = once ? p.k : kPanelElements<T> / (most * kLanes<T>);
    for (long k0 = 0; k0 < p.k; k0 += block) {
      const long depth = smaller(block, p.k - k0);
      Accumulators<T> from = p.from;
      if (k0 > 0) from.start = Start::accumulate;
      for (long col = p.part.col0; col < end;) {
        const int vectors = panel_vectors((end - col) / kLanes<T>, most);
        if (kTransposedB) pack_transposed(p, col, k0, depth, vectors * kLanes<T>, p.scratch);
        if (from.start == Start::bias) from.bias = p.from.bias + col;
        panel_tiles<T, kTransposedA>(p, split, row, col, k0, depth, vectors, kTransposedB, from);
        col += vectors * kLanes<T>;
      }
    }
  }
}

// ---- few rows: several chains per element -------------------------------------------------------------------------

// Chains per element of c = a·b: eight multiply-adds must be in flight to hide the latency of one.
int chains(long m, long n, long k) {
  const long rows = m * (padded(n) / kRow);
  int count = 1;
  while (rows * count < 8 && k >= 4 * count) count *= 2;
  return count;
}

template <class T>
TileFunction<T> split_tile_of(long rows, int count, int vectors) {
  if (vectors == 4) return split_tile<T, 1, 2, 4>;
  if (vectors == 2) {
    if (rows == 1) return split_tile<T, 1, 4, 2>;
    return rows == 2 ? split_tile<T, 2, 2, 2> : split_tile<T, 3, 2, 2>;
  }
  if (count == 8) return split_tile<T, 1, 8, 1>;
  static constexpr TileFunction<T> four[] = {split_tile<T, 1, 4, 1>, split_tile<T, 2, 4, 1>, split_tile<T, 3, 4, 1>};
  static constexpr TileFunction<T> two[] = {split_tile<T, 1, 2, 1>, split_tile<T, 2, 2, 1>, split_tile<T, 3, 2, 1>,
                                            split_tile<T, 4, 2, 1>, split_tile<T, 5, 2, 1>, split_tile<T, 6, 2, 1>,
                                            split_tile<T, 7, 2, 1>};
  return count == 4 ? four[rows - 1] : two[rows - 1];
}

// The width of tile that keeps eight chains in flight, of the widths that split_tile_of has.
int split_vectors(long rows, int count, long left) {
  int vectors = 1;
  if (count == 4 && rows == 1) vectors = 2;
  if (count == 2) vectors = rows == 1 ? 4 : rows <= 3 ? 2 : 1;
  return left >= vectors ? vectors : 1;
}

template <class T>
void few_rows(const Problem<T>& p, int count) {
  const long end = padded(p.part.col1), row = p.part.row0, rows = p.part.row1 - row;
  for (long col = p.part.col0; col < end;) {
    const int vectors = split_vectors(rows, count, (end - col) / kLanes<T>);
    Accumulators<T> from = p.from;
    if (from.start == Start::bias) from.bias += col;
    split_tile_of<T>(rows, count, vectors)(
        {p.a + row * p.lda, p.lda, p.b + col, p.ldb, p.k, p.c + row * p.ldc + col, p.ldc, nullptr, 1}, from);
    col += vectors * kLanes<T>;
  }
}

// c = a·bᵀ for so few rows that transposing b would cost more than the product: 16 partial sums by lane of k.
constexpr long kDotRows = 3;
constexpr int kDotColumns = kRegisters == 32 ? 4 : 2;

template <class T, int MR>
void dots(const Problem<T>& p, long row, long col) {
  Sums<T> sums[MR][kDotColumns] = {};
  const long last = p.n - 1;
  for (long k = 0; k < p.k; k += kRow)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors<T>; ++v)
#pragma GCC unroll 4
      for (int j = 0; j < kDotColumns; ++j) {
        const Lanes<T> column = load(p.b + smaller(col + j, last) * p.ldb + k + v * kLanes<T>);
#pragma GCC unroll 4
        for (int i = 0; i < MR; ++i)
          sums[i][j].part[v] =
              fma(load(p.a + (row + i) * p.lda + k + v * kLanes<T>), column, sums[i][j].part[v]);
      }
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < kDotColumns; ++j)
      p.c[(row + i) * p.ldc + col + j] = col + j <= last ? tree_sum<T>(sums[i][j]) : T(0);
}

template <class T>
void few_rows_transposed(const Problem<T>& p) {
  const long rows = p.part.row1 - p.part.row0;
  for (long col = p.part.col0; col < padded(p.part.col1); col += kDotColumns)
    switch (rows) {
      case 1: dots<T, 1>(p, p.part.row0, col); break;
      case 2: dots<T, 2>(p, p.part.row0, col); break;
      default: dots<T, 3>(p, p.part.row0, col); break;
    }
}

// ---- the table ----------------------------------------------------------------------------------------------------

bool empty(Part part) { return part.row0 >= part.row1 || part.col0 >= part.col1; }

template <class T>
void matmul_nn(const T* a, long lda, const T* b, long ldb, const T* bias, T* c, long ldc, long m, long n, long k,
               Part part, T* scratch) {
  if (empty(part)) return;
  const Problem<T> p{a, b, lda, ldb, c, ldc, n, k, {bias ? Start::bias : Start::zero, bias, T(0)}, part, scratch};
  const int count = chains(m, n, k);
  if (count > 1)
    few_rows(p, count);
  else
    blocked<T, false, false>(p);
}

template <class T>
void matmul_nt(const T* a, long lda, const T* b, long ldb, T* c, long ldc, long m, long n, long k, Part part,
               T* scratch) {
  if (empty(part)) return;
  const Problem<T> p{a, b, lda, ldb, c, ldc, n, k, {Start::zero, nullptr, T(0)}, part, scratch};
  if (m <= kDotRows)
    few_rows_transposed(p);
  else
    blocked<T, false, true>(p);
}

template <class T>
void matmul_tn(const T* a, long lda, const T* b, long ldb, T* c, long ldc, long, long n, long k, Part part,
               T* scratch) {
  if (empty(part)) return;
  blocked<T, true, false>({a, b, lda, ldb, c, ldc, n, k, {Start::zero, nullptr, T(0)}, part, scratch});
}

template <class T>
long matmul_scratch(Product product, long, long n, long k) {
  switch (product) {
    case Product::tn_add: return strip_scratch<T>(false, n, k);
    case Product::tn_update: return strip_scratch<T>(true, n, k);
    default: return kPanelElements<T>;
  }
}

}  // namespace

template <class T>
void add_matmul(Kernels<T>& table) {
  table.matmul_scratch = matmul_scratch<T>;
  table.matmul_nn = matmul_nn<T>;
  table.matmul_nt = matmul_nt<T>;
  table.matmul_tn = matmul_tn<T>;
}
template void add_matmul(Kernels<float>&);
template void add_matmul(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
