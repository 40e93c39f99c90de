// A plan as the executor reads it: buffers, and steps that name a kernel and the buffers it works on.
//
// It is lowered from the recorded plan (src/pellucid/engines/lowering.py). Number of rows of the batch: known at run
// time only, at most `max_rows`.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.h"

namespace pellucid {

constexpr long kLanes = 16;

inline long padded(long width) { return (width + kLanes - 1) / kLanes * kLanes; }

// Where a buffer lives: in the executor's own arena, in the parameters' flat vector, or in an optimizer slot's.
enum class Home : int { arena = 0, parameters = 1, slots = 2 };

struct BufferSpec {
  long rows;           // 0: as many as the batch has samples, times `positions`
  long width;          // elements of one row, without its pad
  int home;            // Home::slots + i: the i-th slot
  long offset;         // in elements, for the parameters and the slots
  long positions = 1;  // rows of one sample: those of an image that lies by positions
  bool bytes = false;  // an element is a byte
};

enum class StepKind : int {
  // clang-format off
  affine,         // x, W, b -> u
  matmul,         // a, b -> c
  matmul_nt,      // a, b -> c
  matmul_tn,      // a, b -> c
  sgd_product,    // a, b, w: w = decay·w − learning_rate·aᵀb, numbers: learning_rate, l2
  update_product, // a, b, w, slots...: w by the rule with g = aᵀb
  update,         // g, w, slots...
  program,        // the operands of an elementwise program
  sum_rows,       // x -> y
  sum_columns,    // x -> y
  max_columns,    // x -> y
  sum_all,        // x -> y
  one_hot,        // -> y, of the batch's labels
  mean_weights,   // w -> c
  dropout_mask,   // -> y, numbers: step, rate; key: seed, purpose
  running_update, // value, w: w = m·w + (1 − m)·value, numbers: m
  // From here on over images, and made in groups (groups.h).
  conv2d,                 // x, W, b -> y
  conv2d_input_gradient,  // dy, W -> dx
  conv2d_weight_gradient, // x, dy -> dW
  max_pool2d,             // x -> y, places
  max_pool2d_backward,    // dy, places -> dx
  average_pool2d,         // x -> y
  average_pool2d_backward,// dy -> dx
  pad2d,                  // x -> y
  crop2d,                 // y -> x
  to_positions,           // planes -> x
  to_planes,              // x -> planes
  spread2d,               // (N, C) -> x
  concatenate,            // a, b, ... -> y, side by side
  slice_channels,         // x -> y, numbers: the first channel
  sum_channels,           // x -> v
  mean_channels,          // x -> v
  // clang-format on
};

// A number of a step: a constant, or the run-time scalar of this index where it is not negative.
struct Number {
  int scalar;
  double constant;
};

struct StepSpec {
  StepKind kind;
  std::vector<int> buffers;
  std::vector<Number> numbers;
  int rule = 0;  // UpdateRule
  std::uint64_t seed = 0;
  std::uint32_t purpose = 0;
  std::vector<Instruction> code;
  std::vector<Operand> operands;
  int registers = 0;
  std::uint64_t watched = 0;  // Program::watched; set by the executor
  Convolution image{};        // of steps over images; pools use its window alone
};

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
};

}  // namespace pellucid
