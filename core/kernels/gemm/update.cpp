// Weight gradients that are consumed where they are made: strips of aᵀ·b go straight into the weights, or through an
// update rule, so that the gradient is never stored and weights and slots are passed over once, row by row.
#include "kernels/families.h"
#include "kernels/gemm/blocks.h"
#include "kernels/gemm/edge_strips.h"
#include "kernels/gemm/edges.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/shallow.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

constexpr long kDeepColumns = 512;
constexpr long kShallowRows = 48;  // rows of a strip where b fits the registers

template <class T>
constexpr long kPanel = 2 * kLanes<T>;

long strip_rows(long k) { return k <= kShallowDepth ? kShallowRows : kMaxRows; }

// Columns whose b is packed together, a multiple of 32.
template <class T>
long band_columns(bool keeps_gradient, long n, long k) {
  long columns = kBandBytes / (k * long(sizeof(T)));
  if (keeps_gradient) columns = smaller(columns, kGradientElements<T> / strip_rows(k));
  return smaller(larger(columns / 32 * 32, 32), (n + 31) / 32 * 32);
}

template <class T>
struct Strips {
  const T *a, *b;
  long lda, ldb, n, k;
  Part part;
  T scale;    // of b
  T* packed;  // b's columns of one band: panels of (k, panel_width)

  // With so few rows that one strip reads all of b, it may read it where it is.
  bool in_place() const { return k > kShallowDepth && part.row1 - part.row0 <= kMaxRows && scale == T(1); }
};

// Columns of the panel that begins where so many are left.
template <class T>
long panel_width(long left, long k) {
  const int vectors = int(left / kLanes<T>);
  return (k > kShallowDepth ? panel_or_three(vectors, 2) : panel_vectors(vectors, 2)) * kLanes<T>;
}

template <class T>
void pack_band(const Strips<T>& p, long col, long columns) {
  if (p.in_place()) return;
  pack_panels(p.b + col, p.ldb, p.k, columns, p.scale, p.packed, [&](long left) { return panel_width<T>(left, p.k); });
}

// One panel over the rows of a strip.
template <class T>
void panel_rows(TileOperands<T>& x, const Accumulators<T>& from, const Split& split, int vectors) {
  if (x.k > kShallowDepth || vectors < kShallowVectors) {
    if constexpr (kRowsApart<T>)
      if (x.rows) return run_tiles<T, Left::columns_apart>(x, from, split, 0, vectors);
    return run_tiles<T, Left::columns>(x, from, split, 0, vectors);
  }
  for (int v = 0; v < vectors; v += kShallowVectors) {
    shallow(x, split.count(), from);
    x.b += kShallowVectors * kLanes<T>;
    x.c += kShallowVectors * kLanes<T>;
  }
}

// The arrays that a strip's gradient goes into: m rows, ld apart.
template <class T>
struct Arrays {
  static constexpr int kMost = 8;  // what is beyond is not asked for
  const T* of[kMost] = {};
  int count = 0;
  long ld = 0;

  void add(const T* array) {
    bool known = array == nullptr;
    for (int i = 0; i < count; ++i) known = known || of[i] == array;
    if (!known && count < kMost) of[count++] = array;
  }
};

// Their rows in a strip: asked for while it is summed, as they come from the third-level cache or from memory.
template <class T>
struct Waiting {
  const char* rows[Arrays<T>::kMost * kMaxRows];
  long count = 0;

  Waiting() = default;
  Waiting(const Arrays<T>& arrays, long row, long height, long col) {
    for (int i = 0; i < arrays.count; ++i)
      for (long r = row; r < row + height; ++r)
        rows[count++] = reinterpret_cast<const char*>(arrays.of[i] + r * arrays.ld + col);
  }
};

