// What each family of kernels puts into the table of this instruction set, and what one family uses of another.
#pragma once

#include "kernels/simd.h"
#include "kernels/table.h"

namespace pellucid {
namespace PELLUCID_ISA {

template <class T>
void add_matmul(Kernels<T>& table);
template <class T>
void add_matmul_update(Kernels<T>& table);
template <class T>
void add_updates(Kernels<T>& table);
template <class T>
void add_elementwise(Kernels<T>& table);
template <class T>
void add_reductions(Kernels<T>& table);
template <class T>
void add_gather(Kernels<T>& table);
template <class T>
void add_rows_by_value(Kernels<T>& table);
template <class T>
void add_positions(Kernels<T>& table);
template <class T>
void add_random(Kernels<T>& table);
template <class T>
void add_convolution(Kernels<T>& table);
template <class T>
void add_pooling(Kernels<T>& table);
template <class T>
void add_image_layout(Kernels<T>& table);
template <class T>
void add_peak(Kernels<T>& table);

// The rule on a block of `rows` by `columns` (a multiple of 16): w, s1, s2 with leading dimension ldw, g with ldg.
template <class T>
using UpdateBlock = void (*)(T* w, const T* g, T* s1, T* s2, long rows, long columns, long ldw, long ldg,
                             const T* scalars);
template <class T>
UpdateBlock<T> update_block(UpdateRule rule);

// The block of a program's operands that it goes over: data[i] is operand i's first number in it, and rows of a `full`
// operand lie ld[i] apart. Its columns are a multiple of 16, of which those from `kept` on, in the last 16, are pads.
template <class T>
struct ProgramBlock {
  T* const* data;
  const long* ld;
  long rows, columns, kept;
};
template <class T>
bool program_block(const Program& program, const ProgramBlock<T>& block, T* scratch);
template <class T>
long program_scratch(const Program& program);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
