// Matrix products. c is cut into tiles held in registers (microkernel.h); the loops around them keep the operands of a
// tile in the first-level cache. Which algorithm sums an element, choose.h says.
#include <algorithm>

#include "kernels/families.h"
#include "kernels/gemm/blocks.h"
#include "kernels/gemm/folded_dots.h"
#include "kernels/gemm/pack.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

constexpr long kPackStride = 512;  // bytes between rows of b from which packing pays

// ---- products whose sum needs only one chain per element ----------------------------------------------------------

// How a panel of b comes about: read where it is (and packed in passing), transposed, or scaled.
enum class Panel { as_is, transposed, scaled };

// One panel of columns, over one block of rows and of k.
template <class T, Left kLeft>
void panel_tiles(const Problem<T>& p, const Split& split, long row, long col, long k0, long depth, int vectors,
                 bool panel_ready, const Accumulators<T>& from, const Pace& pace, const Along<T>& along) {
  const long width = long(vectors) * kLanes<T>;
  const bool pack = !panel_ready && split.tiles > 1 && p.ldb * long(sizeof(T)) >= kPackStride;
  TileOperands<T> x{nullptr, p.lda, nullptr, p.ldb, depth, p.c + row * p.ldc + col, p.ldc, p.scratch, 1, pace};
  if (apart(kLeft)) {
    x.rows = p.rows_apart() + (transposed(kLeft) ? k0 : row);
    x.offset = p.a_offset + (transposed(kLeft) ? row : k0);
  } else {
    x.a = transposed(kLeft) ? p.a + k0 * p.lda + row : p.a + row * p.lda + k0;
  }
  x.b = p.b + k0 * p.ldb + col;
  x.along = along;
  x.fresh = col == p.part.col0;
  if (pack) {
    const long height = split.height(0);
    tile_of<T, kLeft, true>(int(height), vectors)(x, from);
    x.skip(height, transposed(kLeft));
  }
  if (pack || panel_ready) {
    x.b = p.scratch;
    x.ldb = width;
  }
  run_tiles<T, kLeft>(x, from, split, pack ? 1 : 0, vectors);
}

// The first two panels ask for the rows ahead, as each goes along all rows of a: what was dropped is asked for again.
template <class T>
Pace pace_of(const Problem<T>& p, long row, long col, long width, long k0) {
  const Ahead* ahead = p.part.ahead;
  if (!ahead || col >= p.part.col0 + 2 * width) return {};
  return {ahead->rows + row, -row, ahead->count - row, k0 * ahead->element_bytes, kRow * ahead->element_bytes};
}

// The last columns, which are few and go along k: b(columns, k), read where it is, or packed behind the panel's
// scratch.
template <class T>
struct Few {
  long columns, first;
  const T* b = nullptr;
  long ldb = 0;
  DotsEnd<T> end{};
};

template <class T, Panel kPanel>
Few<T> few_columns(const Problem<T>& p, long edge) {
  const long columns = p.part.col1 == p.n ? edge : 0, first = p.n - columns;
  if (columns == 0) return {0, first};
  const T* bias = p.from.start == Start::bias ? p.from.bias + first : nullptr;
  const DotsEnd<T> end{bias, p.c + first, p.ldc};
  if (kPanel == Panel::transposed) return {columns, first, p.b + first * p.ldb, p.ldb, end};
  T* packed = p.scratch + kPanelElements<T>;
  pack_columns(p.b + first, p.ldb, p.k, columns, packed);
  return {columns, first, packed, padded(p.k), end};
}

template <class T>
RowsOf<T> left_rows(const Problem<T>& p) {
  if (const auto rows = p.rows_apart()) return {nullptr, 0, rows, p.a_offset};
  return {p.a, p.lda};
}

template <class T, Left kLeft, Panel kPanel>
void blocked(const Problem<T>& p, long edge = 0, T scale = T(1)) {
  constexpr bool kReady = kPanel != Panel::as_is;
  Few<T> few{0, p.n};
  if constexpr (!transposed(kLeft)) few = few_columns<T, kPanel>(p, edge);
  const long end = few.columns ? few.first : padded(p.part.col1);
  for (long row = p.part.row0; row < p.part.row1; row += kRowBlock) {
    const Split split(smaller(kRowBlock, p.part.row1 - row), kMaxRows);
    const Split split_three(split.count(), max_rows(3));
    if (few.columns && end <= p.part.col0) {
      const RowsOf<T> a = left_rows(p);
      by_dots(split.count(), few.columns, WholeDots<T>{a.from(row), few.b, few.ldb, p.k, few.end.from(row)});
      continue;
    }
    T* sums = few.columns ? p.scratch + kPanelElements<T> + few.columns * padded(p.k) : nullptr;
    if (sums) std::fill_n(sums, split.count() * few.columns * kRow, T(0));
    const int most = kReady ? 2 : widest(split.tallest());
    const bool once = !kReady && split.tiles == 1;  // b is read once: nothing to keep in a cache
    const long block = once ? p.k : kPanelElements<T> / ((most == 2 ? 3 : most) * kLanes<T>) / kRow * kRow;
    for (long k0 = 0; k0 < p.k; k0 += block) {
      const long depth = smaller(block, p.k - k0);
      Accumulators<T> from = p.from;
      if (k0 > 0) from.start = Start::accumulate;
      for (long col = p.part.col0; col < end;) {
        const long remaining = (end - col) / kLanes<T>;
        const int vectors = once ? panel_vectors(remaining, most) : panel_or_three(remaining, most);
        const long width = vectors * kLanes<T>;
        if (kPanel == Panel::transposed)
          pack_transposed(p.b + col * p.ldb + k0, p.ldb, p.n - col, depth, width, p.scratch);
        if (kPanel == Panel::scaled) pack_scaled(p.b + k0 * p.ldb + col, p.ldb, depth, width, scale, p.scratch);
        if (from.start == Start::bias) from.bias = p.from.bias + col;
        const Pace pace = transposed(kLeft) ? Pace{} : pace_of(p, row, col, most * kLanes<T>, k0);
        const Split& heights = vectors == 3 ? split_three : split;
        col += width;
        const Along<T> along = col >= end ? Along<T>{few.b + k0, few.ldb, few.columns, sums} : Along<T>{};
        panel_tiles<T, kLeft>(p, heights, row, col - width, k0, depth, vectors, kReady, from, pace, along);
      }
    }
    if (sums) by_dots(split.count(), few.columns, EndAlong<T>{sums, few.end.from(row)});
  }
}