// c(height, columns) of one strip += aᵀ·(packed b), every tile in order of k.
template <class T>
void strip_tiles(const Strips<T>& p, const Split& split, long row, long col, long columns, T* c, long ldc,
                 const Accumulators<T>& from, const Waiting<T>& waiting = {}) {
  for (long j = 0, width; j < columns; j += width) {
    width = panel_width<T>(columns - j, p.k);
    TileOperands<T> x{nullptr, p.lda, p.packed + j * p.k, width, p.k, c + j, ldc, nullptr, 1};
    if (p.in_place()) {
      x.b = p.b + col + j;
      x.ldb = p.ldb;
    }
    x.rows = static_cast<const T* const*>(p.part.rows_apart);
    x.offset = row;
    if (!x.rows) x.a = p.a + row;
    const Ahead* ahead = j == 0 && p.k <= kShallowDepth ? p.part.ahead : nullptr;
    if (ahead) x.pace = {ahead->rows, 0, ahead->count, row * ahead->element_bytes, kRow * ahead->element_bytes};
    if (waiting.count) x.pace = {waiting.rows, 0, waiting.count, j * long(sizeof(T)), 0};
    const int vectors = int(width / kLanes<T>);
    panel_rows(x, from, vectors == 3 ? Split(split.count(), max_rows(3)) : split, vectors);
  }
}

// Calls consume(row, rows, col, columns, split) strip by strip, with b packed.
template <class T, class Consume>
void each_strip(const Strips<T>& p, bool keeps_gradient, const Consume& consume) {
  const long end = padded(p.part.col1), band = band_columns<T>(keeps_gradient, p.n, p.k);
  const Split strips(p.part.row1 - p.part.row0, strip_rows(p.k));
  for (long col = p.part.col0; col < end; col += band) {
    const long columns = smaller(band, end - col);
    pack_band(p, col, columns);
    long row = p.part.row0;
    for (long strip = 0; strip < strips.tiles; row += strips.height(strip++))
      consume(row, strips.height(strip), col, columns, Split(strips.height(strip), kMaxRows));
  }
}

template <class T>
RowsOf<T> rows_of(const T* a, long lda, const Part& part) {
  return {a, lda, static_cast<const T* const*>(part.rows_apart)};
}

// How many columns at the end of this part go the other way.
long edge_in(const Part& part, long n, const Choice& choice) { return part.col1 == n ? choice.edge : 0; }

// ---- strips that take the last few columns along ------------------------------------------------------------------

// Whether the columns before the last `left` ones make panels of two and three vectors whose b can be packed at once.
template <class T>
bool takes_edge_along(const Part& part, long left, long k) {
  const long columns = part.col1 - part.col0;
  return kStripsTakeEdge<T> && left > 0 && k > kShallowDepth && k <= kStripDepth && columns >= 2 * kLanes<T> &&
         (columns + kRow) * kStripRows<T> <= kGradientElements<T> && columns * k * long(sizeof(T)) <= kBandBytes &&
         part.row1 - part.row0 >= kStripRows<T>;
}

// Panels of b's columns, as wide as strip_panel says, and the last columns of b: (k, left).
template <class T>
void pack_for_strips(const Strips<T>& p, long left, T* few) {
  pack_panels(p.b + p.part.col0, p.ldb, p.k, p.part.col1 - p.part.col0, p.scale, p.packed,
              [](long columns) { return strip_panel(columns / kLanes<T>) * kLanes<T>; });
  for (long k = 0; k < p.k; ++k)
    for (long j = 0; j < left; ++j) few[k * left + j] = p.b[k * p.ldb + p.part.col1 + j] * p.scale;
}

// Makes strip after strip where place(row) says, and calls consume(row) for it; returns the first row that is in none.
template <class T, class Place, class Consume>
long strips_with_edge(const Strips<T>& p, long left, long ldc, const Accumulators<T>& from, const Place& place,
                      const Consume& consume) {
  if constexpr (kStripsTakeEdge<T>) {
    const long columns = p.part.col1 - p.part.col0;
    T* few = p.packed + columns * p.k;
    pack_for_strips(p, left, few);
    const RowsOf<T> a = rows_of(p.a, p.lda, p.part);
    const Ahead* ahead = p.part.ahead;
    long row = p.part.row0;
    for (; row + kStripRows<T> <= p.part.row1; row += kStripRows<T>) {
      T* c = place(row);
      for (long j = 0, width; j < columns; j += width) {
        const int vectors = strip_panel((columns - j) / kLanes<T>);
        width = vectors * kLanes<T>;
        const bool first = j == 0, last = j + width == columns;
        const RowsOf<T> from_row{a.apart ? nullptr : a.first + row, a.ld, a.apart, row};
        const StripOperands<T> x{from_row,
                                 p.packed + j * p.k,
                                 p.k,
                                 c + j,
                                 ldc,
                                 few,
                                 ahead ? ahead->rows : nullptr,
                                 ahead && first ? ahead->count : 0,
                                 ahead ? row * ahead->element_bytes : 0};
        strip_of<T>(vectors, last ? left : 0, a.apart)(x, from);
      }
      consume(row);
    }
    return row;
  }
  return p.part.row0;
}

