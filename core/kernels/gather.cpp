// A batch's rows, from wherever and in whatever type the data set holds them, into a padded matrix.
#include <type_traits>

#include "families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

PELLUCID_INLINE long row_number(const std::uint32_t* index, long start, long row) {
  return index ? long(index[row]) : start + row;
}

// `ahead` is a row that comes soon: its lines are asked for on the way.
template <class S, class T>
void convert_row(const char* source, const char* ahead, long width, T scale, T* dst) {
  constexpr long kBytes = sizeof(S);
  long j = 0;
  if constexpr (std::is_same_v<S, T>) {
    for (; j + kLanes<T> <= width; j += kLanes<T>) {
      __builtin_prefetch(ahead + j * kBytes);
      Lanes<T> values;
      std::memcpy(&values, source + j * kBytes, sizeof values);  // the data may be unaligned
      store(dst + j, values * splat<T>(scale));
    }
  }
  for (; j < width; ++j) {
    S value;
    std::memcpy(&value, source + j * kBytes, sizeof value);
    dst[j] = static_cast<T>(value) * scale;
  }
}

template <class T>
using ConvertRow = void (*)(const char* source, const char* ahead, long width, T scale, T* dst);

template <class T>
ConvertRow<T> convert_row_of(SourceType type) {
  switch (type) {
    case SourceType::f32:
      return convert_row<float, T>;
    case SourceType::f64:
      return convert_row<double, T>;
    case SourceType::u8:
      return convert_row<std::uint8_t, T>;
    case SourceType::i8:
      return convert_row<std::int8_t, T>;
    case SourceType::i16:
      return convert_row<std::int16_t, T>;
    case SourceType::u16:
      return convert_row<std::uint16_t, T>;
    case SourceType::i32:
      return convert_row<std::int32_t, T>;
    default:
      return convert_row<std::int64_t, T>;
  }
}

template <class T>
void clear_row_pads(T* row, long width, long ld) {
  for (long j = width; j < ld; ++j) row[j] = T(0);
}

template <class T>
void gather_rows(const void* source, SourceType type, long row_stride_bytes, const std::uint32_t* index, long start,
                 long rows, long width, double scale, T* dst, long ld) {
  constexpr long kRowsAhead = 2;
  const ConvertRow<T> convert_one = convert_row_of<T>(type);
  const auto row = [&](long r) {
    return static_cast<const char*>(source) + row_number(index, start, smaller(r, rows - 1)) * row_stride_bytes;
  };
  for (long r = 0; r < rows; ++r) {
    convert_one(row(r), row(r + kRowsAhead), width, static_cast<T>(scale), dst + r * ld);
    clear_row_pads(dst + r * ld, width, ld);
  }
}

template <class T>
void one_hot(const std::int32_t* labels, const std::uint32_t* index, long start, long rows, long classes, T* dst,
             long ld) {
  for (long r = 0; r < rows; ++r) {
    const long label = labels[row_number(index, start, r)];
    for (long j = 0; j < ld; ++j) dst[r * ld + j] = T(0);
    if (label >= 0 && label < classes) dst[r * ld + label] = T(1);
  }
}

}  // namespace

template <class T>
void add_gather(Kernels<T>& table) {
  table.gather_rows = gather_rows<T>;
  table.one_hot = one_hot<T>;
}
template void add_gather(Kernels<float>&);
template void add_gather(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
