// Philox4x32-10, the counter-based generator of Salmon et al. (SC 2011): randomness as a function, not a state.
//   key      seed (low 32 bits, high 32 bits)
//   counter  (element / 4, stream low, stream high, purpose)
// A word depends on nothing but (seed, purpose, stream, element), whoever asks for it, in whatever order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pellucid {

using PhiloxBlock = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// `static`, not plain `inline`: each instruction set needs its own copy. The linker would keep one copy of an
// inline function for all of them, and it might be the one with AVX-512 in it.
static inline PhiloxBlock philox_block(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t even = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t odd = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(odd >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(odd),
               static_cast<std::uint32_t>(even >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(even)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// The four words of elements 4·block to 4·block + 3.
static inline PhiloxBlock philox_block(std::uint64_t seed, std::uint32_t purpose, std::uint64_t stream,
                                       std::uint32_t block) {
  return philox_block({block, static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32), purpose},
                      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// words (count,): the words of elements first to first + count - 1; first + count must stay within 2^34.
static inline void philox_fill(std::uint32_t* words, std::uint64_t seed, std::uint32_t purpose, std::uint64_t stream,
                               std::uint64_t first, std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    const std::uint64_t element = first + done;
    const PhiloxBlock block = philox_block(seed, purpose, stream, static_cast<std::uint32_t>(element / 4));
    for (std::size_t lane = element % 4; lane < 4 && done < count; ++lane) words[done++] = block[lane];
  }
}

}  // namespace pellucid
