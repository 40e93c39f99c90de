// A plan as the executor reads it: buffers, and steps that name a kernel and the buffers it works on.
//
// It is lowered from the recorded plan (src/pellucid/engines/lowering.py). Number of rows of the batch: known at run
// time only, at most `max_rows`. Nothing of a plan is to be believed before check.h has looked at it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "plan/numbers.h"

namespace pellucid {

// Rows of a matrix are padded to a multiple of so many elements.
constexpr long kRow = 16;

inline long padded(long width) { return (width + kRow - 1) / kRow * kRow; }

struct BufferSpec {
  long rows;           // 0: as many as the batch has samples, times `positions`
  long width;          // elements of one row, without its pad
  int home;            // of Home; slots + i: the i-th slot
  long offset;         // in elements, for the parameters and the slots
  long positions = 1;  // rows of one sample: those of an image that lies by positions
  bool bytes = false;  // an element is a byte

  bool of_batch() const { return rows == 0; }
  bool in_arena() const { return home == static_cast<int>(Home::arena); }
};

// Elements that one sample takes in a buffer.
inline long sample_elements(const BufferSpec& buffer) { return buffer.positions * padded(buffer.width); }

// A number of a step: a constant, or the run-time scalar of this index where it is not negative.
struct Number {
  int scalar;
  double constant;
};

// Operands, numbers and what they mean: StepKind.
struct StepSpec {
  StepKind kind;
  std::vector<int> buffers;
  std::vector<Number> numbers;
  int rule = 0;  // of UpdateRule
  std::uint64_t seed = 0;
  std::uint32_t purpose = 0;
  std::vector<Instruction> code;
  std::vector<Operand> operands;
  int registers = 0;
  std::uint64_t watched = 0;  // Program::watched; set by the executor
  Convolution image{};        // of steps over images; pools use its window alone
};

// Where a program's operands begin among those of its step: the product that makes one of them comes first.
inline int first_program_operand(const StepSpec& step) { return step.kind == StepKind::program_product ? 2 : 0; }

// A scalar that programs read as a buffer: written there before each batch.
struct ScalarBuffer {
  int buffer, scalar;
};

struct PlanSpec {
  std::vector<BufferSpec> buffers;
  std::vector<StepSpec> steps;
  std::vector<ScalarBuffer> scalar_buffers;
  std::vector<int> kept;  // arena buffers that the caller reads after the run
  int x = -1, t = -1, weight = -1, output = -1, row_losses = -1, loss = -1;
  bool labels = false;       // t are class numbers: there is no buffer t
  double threshold = 0.5;    // of a single output: the class is output > threshold
  int first_update = -1;     // the step before which nothing is changed; -1: nothing is watched
  std::vector<int> watched;  // buffers that must stay below `bound` for the updates to be safe
  double bound = 0;

  long rows_of(int buffer, long batch_rows) const {
    const BufferSpec& spec = buffers[static_cast<std::size_t>(buffer)];
    return spec.rows ? spec.rows : batch_rows * spec.positions;
  }
};

inline Program program_of(const StepSpec& step, double bound) {
  return {step.code.data(),
          static_cast<int>(step.code.size()),
          step.operands.data(),
          static_cast<int>(step.operands.size()),
          step.registers,
          step.watched,
          bound};
}

}  // namespace pellucid