template <class T>
void matmul_tn_add(const T* a, long lda, const T* b, long ldb, T decay, T scale, T* c, long ldc, long m, long n, long k,
                   Part part, T* scratch) {
  if (part.row0 >= part.row1 || part.col0 >= part.col1) return;
  const Accumulators<T> from{decay == T(1) ? Start::accumulate : Start::decay, nullptr, decay};
  const Choice choice = choose<T>(Product::tn_add, m, n, k);
  if (const long left = edge_in(part, n, choice)) {
    part.col1 -= left;
    if (takes_edge_along<T>(part, left, k)) {
      const auto place = [&](long row) { return c + row * ldc + part.col0; };
      part.row0 =
          strips_with_edge(Strips<T>{a, b, lda, ldb, n, k, part, scale, scratch}, left, ldc, from, place, [](long) {});
    }
    if (part.row0 == part.row1) return;
    edge<T>({rows_of(a, lda, part), b + part.col1, ldb, k, scale, from.start, decay, c + part.col1, ldc, 0}, part.row0,
            part.row1, left);
  }
  if (part.col0 >= part.col1) return;
  const Strips<T> p{a, b, lda, ldb, n, k, part, scale, scratch};
  if (choice.algorithm == Algorithm::deep)
    return product_tn_scaled<T>({a, b, lda, ldb, c, ldc, n, k, from, part, scratch}, scale);
  if (padded(part.col1) - part.col0 <= kPanel<T>) {
    pack_band(p, part.col0, padded(part.col1) - part.col0);
    strip_tiles(p, Split(part.row1 - part.row0, kMaxRows), part.row0, part.col0, padded(part.col1) - part.col0,
                c + part.row0 * ldc + part.col0, ldc, from);
    return;
  }
  each_strip(p, false, [&](long row, long, long col, long columns, const Split& split) {
    strip_tiles(p, split, row, col, columns, c + row * ldc + col, ldc, from);
  });
}

// As each_gradient, block by block, where k is too deep for b's columns to be packed all at once.
template <class T, class Update>
void deep_update(const Strips<T>& p, T* gradient, const Update& update) {
  const long end = padded(p.part.col1), most = smaller(kDeepColumns, end - p.part.col0);
  const Split blocks(p.part.row1 - p.part.row0, unsigned(kDeepElements<T> / most));
  for (long col = p.part.col0; col < end; col += most) {
    const long columns = smaller(most, end - col);
    long row = p.part.row0;
    for (long block = 0; block < blocks.tiles; row += blocks.height(block++)) {
      const long rows = blocks.height(block);
      product_tn<T>({p.part.rows_apart ? nullptr : p.a + row,
                     p.b + col,
                     p.lda,
                     p.ldb,
                     gradient,
                     columns,
                     p.n - col,
                     p.k,
                     {Start::zero, nullptr, T(0)},
                     {0, rows, 0, columns, nullptr, p.part.rows_apart},
                     p.packed,
                     row});
      update(row, rows, col, columns);
    }
  }
}

// The columns behind the part's last one, which are few.
template <class T, class Update>
void edge_update(const Strips<T>& p, T* gradient, long columns, const Update& update) {
  const long col = p.part.col1, most = kGradientElements<T> / kRow;
  for (long row = p.part.row0; row < p.part.row1; row += most) {
    const long rows = smaller(most, p.part.row1 - row);
    for (long i = 0; i < rows * kRow; i += kLanes<T>) store(gradient + i, Lanes<T>{});
    edge<T>({rows_of(p.a, p.lda, p.part), p.b + col, p.ldb, p.k, T(1), Start::zero, T(0), gradient, kRow, row}, row,
            row + rows, columns);
    update(row, rows, col, kRow);
  }
}

