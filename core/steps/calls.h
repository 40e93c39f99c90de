// What a step is given when it is made: where its operands lie, the batch, and which part of it is asked for.
#pragma once

#include <algorithm>
#include <cstdint>

#include "plan/plan.h"
#include "run/batch.h"
#include "run/memory.h"

namespace pellucid {

// The i-th of `parts` shares of 0 .. count-1, cut at multiples of `grain`.
inline void share(long count, long grain, int part, int parts, long& first, long& last) {
  const long grains = (count + grain - 1) / grain;
  first = std::min(count, grains * part / parts * grain);
  last = std::min(count, grains * (part + 1) / parts * grain);
}

// A step over whole buffers.
template <class T>
struct WholeCall {
  const PlanSpec& plan;
  const Memory<T>& memory;
  const Kernels<T>& kernels;
  const StepSpec& step;
  const Kept& kept;
  const Batch& batch;

  int buffer(int operand) const { return step.buffers[static_cast<std::size_t>(operand)]; }
  const BufferSpec& spec(int operand) const { return plan.buffers[static_cast<std::size_t>(buffer(operand))]; }
  int last() const { return static_cast<int>(step.buffers.size()) - 1; }
  T* base(int operand) const { return memory.base(buffer(operand)); }
  // Where there are fewer operands: null.
  T* base_or_null(int operand) const { return operand <= last() ? base(operand) : nullptr; }
  long width(int operand) const { return spec(operand).width; }
  long ld(int operand) const { return padded(width(operand)); }
  long rows(int operand) const { return plan.rows_of(buffer(operand), batch.rows); }
  double number(int i) const { return batch.number(step.numbers[static_cast<std::size_t>(i)]); }
};

// One of `parts` parts of it.
template <class T>
struct StepCall : WholeCall<T> {
  int part, parts;
  T* scratch;
};

// A step of a stretch, for the samples first .. last-1 of the batch, which belong to one strand.
template <class T>
struct SamplesCall {
  const PlanSpec& plan;
  const Memory<T>& memory;
  const Kernels<T>& kernels;
  const StepSpec& step;
  const Kept& kept;
  const Batch& batch;
  long first, last;
  int strand;
  T* scratch;  // of the thread
  T* local;    // likewise: what is local to the stretch

  long count() const { return last - first; }
  int buffer(int operand) const { return step.buffers[static_cast<std::size_t>(operand)]; }
  const BufferSpec& spec(int operand) const { return plan.buffers[static_cast<std::size_t>(buffer(operand))]; }
  int last_operand() const { return static_cast<int>(step.buffers.size()) - 1; }
  // The first of these samples in an operand; what is the same for all samples, as it is.
  T* base(int operand) const {
    const long offset = memory.local_offset(buffer(operand));
    if (offset >= 0) return local + offset;
    T* whole = memory.base(buffer(operand));
    const BufferSpec& own = spec(operand);
    if (!own.of_batch()) return whole;
    const long at = first * sample_elements(own);
    return own.bytes ? reinterpret_cast<T*>(reinterpret_cast<char*>(whole) + at) : whole + at;
  }
  std::uint8_t* bytes(int operand) const { return reinterpret_cast<std::uint8_t*>(base(operand)); }
  double number(int i) const { return batch.number(step.numbers[static_cast<std::size_t>(i)]); }
  T* filters() const { return memory.kept(kept.filters); }
  T* sums() const { return memory.kept(kept.sums) + strand * kept.sums_size; }
};

}  // namespace pellucid
