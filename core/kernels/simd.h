// Vectors of the machine's own width, as GCC and Clang vector extensions: + - * / & | ^ << >> and comparisons are the
// compiler's; what it has no operator for is here. Lane-wise code may use any width; a sum across lanes must not, and
// keeps 16 partial sums on every machine (Sums).
//
// Included only by files compiled once per instruction set, with -DPELLUCID_ISA=<name>.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define PELLUCID_INLINE inline __attribute__((always_inline))
#define PELLUCID_LAMBDA __attribute__((always_inline))

namespace pellucid {
namespace PELLUCID_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kRegisters = 16;
#elif defined(__ARM_NEON)
constexpr int kVectorBytes = 16;
constexpr int kRegisters = 32;
#else
constexpr int kVectorBytes = 16;
constexpr int kRegisters = 16;
#endif

typedef float FloatLanes __attribute__((vector_size(kVectorBytes)));
typedef double DoubleLanes __attribute__((vector_size(kVectorBytes)));
typedef std::int32_t Int32Lanes __attribute__((vector_size(kVectorBytes)));
typedef std::int64_t Int64Lanes __attribute__((vector_size(kVectorBytes)));

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Lanes = FloatLanes;
  using Int = std::int32_t;
  using IntLanes = Int32Lanes;
  typedef float Unaligned __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
};
template <>
struct VectorOf<double> {
  using Lanes = DoubleLanes;
  using Int = std::int64_t;
  using IntLanes = Int64Lanes;
  typedef double Unaligned __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
};

template <class T>
using Lanes = typename VectorOf<T>::Lanes;
template <class T>
using IntLanes = typename VectorOf<T>::IntLanes;

// Lanes of one machine vector, and machine vectors in a row of 16.
template <class T>
constexpr int kLanes = kVectorBytes / int(sizeof(T));
constexpr int kRow = 16;
template <class T>
constexpr int kVectors = kRow / kLanes<T>;

PELLUCID_INLINE constexpr long padded(long width) { return (width + kRow - 1) / kRow * kRow; }
PELLUCID_INLINE constexpr long smaller(long a, long b) { return a < b ? a : b; }
PELLUCID_INLINE constexpr long larger(long a, long b) { return a > b ? a : b; }

template <class T>
PELLUCID_INLINE Lanes<T> load(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T>::Unaligned*>(p);
}
template <class T>
PELLUCID_INLINE void store(T* p, Lanes<T> v) {
  *reinterpret_cast<typename VectorOf<T>::Unaligned*>(p) = v;
}
// Has this vector read here, once: a compiler would rather read it again from memory with each use.
template <class T>
PELLUCID_INLINE void keep(Lanes<T>& a) {
#if defined(__ARM_NEON)
  asm("" : "+w"(a));
#elif defined(__SSE2__)
  asm("" : "+v"(a));
#else
  (void)a;
#endif
}

// The first `count` lanes, some but not all, from unaligned memory that may end behind them; zeros in the others.
template <class T>
PELLUCID_INLINE Lanes<T> load_first(const void* p, int count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
  if constexpr (sizeof(T) == 8) return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const Int32Lanes lane = {0, 1, 2, 3, 4, 5, 6, 7};
    return _mm256_maskload_ps(static_cast<const float*>(p), reinterpret_cast<__m256i>(lane < count));
  } else {
    const Int64Lanes lane = {0, 1, 2, 3};
    return _mm256_maskload_pd(static_cast<const double*>(p), reinterpret_cast<__m256i>(lane < count));
  }
#else
  T first[3] = {};
  const char* from = static_cast<const char*>(p);
  std::memcpy(first, from, sizeof(T));
  if (count > 1) std::memcpy(first + 1, from + sizeof(T), sizeof(T));
  if (count > 2) std::memcpy(first + 2, from + 2 * sizeof(T), sizeof(T));
  if constexpr (sizeof(T) == 4) return Lanes<T>{first[0], first[1], first[2]};
  if constexpr (sizeof(T) == 8) return Lanes<T>{first[0]};
#endif
}

template <class T>
PELLUCID_INLINE Lanes<T> splat(T x) {
  return x - Lanes<T>{};  // x - 0 is x, -0 and NaN included
}
template <class T>
PELLUCID_INLINE Lanes<T> splat_constant(double x) {
  return splat<T>(static_cast<T>(x));
}

// a·b + c, rounded once; twice on the baseline, which has no such instruction.
PELLUCID_INLINE FloatLanes fma(FloatLanes a, FloatLanes b, FloatLanes c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__ARM_NEON)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}
PELLUCID_INLINE DoubleLanes fma(DoubleLanes a, DoubleLanes b, DoubleLanes c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_pd(a, b, c);
#elif defined(__ARM_NEON)
  return vfmaq_f64(c, a, b);
#else
  return a * b + c;
#endif
}

PELLUCID_INLINE FloatLanes sqrt(FloatLanes a) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(__mmask16(-1), a);  // the plain form warns of its own undefined operand
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(a);
#elif defined(__ARM_NEON)
  return vsqrtq_f32(a);
#else
  return _mm_sqrt_ps(a);
#endif
}
PELLUCID_INLINE DoubleLanes sqrt(DoubleLanes a) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_pd(__mmask8(-1), a);
#elif defined(__AVX2__)
  return _mm256_sqrt_pd(a);
#elif defined(__ARM_NEON)
  return vsqrtq_f64(a);
#else
  return _mm_sqrt_pd(a);
#endif
}

template <class T>
PELLUCID_INLINE IntLanes<T> bits(Lanes<T> a) {
  return reinterpret_cast<IntLanes<T>>(a);
}
template <class T>
PELLUCID_INLINE Lanes<T> from_bits(IntLanes<T> a) {
  return reinterpret_cast<Lanes<T>>(a);
}