template <class T, bool kTransposed, Panel kPanel>
void blocked_from(const Problem<T>& p, long edge = 0, T scale = T(1)) {
  if constexpr (kRowsApart<T>)
    if (p.part.rows_apart) return blocked<T, left_of(kTransposed, true), kPanel>(p, edge, scale);
  blocked<T, left_of(kTransposed, false), kPanel>(p, edge, scale);
}

// ---- few rows: several chains for each element-----------------------------------------------------------------------

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
void by_chains(const Problem<T>& p, int count) {
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

// c(m, n) = a(m)·b(n), one row after the other.
template <class T>
void outer(const Problem<T>& p) {
  for (long col = p.part.col0; col < padded(p.part.col1); col += kRow) {
    alignas(64) T columns[kRow];
    for (long j = 0; j < kRow; ++j) columns[j] = col + j < p.n ? p.b[(col + j) * p.ldb] : T(0);
    Lanes<T> b[kVectors<T>];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors<T>; ++v) b[v] = load(columns + v * kLanes<T>);
    for (long row = p.part.row0; row < p.part.row1; ++row) {
      const Lanes<T> a = splat<T>(p.a[row * p.lda]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors<T>; ++v) store(p.c + row * p.ldc + col + v * kLanes<T>, fma(a, b[v], Lanes<T>{}));
    }
  }
}

// ---- the table ----------------------------------------------------------------------------------------------------

bool empty(Part part) { return part.row0 >= part.row1 || part.col0 >= part.col1; }

template <class T>
void matmul_nn(const T* a, long lda, const T* b, long ldb, const T* bias, T* c, long ldc, long m, long n, long k,
               Part part, T* scratch) {
  if (empty(part)) return;
  const Problem<T> p{a, b, lda, ldb, c, ldc, n, k, {bias ? Start::bias : Start::zero, bias, T(0)}, part, scratch};
  const Choice choice = choose<T>(Product::nn, m, n, k);
  if (choice.algorithm == Algorithm::chains)
    by_chains(p, choice.chains);
  else
    blocked_from<T, false, Panel::as_is>(p, choice.edge);
}

template <class T>
void matmul_nt(const T* a, long lda, const T* b, long ldb, T* c, long ldc, long m, long n, long k, Part part,
               T* scratch) {
  if (empty(part)) return;
  const Problem<T> p{a, b, lda, ldb, c, ldc, n, k, {Start::zero, nullptr, T(0)}, part, scratch};
  const Choice choice = choose<T>(Product::nt, m, n, k);
  if (choice.algorithm == Algorithm::folded)
    folded_dots(p);
  else if (choice.algorithm == Algorithm::outer)
    outer(p);
  else
    blocked<T, Left::rows, Panel::transposed>(p, choice.edge);
}

template <class T>
void matmul_tn(const T* a, long lda, const T* b, long ldb, T* c, long ldc, long, long n, long k, Part part,
               T* scratch) {
  if (empty(part)) return;
  blocked_from<T, true, Panel::as_is>({a, b, lda, ldb, c, ldc, n, k, {Start::zero, nullptr, T(0)}, part, scratch});
}

template <class T>
long matmul_scratch(Product product, long, long n, long k) {
  return scratch_of<T>(product, n, k);
}

}  // namespace

template <class T>
void product_tn(const Problem<T>& problem) {
  blocked_from<T, true, Panel::as_is>(problem);
}
template void product_tn(const Problem<float>&);
template void product_tn(const Problem<double>&);

template <class T>
void product_tn_scaled(const Problem<T>& problem, T scale) {
  blocked_from<T, true, Panel::scaled>(problem, 0, scale);
}
template void product_tn_scaled(const Problem<float>&, float);
template void product_tn_scaled(const Problem<double>&, double);

template <class T>
void add_matmul(Kernels<T>& table) {
  table.matmul_scratch = matmul_scratch<T>;
  table.choose = choose<T>;
  table.matmul_nn = matmul_nn<T>;
  table.matmul_nt = matmul_nt<T>;
  table.matmul_tn = matmul_tn<T>;
}
template void add_matmul(Kernels<float>&);
template void add_matmul(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
