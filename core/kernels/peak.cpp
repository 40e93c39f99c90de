// The peak that the products are compared with: independent multiply-adds, no memory.
#include "kernels/families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

constexpr int kChains = 12;

template <class T>
long multiply_adds(long rounds) {
  Lanes<T> acc[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) acc[i] = splat<T>(T(i));
  const Lanes<T> factor = splat<T>(T(0.5)), term = splat<T>(T(1));
  for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) acc[i] = fma(acc[i], factor, term);
  }
  Lanes<T> sum = acc[0];
  for (int i = 1; i < kChains; ++i) sum = sum + acc[i];
  volatile T result = sum[0];  // or the rounds would be left out
  (void)result;
  return rounds * kChains * kLanes<T> * 2;
}

}  // namespace

template <class T>
void add_peak(Kernels<T>& table) {
  table.multiply_adds = multiply_adds<T>;
}
template void add_peak(Kernels<float>&);
template void add_peak(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
