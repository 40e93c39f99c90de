// Gathering from every source type, unaligned rows included.
#include "check.h"

namespace test {
namespace {

using pellucid::SourceType;

template <class S, class T>
void one_type(SourceType type, double low, double high) {
  std::uniform_real_distribution<double> value(low, high);
  for (long width : {1, 7, 16, 17, 100}) {
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
}

}  // namespace test
