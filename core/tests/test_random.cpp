// Dropout masks against Philox4x32-10 written out plainly, itself checked against the paper's known answers.
#include "tests/check.h"

namespace test {
namespace {

struct Block {
  std::uint32_t word[4];
};

Block philox(Block c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c.word[0], p1 = 0xCD9E8D57ull * c.word[2];
    c = {{std::uint32_t(p1 >> 32) ^ c.word[1] ^ k0, std::uint32_t(p1), std::uint32_t(p0 >> 32) ^ c.word[3] ^ k1,
          std::uint32_t(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

template <class T>
void one_shape(long rows, long width, double rate) {
  const std::uint64_t seed = 0x123456789abcdef0, stream = 0xfedcba9876543210;
  const std::uint32_t purpose = 77, threshold = std::uint32_t(std::floor(rate * 4294967296.0));
  for (const auto& table : tables()) {
    Matrix<T> mask(rows, width);
    mask.fill(4);
    for (long r = 0; r < rows; r += 3)
      kernels_of<T>(table).dropout_mask(mask.data, r, r + 3 < rows ? r + 3 : rows, width, rate, seed, purpose, stream);
    bool good = mask.pads_zero();
    for (long r = 0; r < rows; ++r)
      for (long j = 0; j < width; ++j) {
        const auto i = std::uint64_t(r * width + j);
        const Block b = philox({{std::uint32_t(i / 4), std::uint32_t(stream), std::uint32_t(stream >> 32), purpose}},
                               std::uint32_t(seed), std::uint32_t(seed >> 32));
        good = good && mask.at(r, j) == (b.word[i % 4] < threshold ? T(0) : T(1 / (1 - rate)));
      }
    check(good, std::string("dropout mask ") + table.isa);
  }
}

}  // namespace

void test_random() {
  const Block zero = philox({{0, 0, 0, 0}}, 0, 0);
  check(zero.word[0] == 0x6627e8d5 && zero.word[1] == 0xe169c58d && zero.word[2] == 0xbc57ac4c &&
            zero.word[3] == 0x9b00dbd8,
        "philox: zeros");
  const Block pi = philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0);
  check(pi.word[0] == 0xd16cfe09 && pi.word[1] == 0x94fdcceb && pi.word[2] == 0x5001e420 && pi.word[3] == 0x24126ea1,
        "philox: digits of pi");
  for (long rows : {1, 2, 7, 40})
    for (long width : {1, 3, 16, 17, 30, 64, 100, 300})
      for (double rate : {0.0, 0.2, 0.5}) {
        one_shape<float>(rows, width, rate);
        one_shape<double>(rows, width, rate);
      }
}

}  // namespace test