// The gradient aᵀ·b of one part in blocks, each of which is used at once: use(row, rows, col, columns, gradient), with
// gradient rows `columns` apart and padded; `into` are the arrays that it reads. scratch: that of
// Product::tn_update.
template <class T, class Use>
void each_gradient(const T* a, long lda, const T* b, long ldb, long m, long n, long k, Part part, T* scratch,
                   const Arrays<T>& into, const Use& use) {
  if (part.row0 >= part.row1 || part.col0 >= part.col1) return;
  const Choice choice = choose<T>(Product::tn_update, m, n, k);
  const bool deep = choice.algorithm == Algorithm::deep;
  T* gradient = scratch;
  T* packed = scratch + (deep ? kDeepElements<T> : kGradientElements<T>);
  const long left = edge_in(part, n, choice);
  part.col1 -= left;
  Strips<T> p{a, b, lda, ldb, n, k, part, T(1), packed};
  const auto update = [&](long row, long rows, long col, long columns) { use(row, rows, col, columns, gradient); };
  if (left && takes_edge_along<T>(part, left, k)) {
    const long width = part.col1 - part.col0 + kRow;
    for (long i = 0; i < kStripRows<T> * width; i += kLanes<T>) store(gradient + i, Lanes<T>{});
    part.row0 = strips_with_edge(
        p, left, width, {Start::zero, nullptr, T(0)}, [&](long) { return gradient; },
        [&](long row) { update(row, kStripRows<T>, part.col0, width); });
    if (part.row0 == part.row1) return;
    p.part.row0 = part.row0;
  }
  if (left) edge_update(p, gradient, left, update);
  if (part.col0 >= part.col1) return;
  if (deep) return deep_update(p, gradient, update);
  each_strip(p, true, [&](long row, long rows, long col, long columns, const Split& split) {
    if (k > kShallowDepth) {
      const Waiting<T> waiting(into, row, rows, col);
      strip_tiles(p, split, row, col, columns, gradient, columns, {Start::zero, nullptr, T(0)}, waiting);
    } else {
      strip_tiles(p, split, row, col, columns, gradient, columns, {Start::zero, nullptr, T(0)});
    }
    update(row, rows, col, columns);
  });
}

template <class T>
void matmul_tn_update(const T* a, long lda, const T* b, long ldb, UpdateRule rule, const T* scalars, T* w, T* s1, T* s2,
                      long ldw, long m, long n, long k, Part part, T* scratch) {
  const UpdateBlock<T> block = update_block<T>(rule);
  Arrays<T> into;
  into.ld = ldw;
  for (const T* array : {w, s1, s2}) into.add(array);
  each_gradient(a, lda, b, ldb, m, n, k, part, scratch, into,
                [&](long row, long rows, long col, long columns, const T* gradient) {
                  const long at = row * ldw + col;
                  block(w + at, gradient, s1 ? s1 + at : nullptr, s2 ? s2 + at : nullptr, rows, columns, ldw, columns,
                        scalars);
                });
}

template <class T>
void matmul_tn_program(const T* a, long lda, const T* b, long ldb, const Program& program, T* const* data,
                       int gradient_operand, long ldw, long m, long n, long k, Part part, T* scratch) {
  Arrays<T> into;
  into.ld = ldw;
  for (int i = 0; i < program.operand_count; ++i)
    if (program.operands[i].kind == OperandKind::full && i != gradient_operand) into.add(data[i]);
  T* const strips = scratch + padded(program_scratch<T>(program));
  each_gradient(a, lda, b, ldb, m, n, k, part, strips, into,
                [&](long row, long rows, long col, long columns, T* gradient) {
                  T* first[kMostOperands];
                  long lds[kMostOperands];
                  for (int i = 0; i < program.operand_count; ++i) {
                    const OperandKind kind = program.operands[i].kind;
                    first[i] = kind == OperandKind::full     ? data[i] + row * ldw + col
                               : kind == OperandKind::row    ? data[i] + col
                               : kind == OperandKind::column ? data[i] + row * kRow
                                                             : data[i];
                    lds[i] = ldw;
                  }
                  first[gradient_operand] = gradient;
                  lds[gradient_operand] = columns;
                  program_block<T>(program, {first, lds, rows, columns, smaller(columns, n - col)}, scratch);
                });
}

template <class T>
long matmul_tn_program_scratch(const Program& program, long, long n, long k) {
  return padded(program_scratch<T>(program)) + scratch_of<T>(Product::tn_update, n, k);
}

}  // namespace

template <class T>
void add_matmul_update(Kernels<T>& table) {
  table.matmul_tn_add = matmul_tn_add<T>;
  table.matmul_tn_update = matmul_tn_update<T>;
  table.matmul_tn_program = matmul_tn_program<T>;
  table.matmul_tn_program_scratch = matmul_tn_program_scratch<T>;
}
template void add_matmul_update(Kernels<float>&);
template void add_matmul_update(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
