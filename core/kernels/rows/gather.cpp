// A batch's rows, from wherever and in whatever type the data set holds them, into a padded matrix.
#include <type_traits>

#include "kernels/families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

PELLUCID_INLINE long row_number(const std::uint32_t* index, long start, long row) {
  return index ? long(index[row]) : start + row;
}

// 16 elements, of which the first `count` come from the source, and asks for those that lie `ahead`.
template <class T>
PELLUCID_INLINE void copy_block(const char* source, const char* ahead, long count, Lanes<T> scale, T* dst) {
#pragma GCC unroll 8
  for (int v = 0; v < kVectors<T>; ++v) {
    const long at = v * long(sizeof(Lanes<T>)), left = count - v * kLanes<T>;
    Lanes<T> values{};
    if (left > 0) __builtin_prefetch(ahead + at);
    if (left >= kLanes<T>)
      std::memcpy(&values, source + at, sizeof values);  // the data may be unaligned
    else if (left > 0)
      values = load_first<T>(source + at, int(left));
    store(dst + v * kLanes<T>, values * scale);
  }
}

template <class T>
PELLUCID_INLINE void copy_row(const char* source, const char* ahead, long width, T scale, T* dst) {
  constexpr long kBytes = sizeof(T);
  const Lanes<T> scales = splat<T>(scale);
  long j = 0;
  for (; j + kRow <= width; j += kRow) copy_block(source + j * kBytes, ahead + j * kBytes, kRow, scales, dst + j);
  if (j < width) copy_block(source + j * kBytes, ahead + j * kBytes, width - j, scales, dst + j);
}

template <class S, class T>
PELLUCID_INLINE void convert_row(const char* source, long width, T scale, T* dst, long ld) {
  for (long j = ld - kRow; j < ld; j += kLanes<T>) store(dst + j, Lanes<T>{});
  for (long j = 0; j < width; ++j) {
    S value;
    std::memcpy(&value, source + j * long(sizeof(S)), sizeof value);
    dst[j] = static_cast<T>(value) * scale;
  }
}

template <class S, class T>
void gather_rows_of(const char* source, long row_stride_bytes, const std::uint32_t* index, long start, long rows,
                    long width, T scale, T* dst, long ld) {
  // Far enough ahead for memory to answer, which the few bytes of narrow rows alone would not give it time for.
  constexpr long kNarrowBytes = 256;
  const long ahead = width * long(sizeof(S)) < kNarrowBytes ? 16 : 2;
  const auto row = [&](long r) PELLUCID_LAMBDA {
    return source + row_number(index, start, smaller(r, rows - 1)) * row_stride_bytes;
  };
  for (long r = 0; r < rows; ++r) {
    if constexpr (std::is_same_v<S, T>)
      copy_row<T>(row(r), row(r + ahead), width, scale, dst + r * ld);
    else
      convert_row<S, T>(row(r), width, scale, dst + r * ld, ld);
  }
}

template <class T>
void gather_rows(const void* source, SourceType type, long row_stride_bytes, const std::uint32_t* index, long start,
                 long rows, long width, double scale, T* dst, long ld) {
  const auto gather = [&](auto one) {
    gather_rows_of<decltype(one), T>(static_cast<const char*>(source), row_stride_bytes, index, start, rows, width,
                                     static_cast<T>(scale), dst, ld);
  };
  switch (type) {
    case SourceType::f32:
      return gather(float{});
    case SourceType::f64:
      return gather(double{});
    case SourceType::u8:
      return gather(std::uint8_t{});
    case SourceType::i8:
      return gather(std::int8_t{});
    case SourceType::i16:
      return gather(std::int16_t{});
    case SourceType::u16:
      return gather(std::uint16_t{});
    case SourceType::i32:
      return gather(std::int32_t{});
    case SourceType::i64:
      return gather(std::int64_t{});
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