template <class T>
constexpr typename VectorOf<T>::Int kSignBit =
    static_cast<typename VectorOf<T>::Int>(sizeof(T) == 4 ? INT32_MIN : INT64_MIN);

template <class T>
PELLUCID_INLINE Lanes<T> absolute(Lanes<T> a) {
  return from_bits<T>(bits<T>(a) & ~kSignBit<T>);
}
template <class T>
PELLUCID_INLINE Lanes<T> negative(Lanes<T> a) {
  return from_bits<T>(bits<T>(a) ^ kSignBit<T>);
}
// The magnitude of a with the sign of s.
template <class T>
PELLUCID_INLINE Lanes<T> copy_sign(Lanes<T> a, Lanes<T> s) {
  return from_bits<T>((bits<T>(a) & ~kSignBit<T>) | (bits<T>(s) & kSignBit<T>));
}

template <class T>
PELLUCID_INLINE bool any(IntLanes<T> lanes) {
  std::uint64_t words[sizeof(lanes) / sizeof(std::uint64_t)], set = 0;
  __builtin_memcpy(words, &lanes, sizeof(lanes));
  for (std::uint64_t word : words) set |= word;
  return set != 0;
}

// a > b ? a : b and a < b ? a : b, which are single instructions on x86: b where either is NaN, or both are zero.
template <class T>
PELLUCID_INLINE Lanes<T> larger_or_second(Lanes<T> a, Lanes<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return _mm512_maskz_max_ps(__mmask16(-1), a, b);
  if constexpr (sizeof(T) == 8) return _mm512_maskz_max_pd(__mmask8(-1), a, b);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) return _mm256_max_ps(a, b);
  if constexpr (sizeof(T) == 8) return _mm256_max_pd(a, b);
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return _mm_max_ps(a, b);
  if constexpr (sizeof(T) == 8) return _mm_max_pd(a, b);
#else
  return a > b ? a : b;
#endif
}
template <class T>
PELLUCID_INLINE Lanes<T> smaller_or_second(Lanes<T> a, Lanes<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return _mm512_maskz_min_ps(__mmask16(-1), a, b);
  if constexpr (sizeof(T) == 8) return _mm512_maskz_min_pd(__mmask8(-1), a, b);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) return _mm256_min_ps(a, b);
  if constexpr (sizeof(T) == 8) return _mm256_min_pd(a, b);
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return _mm_min_ps(a, b);
  if constexpr (sizeof(T) == 8) return _mm_min_pd(a, b);
#else
  return a < b ? a : b;
#endif
}

// NaN where either is NaN, as np.maximum and np.minimum.
template <class T>
PELLUCID_INLINE Lanes<T> maximum(Lanes<T> a, Lanes<T> b) {
  const Lanes<T> one = larger_or_second<T>(a, b);
  return a != a ? a : one;
}
template <class T>
PELLUCID_INLINE Lanes<T> minimum(Lanes<T> a, Lanes<T> b) {
  const Lanes<T> one = smaller_or_second<T>(a, b);
  return a != a ? a : one;
}

// The products of the low 32 bits of each 64-bit lane.
PELLUCID_INLINE Int64Lanes multiply_low32(Int64Lanes a, Int64Lanes b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Int64Lanes>(
      _mm512_maskz_mul_epu32(__mmask8(-1), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Int64Lanes>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__ARM_NEON)
  return reinterpret_cast<Int64Lanes>(
      vmull_u32(vmovn_u64(reinterpret_cast<uint64x2_t>(a)), vmovn_u64(reinterpret_cast<uint64x2_t>(b))));
#elif defined(__SSE2__)
  return reinterpret_cast<Int64Lanes>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

// 16 partial sums, whatever the machine's width.
template <class T>
struct Sums {
  Lanes<T> part[kVectors<T>];
};

// Lane l of the result is lane l + kBy of a, around the end.
template <class T, int kBy, int... I>
PELLUCID_INLINE Lanes<T> rotate(Lanes<T> a, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, a, ((I + kBy) % kLanes<T>)...);
}

template <class T, int kHalf, class Combine>
PELLUCID_INLINE Lanes<T> tree_within(Lanes<T> a, const Combine& combine) {
  if constexpr (kHalf == 0)
    return a;
  else
    return tree_within<T, kHalf / 2>(combine(a, rotate<T, kHalf>(a, std::make_integer_sequence<int, kLanes<T>>{})),
                                     combine);
}

// 16 lanes combined by one tree, whatever the machine's width: l with l + 8, then with + 4, + 2, + 1. As far as it goes
// from vector to vector, and whole.
template <class T, class Combine>
PELLUCID_INLINE Lanes<T> tree_of_parts(Sums<T> sums, const Combine& combine) {
#pragma GCC unroll 4
  for (int half = kVectors<T> / 2; half > 0; half /= 2)
#pragma GCC unroll 4
    for (int v = 0; v < half; ++v) sums.part[v] = combine(sums.part[v], sums.part[v + half]);
  return sums.part[0];
}
template <class T, class Combine>
PELLUCID_INLINE T tree(const Sums<T>& sums, const Combine& combine) {
  return tree_within<T, kLanes<T> / 2>(tree_of_parts(sums, combine), combine)[0];
}

template <class T>
struct Plus {
  PELLUCID_INLINE Lanes<T> operator()(Lanes<T> a, Lanes<T> b) const { return a + b; }
};
template <class T>
PELLUCID_INLINE T tree_sum(const Sums<T>& sums) {
  return tree(sums, Plus<T>{});
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
