// Dropout masks from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). The same words
// as core/philox.h, 16 counters at a time; written here again because an inline function shared between instruction
// sets could be linked in the wrong one's copy.
#include "families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

constexpr int kBlocks = 16;
constexpr int kWords = 4 * kBlocks;

struct Stream {
  std::uint32_t key0, key1, stream0, stream1, purpose;
};

// words[4·b + lane] of the counters first .. first + 15.
void philox_blocks(const Stream& s, std::uint32_t first, std::uint32_t (&words)[kWords]) {
  std::uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
  for (int b = 0; b < kBlocks; ++b) {
    c0[b] = first + std::uint32_t(b);
    c1[b] = s.stream0;
    c2[b] = s.stream1;
    c3[b] = s.purpose;
  }
  std::uint32_t k0 = s.key0, k1 = s.key1;
  for (int round = 0; round < 10; ++round) {
    for (int b = 0; b < kBlocks; ++b) {
      const std::uint64_t p0 = std::uint64_t(0xD2511F53u) * c0[b], p1 = std::uint64_t(0xCD9E8D57u) * c2[b];
      c0[b] = std::uint32_t(p1 >> 32) ^ c1[b] ^ k0;
      c1[b] = std::uint32_t(p1);
      c2[b] = std::uint32_t(p0 >> 32) ^ c3[b] ^ k1;
      c3[b] = std::uint32_t(p0);
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int b = 0; b < kBlocks; ++b) {
    words[4 * b] = c0[b];
    words[4 * b + 1] = c1[b];
    words[4 * b + 2] = c2[b];
    words[4 * b + 3] = c3[b];
  }
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
