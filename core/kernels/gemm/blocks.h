// Products in blocks of k, as products.cpp has them, for the families that build on them.
#pragma once

#include "kernels/gemm/choose.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/table.h"

namespace pellucid {
namespace PELLUCID_ISA {

// c(m, n) = a·b over one part of c. scratch: kPanelElements.
template <class T>
struct Problem {
  const T *a, *b;
  long lda, ldb;
  T* c;
  long ldc, n, k;
  Accumulators<T> from;
  Part part;
  T* scratch;
  long a_offset = 0;  // where a's rows lie apart: the column of theirs that is a's first

  const T* const* rows_apart() const { return static_cast<const T* const*>(part.rows_apart); }
};

// c = aᵀ·b and c = aᵀ·(scale·b), for a(k, m), b(k, n).
template <class T>
void product_tn(const Problem<T>& problem);
template <class T>
void product_tn_scaled(const Problem<T>& problem, T scale);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
