// The kernels of one type of numbers.
#pragma once

#include "kernels/table.h"

namespace pellucid {

template <class T>
const Kernels<T>& kernels_of();
template <>
inline const Kernels<float>& kernels_of<float>() {
  return kernels().f32;
}
template <>
inline const Kernels<double>& kernels_of<double>() {
  return kernels().f64;
}

}  // namespace pellucid
