// Dropout masks from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). The same words
// as core/philox.h, a vector of counters at a time; written here again because an inline function shared between
// instruction sets could be linked in the wrong one's copy.
#include "kernels/families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

constexpr int kBlocks = 32;
constexpr int kWords = 4 * kBlocks;

struct Stream {
  std::uint32_t key0, key1, stream0, stream1, purpose;
};

constexpr int kLanes64 = kVectorBytes / 8;
typedef std::uint64_t Unsigned64Lanes __attribute__((vector_size(kVectorBytes)));

PELLUCID_INLINE Int64Lanes high_half(Int64Lanes a) {
  return reinterpret_cast<Int64Lanes>(reinterpret_cast<Unsigned64Lanes>(a) >> 32);
}

PELLUCID_INLINE Int64Lanes splat64(std::uint32_t x) { return std::int64_t(x) - Int64Lanes{}; }

// The counters first .. first + kLanes64 - 1, a lane of 64 bits for each 32-bit word; only the low halves count.
PELLUCID_INLINE void philox_vector(const Stream& s, Int64Lanes first, std::uint32_t* words) {
  Int64Lanes c0 = first, c1 = splat64(s.stream0), c2 = splat64(s.stream1), c3 = splat64(s.purpose);
  const Int64Lanes factor0 = splat64(0xD2511F53u), factor1 = splat64(0xCD9E8D57u);
  std::uint32_t k0 = s.key0, k1 = s.key1;
  for (int round = 0; round < 10; ++round) {
    const Int64Lanes p0 = multiply_low32(factor0, c0), p1 = multiply_low32(factor1, c2);
    c0 = high_half(p1) ^ c1 ^ splat64(k0);
    c1 = p1;
    c2 = high_half(p0) ^ c3 ^ splat64(k1);
    c3 = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const Int64Lanes low = splat64(0xffffffffu);
  const Int64Lanes words01 = (c0 & low) | (c1 << 32), words23 = (c2 & low) | (c3 << 32);
  for (int l = 0; l < kLanes64; ++l) {
    words[4 * l] = std::uint32_t(words01[l]);
    words[4 * l + 1] = std::uint32_t(std::uint64_t(words01[l]) >> 32);
    words[4 * l + 2] = std::uint32_t(words23[l]);
    words[4 * l + 3] = std::uint32_t(std::uint64_t(words23[l]) >> 32);
  }
}

// words[4·b + lane] of the counters first .. first + kBlocks - 1.
void philox_blocks(const Stream& s, std::uint32_t first, std::uint32_t (&words)[kWords]) {
  Int64Lanes step;
  for (int l = 0; l < kLanes64; ++l) step[l] = l;
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; b += kLanes64) philox_vector(s, splat64(first + std::uint32_t(b)) + step, words + 4 * b);
}

template <class T>
void dropout_mask(T* mask, long row0, long row1, long width, double rate, std::uint64_t seed, std::uint32_t purpose,
                  std::uint64_t stream) {
  const Stream s{std::uint32_t(seed), std::uint32_t(seed >> 32), std::uint32_t(stream), std::uint32_t(stream >> 32),
                 purpose};
  const auto threshold = std::uint32_t(rate * 4294967296.0);
  const T kept = static_cast<T>(1.0 / (1.0 - rate));
  const long ld = padded(width), end = row1 * width;
  std::uint32_t words[kWords];
  long row = row0, col = 0;
  for (long i = row0 * width; i < end;) {
    const long first = i / 4;
    philox_blocks(s, std::uint32_t(first), words);
    const long stop = smaller(end, first * 4 + kWords);
    while (i < stop) {  // the part of one row that these words reach
      const long run = smaller(stop - i, width - col);
      const std::uint32_t* word = words + (i - first * 4);
      T* to = mask + row * ld + col;
      for (long j = 0; j < run; ++j) to[j] = word[j] < threshold ? T(0) : kept;
      i += run;
      col += run;
      if (col == width) {
        for (long j = width; j < ld; ++j) mask[row * ld + j] = T(0);
        col = 0;
        ++row;
      }
    }
  }
}

}  // namespace

template <class T>
void add_random(Kernels<T>& table) {
  table.dropout_mask = dropout_mask<T>;
}
template void add_random(Kernels<float>&);
template void add_random(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
