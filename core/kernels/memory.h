// Blocks of numbers, cleared and copied: the builtins, as a function of the standard library could be emitted out of
// line.
#pragma once

#include "kernels/simd.h"

namespace pellucid {
namespace PELLUCID_ISA {

template <class T>
PELLUCID_INLINE void clear(T* to, long count) {
  __builtin_memset(static_cast<void*>(to), 0, static_cast<std::size_t>(count) * sizeof(T));
}

template <class T>
PELLUCID_INLINE void copy(const T* from, T* to, long count) {
  __builtin_memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid
