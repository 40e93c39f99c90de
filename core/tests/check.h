// What the core's tests share: padded matrices, a count of what passed, and the instruction sets of this machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/table.h"

namespace test {

struct Tally {
  long passed = 0, failed = 0;
};
inline Tally& tally() {
  static Tally t;
  return t;
}
inline void check(bool good, const std::string& what) {
  (good ? tally().passed : tally().failed)++;
  if (!good && tally().failed <= 40) std::printf("FAILED %s\n", what.c_str());
}

inline long padded(long width) { return (width + 15) / 16 * 16; }

// The tables of every instruction set that this machine can run, the baseline first where there is one.
const std::vector<pellucid::KernelTable>& tables();

inline std::mt19937_64& generator() {
  static std::mt19937_64 g(7);
  return g;
}

// (rows, width) with rows of padded(width), 64-byte aligned, of exactly that size so that a sanitizer sees overruns.
template <class T>
struct Matrix {
  long rows, width, ld;
  T* data;
  Matrix(long rows_, long width_, bool random = true) : rows(rows_), width(width_), ld(padded(width_)) {
    data = static_cast<T*>(std::aligned_alloc(64, bytes()));
    std::uniform_real_distribution<double> value(-1, 1);
    for (long i = 0; i < rows * ld; ++i) data[i] = random && i % ld < width ? T(value(generator())) : T(0);
  }
  Matrix(const Matrix& other) : rows(other.rows), width(other.width), ld(other.ld) {
    data = static_cast<T*>(std::aligned_alloc(64, bytes()));
    std::memcpy(data, other.data, bytes());
  }
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() { std::free(data); }
  std::size_t bytes() const { return (std::size_t(rows * ld) * sizeof(T) + 63) / 64 * 64; }
  T& at(long r, long j) { return data[r * ld + j]; }
  const T& at(long r, long j) const { return data[r * ld + j]; }
  void fill(double x) {
    for (long i = 0; i < rows * ld; ++i) data[i] = T(x);
  }
  bool pads_zero() const {
    for (long r = 0; r < rows; ++r)
      for (long j = width; j < ld; ++j)
        if (at(r, j) != T(0)) return false;
    return true;
  }
  bool same_bits(const Matrix& other) const {
    return std::memcmp(data, other.data, std::size_t(rows * ld) * sizeof(T)) == 0;
  }
};

template <class T>
const pellucid::Kernels<T>& kernels_of(const pellucid::KernelTable& table) {
  if constexpr (sizeof(T) == 4)
    return table.f32;
  else
    return table.f64;
}
template <class T>
constexpr const char* type_name() {
  return sizeof(T) == 4 ? "float32" : "float64";
}
template <class T>
constexpr double unit() {
  return sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;
}

void test_arena();
void test_plans();
void test_matmul();
void test_updates();
void test_update_programs();
void test_trigonometry();
void test_rows_by_value();
void test_positions();
void test_elementwise();
void test_elementary();
void test_reductions();
void test_gather();
void test_random();
void test_threads();
void test_pooling();
void test_image_layout();
void test_convolution();

}  // namespace test
