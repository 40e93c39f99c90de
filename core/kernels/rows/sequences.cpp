// Rows chosen by number, and samples whose positions are rows: what moves numbers and computes next to nothing.
#include "kernels/families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// The row that a number names, fractions cut off; -1 where there is none, as for NaN.
template <class T>
long row_named(T number, long rows) {
  return number >= T(0) && number < static_cast<T>(rows) ? static_cast<long>(number) : -1;
}

template <class T>
void copy_row(const T* from, long width, T* to) {
  for (long j = 0; j < width; ++j) to[j] = from[j];
  for (long j = width; j < padded(width); ++j) to[j] = T(0);
}

template <class T>
void take_rows(const T* table, long rows, long width, const T* index, long count, T* y) {
  const long ld = padded(width);
  for (long i = 0; i < count; ++i) {
    const long row = row_named(index[i], rows);
    if (row >= 0) {
      copy_row(table + row * ld, width, y + i * ld);
    } else {
      for (long j = 0; j < ld; ++j) y[i * ld + j] = j < width ? T(__builtin_nan("")) : T(0);
    }
  }
}

template <class T>
void add_rows(const T* g, const T* index, long count, long width, T* sums, long rows) {
  const long ld = padded(width);
  for (long i = 0; i < count; ++i) {
    const long row = row_named(index[i], rows);
    if (row < 0) continue;
    for (long j = 0; j < ld; j += kLanes<T>)
      store(sums + row * ld + j, load(sums + row * ld + j) + load(g + i * ld + j));
  }
}

template <class T>
void one_hot_of(const T* index, long count, long classes, T* y) {
  const long ld = padded(classes);
  for (long i = 0; i < count; ++i) {
    for (long j = 0; j < ld; ++j) y[i * ld + j] = T(0);
    const long label = row_named(index[i], classes);
    if (label >= 0) y[i * ld + label] = T(1);
  }
}

template <class T>
void transpose(const T* x, long rows, long width, T* y) {
  const long ld = padded(width), ldy = padded(rows);
  for (long j = 0; j < width; ++j) {
    for (long i = 0; i < rows; ++i) y[j * ldy + i] = x[i * ld + j];
    for (long i = rows; i < ldy; ++i) y[j * ldy + i] = T(0);
  }
}

template <class T>
void split_row(const T* flat, long positions, long width, T* y) {
  for (long p = 0; p < positions; ++p) copy_row(flat + p * width, width, y + p * padded(width));
}

template <class T>
void join_positions(const T* x, long positions, long width, T* flat) {
  for (long p = 0; p < positions; ++p)
    for (long j = 0; j < width; ++j) flat[p * width + j] = x[p * padded(width) + j];
  for (long j = positions * width; j < padded(positions * width); ++j) flat[j] = T(0);
}

}  // namespace

template <class T>
void add_sequences(Kernels<T>& table) {
  table.take_rows = take_rows<T>;
  table.add_rows = add_rows<T>;
  table.one_hot_of = one_hot_of<T>;
  table.transpose = transpose<T>;
  table.split_row = split_row<T>;
  table.join_positions = join_positions<T>;
}
template void add_sequences(Kernels<float>&);
template void add_sequences(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
