// Gathering from every source type, unaligned rows included, and rows that end where memory does.
#include <sys/mman.h>
#include <unistd.h>

#include "tests/check.h"

namespace test {
namespace {

using pellucid::SourceType;

template <class S, class T>
void one_type(SourceType type, double low, double high) {
  std::uniform_real_distribution<double> value(low, high);
  for (long width : {1, 2, 3, 5, 7, 8, 11, 16, 17, 29, 100}) {
    const long rows = 9, stride = width * long(sizeof(S)) + 3;
    std::vector<char> source(std::size_t(rows * stride));
    for (long r = 0; r < rows; ++r)
      for (long j = 0; j < width; ++j) {
        const S v = S(value(generator()));
        std::memcpy(&source[std::size_t(r * stride + j * long(sizeof(S)))], &v, sizeof v);
      }
    const std::uint32_t index[] = {8, 0, 3, 3};
    for (const auto& table : tables())
      for (bool indexed : {true, false}) {
        Matrix<T> out(4, width);
        out.fill(3);
        kernels_of<T>(table).gather_rows(source.data(), type, stride, indexed ? index : nullptr, 2, 4, width, 0.3,
                                         out.data, out.ld);
        bool good = out.pads_zero();
        for (long r = 0; r < 4; ++r)
          for (long j = 0; j < width; ++j) {
            S v;
            std::memcpy(&v, &source[std::size_t((indexed ? long(index[r]) : 2 + r) * stride + j * long(sizeof(S)))],
                        sizeof v);
            const volatile T converted = static_cast<T>(v), scale = static_cast<T>(0.3);
            const T want = converted * scale;
            good = good && out.at(r, j) == want;
          }
        check(good, std::string("gather ") + table.isa + " type " + std::to_string(int(type)));
      }
  }
}

// Rows that end at the last byte before a page that may not be read.
template <class T>
void at_the_end_of_memory(SourceType type) {
  const long page = sysconf(_SC_PAGESIZE);
  char* memory =
      static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) return check(false, "no memory to map");
  mprotect(memory + page, page, PROT_NONE);
  for (long width = 1; width <= 40; ++width) {
    const long rows = 3, size = rows * width * long(sizeof(T));
    T* const source = reinterpret_cast<T*>(memory + page - size);
    for (long i = 0; i < rows * width; ++i) source[i] = T(i + 1);
    for (const auto& table : tables()) {
      Matrix<T> out(rows, width);
      out.fill(3);
      kernels_of<T>(table).gather_rows(source, type, width * long(sizeof(T)), nullptr, 0, rows, width, 1, out.data,
                                       out.ld);
      bool good = out.pads_zero();
      for (long i = 0; i < rows * width; ++i) good = good && out.at(i / width, i % width) == source[i];
      check(good, std::string("gather at the end of memory ") + table.isa + " " + std::to_string(width));
    }
  }
  munmap(memory, 2 * page);
}

template <class T>
void both() {
  one_type<float, T>(SourceType::f32, -5, 5);
  one_type<double, T>(SourceType::f64, -5, 5);
  one_type<std::uint8_t, T>(SourceType::u8, 0, 255.9);
  one_type<std::int8_t, T>(SourceType::i8, -128, 127);
  one_type<std::int16_t, T>(SourceType::i16, -32768, 32767);
  one_type<std::uint16_t, T>(SourceType::u16, 0, 65535);
  one_type<std::int32_t, T>(SourceType::i32, -2e9, 2e9);
  one_type<std::int64_t, T>(SourceType::i64, -9e18, 9e18);
  const std::int32_t labels[] = {4, 0, -1, 9, 5};
  const std::uint32_t index[] = {3, 0, 1, 2, 4};
  for (const auto& table : tables()) {
    Matrix<T> out(5, 6);
    out.fill(2);
    kernels_of<T>(table).one_hot(labels, index, 0, 5, 6, out.data, out.ld);
    double sum = 0;
    for (long i = 0; i < 5 * out.ld; ++i) sum += double(out.data[i]);
    check(sum == 3 && out.at(1, 4) == 1 && out.at(2, 0) == 1 && out.at(4, 5) == 1, "one_hot");
  }
}

}  // namespace

void test_gather() {
  both<float>();
  both<double>();
  at_the_end_of_memory<float>(SourceType::f32);
  at_the_end_of_memory<double>(SourceType::f64);
}

}  // namespace test
