// Products c(m, NV vectors) += a(K, m)ᵀ·b(K, NV vectors) over so few k that all of b stays in registers: one pass over
// the rows of c, each a chain of K multiply-adds, with rows enough in flight to hide their latency.
#pragma once

#include "kernels/gemm/choose.h"
#include "kernels/gemm/microkernel.h"

namespace pellucid {
namespace PELLUCID_ISA {

constexpr int kShallowVectors = kRegisters == 32 ? 2 : 1;

template <class T, int K, Start kStart>
void shallow_rows(const TileOperands<T>& x, long rows, T decay) {
  constexpr int NV = kShallowVectors;
  Lanes<T> b[K][NV];
  const T* a[K];
#pragma GCC unroll 12
  for (int k = 0; k < K; ++k) {
    a[k] = x.rows ? x.rows[k] + x.offset : x.a + k * x.lda;
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) b[k][v] = load(x.b + k * x.ldb + v * kLanes<T>);
  }
  T* c = x.c;
  const long ldc = x.ldc;
  const long ahead = x.pace.last - x.pace.first;
  for (long i = 0; i < rows; ++i, c += ldc) {
    if (i % kRow == 0) ask_for(x.pace.rows + x.pace.first, ahead, x.pace.offset + i / kRow * x.pace.stride);
    Lanes<T> acc[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      if (kStart == Start::zero) acc[v] = Lanes<T>{};
      if (kStart != Start::zero) acc[v] = load(c + v * kLanes<T>);
      if (kStart == Start::decay) acc[v] = acc[v] * decay;
    }
#pragma GCC unroll 12
    for (int k = 0; k < K; ++k) {
      const Lanes<T> factor = splat<T>(a[k][i]);
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) acc[v] = fma(factor, b[k][v], acc[v]);
    }
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) store(c + v * kLanes<T>, acc[v]);
  }
}

template <class T, Start kStart, int... I>
void shallow_of(const TileOperands<T>& x, long rows, T decay, std::integer_sequence<int, I...>) {
  static constexpr void (*functions[])(const TileOperands<T>&, long, T) = {shallow_rows<T, I + 1, kStart>...};
  functions[x.k - 1](x, rows, decay);
}

// `rows` rows of one panel, kShallowVectors wide, for k <= kShallowDepth.
template <class T>
void shallow(const TileOperands<T>& x, long rows, const Accumulators<T>& from) {
  constexpr auto depths = std::make_integer_sequence<int, kShallowDepth>{};
  switch (from.start) {
    case Start::zero:
      return shallow_of<T, Start::zero>(x, rows, T(0), depths);
    case Start::decay:
      return shallow_of<T, Start::decay>(x, rows, from.decay, depths);
    case Start::bias:  // gradients have none
      break;
    case Start::accumulate:
      return shallow_of<T, Start::accumulate>(x, rows, T(0), depths);
  }
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
