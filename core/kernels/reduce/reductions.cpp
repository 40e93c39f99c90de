// Sums, maxima and argmax. A sum along a row keeps 16 partial sums by lane and ends in a fixed tree (simd.h).
#include "kernels/families.h"
#include "kernels/reduce/magnitude.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// V vectors of columns, each summed down the rows in order.
template <class T, int V>
PELLUCID_INLINE void sum_down(const T* x, long rows, long ld, T* out) {
  Lanes<T> sum[V] = {};
  for (long r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[v] = sum[v] + load(x + r * ld + v * kLanes<T>);
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) store(out + v * kLanes<T>, sum[v]);
}

template <class T>
void sum_rows(const T* x, long rows, long k, long col0, long col1, T* out) {
  const long ld = padded(k), end = padded(col1);
  long col = col0;
  for (; col + 4 * kLanes<T> <= end; col += 4 * kLanes<T>) sum_down<T, 4>(x + col, rows, ld, out + col);
  for (; col < end; col += kLanes<T>) sum_down<T, 1>(x + col, rows, ld, out + col);
}

template <class T>
PELLUCID_INLINE void add_row(Sums<T>& sums, const T* row, long ld) {
  for (long j = 0; j < ld; j += kRow)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors<T>; ++v) sums.part[v] = sums.part[v] + load(row + j + v * kLanes<T>);
}

template <class T>
void store_alone(T* out, T value) {
  for (int v = 0; v < kVectors<T>; ++v) store(out + v * kLanes<T>, Lanes<T>{});
  out[0] = value;
}

template <class T>
void sum_columns(const T* x, long row0, long row1, long k, T* out) {
  const long ld = padded(k);
  for (long r = row0; r < row1; ++r) {
    Sums<T> sums = {};
    add_row(sums, x + r * ld, ld);
    store_alone(out + r * kRow, tree_sum<T>(sums));
  }
}

template <class T>
T sum_all(const T* x, long rows, long k) {
  Sums<T> sums = {};
  add_row(sums, x, rows * padded(k));
  return tree_sum<T>(sums);
}

// 16 partial maxima by lane, then the same tree as a sum: the sign of a zero does not depend on the machine.
template <class T>
T row_maximum(const T* x, long k) {
  const Lanes<T> lowest = splat<T>(-T(__builtin_inf()));
  IntLanes<T> lane;
  for (int l = 0; l < kLanes<T>; ++l) lane[l] = l;
  Sums<T> best;
  for (int v = 0; v < kVectors<T>; ++v) best.part[v] = lowest;
  for (long j = 0; j < k; j += kRow)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors<T>; ++v) {
      using Int = typename VectorOf<T>::Int;
      const Lanes<T> value = load(x + j + v * kLanes<T>);
      const auto inside = lane < Int(smaller(k - j, kRow)) - v * kLanes<T>;
      best.part[v] = maximum<T>(best.part[v], inside ? value : lowest);
    }
  return tree(best, [](Lanes<T> a, Lanes<T> b) PELLUCID_LAMBDA { return maximum<T>(a, b); });
}

template <class T>
void max_columns(const T* x, long row0, long row1, long k, T* out) {
  for (long r = row0; r < row1; ++r) store_alone(out + r * kRow, row_maximum(x + r * padded(k), k));
}

template <class T>
bool all_below(const T* p, long count, T bound) {
  const long whole = count / kLanes<T> * kLanes<T>;
  bool all = vectors_below(p, whole, bound);
  for (long i = whole; i < count; ++i) all = all && p[i] < bound && -p[i] < bound;
  return all;
}

template <class T>
std::int32_t argmax(const T* x, long k) {
  long best = 0;
  for (long j = 1; j < k && x[best] == x[best]; ++j)
    if (x[j] > x[best] || x[j] != x[j]) best = j;
  return std::int32_t(best);
}

template <class T>
void argmax_columns(const T* x, long row0, long row1, long k, std::int32_t* out) {
  for (long r = row0; r < row1; ++r) out[r] = argmax(x + r * padded(k), k);
}

// Whether column `label` is the one that argmax would give: nothing before it is as large, nothing behind it larger.
template <class T>
PELLUCID_INLINE bool is_largest(const T* row, long k, long label, IntLanes<T> lane) {
  using Int = typename VectorOf<T>::Int;
  const Lanes<T> own = splat<T>(row[label]);
  IntLanes<T> beaten = {};
  for (long j = 0; j < k; j += kLanes<T>) {
    const Lanes<T> x = load(row + j);
    const IntLanes<T> column = lane + Int(j);
    beaten |= ((x > own) | (x != x) | ((x == own) & (column < Int(label)))) & (column < Int(k));
  }
  return !any<T>(beaten);
}

template <class T>
long count_correct(const T* x, long rows, long k, const std::int32_t* labels) {
  long correct = 0;
  IntLanes<T> lane;
  for (int l = 0; l < kLanes<T>; ++l) lane[l] = l;
  for (long r = 0; r < rows; ++r) {
    const T* row = x + r * padded(k);
    const long label = labels[r];
    if (label < 0 || label >= k) continue;
    // Where the label's own number is NaN, it counts as largest if it is the first.
    correct += row[label] == row[label] ? is_largest(row, k, label, lane) : argmax(row, k) == label;
  }
  return correct;
}

}  // namespace

template <class T>
void add_reductions(Kernels<T>& table) {
  table.sum_rows = sum_rows<T>;
  table.sum_columns = sum_columns<T>;
  table.max_columns = max_columns<T>;
  table.sum_all = sum_all<T>;
  table.all_below = all_below<T>;
  table.argmax_columns = argmax_columns<T>;
  table.count_correct = count_correct<T>;
}
template void add_reductions(Kernels<float>&);
template void add_reductions(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
