// Rows that are chosen by numbers which a plan holds as values: a table's rows taken and given back, and one-hot rows.
#include "kernels/families.h"
#include "kernels/memory.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// The number that a value stands for, truncated; -1 where there is no such row. NaN compares with nothing.
template <class T>
PELLUCID_INLINE long row_of(T value, long rows) {
  constexpr T kTooLarge = T(0x1p62);  // `rows` itself might be rounded up to a row that is not there
  const long row = value >= T(0) && value < kTooLarge ? long(value) : -1;
  return row < rows ? row : -1;
}

template <class T>
void take_rows(const T* W, long ldw, long rows, const T* index, long count, long width, T* out, long ldo) {
  const T nan = T(__builtin_nan(""));
  for (long i = 0; i < count; ++i, out += ldo) {
    const long row = row_of(index[i], rows);
    if (row >= 0)
      copy(W + row * ldw, out, width);
    else
      for (long j = 0; j < width; ++j) out[j] = nan;
    clear(out + width, padded(width) - width);
  }
}

template <class T>
void add_rows(const T* g, long ldg, const T* index, long count, long width, T* dW, long lddw, long rows) {
  for (long i = 0; i < count; ++i, g += ldg) {
    const long row = row_of(index[i], rows);
    if (row < 0) continue;
    T* const to = dW + row * lddw;
    for (long j = 0; j < padded(width); j += kLanes<T>) store(to + j, load(to + j) + load(g + j));
  }
}

template <class T>
void one_hot_of(const T* values, long count, long classes, T* dst, long ld) {
  for (long i = 0; i < count; ++i, dst += ld) {
    clear(dst, padded(classes));
    const long label = row_of(values[i], classes);
    if (label >= 0) dst[label] = T(1);
  }
}

}  // namespace

template <class T>
void add_rows_by_value(Kernels<T>& table) {
  table.take_rows = take_rows<T>;
  table.add_rows = add_rows<T>;
  table.one_hot_of = one_hot_of<T>;
}
template void add_rows_by_value(Kernels<float>&);
template void add_rows_by_value(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
