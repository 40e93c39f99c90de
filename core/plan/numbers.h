// Written by tools/make_core_numbers.py from src/pellucid/engines/native/numbers.py: change that, and run it again.
//
// Enumerators have the order of the table's rows, which is how Python numbers them. Included under every instruction
// set, so it must hold no inline function.
#pragma once

#include <cstdint>

namespace pellucid {
// clang-format off

enum class StepKind : int {
  affine,                  // x, W, b -> y
  matmul,                  // a, b -> c
  matmul_nt,               // a, b -> c = a·bᵀ
  matmul_tn,               // a, b -> c = aᵀ·b
  sgd_product,             // a, b, w: w = (1 - rate·l2)·w - rate·aᵀb; numbers: rate, l2
  update_product,          // a, b, w, slots...: w by the rule with g = aᵀb
  program_product,         // a, b, and an elementwise program's operands; numbers: which is g = aᵀb
  update,                  // g, w, slots...
  elementwise,             // the operands of an elementwise program, which says what it makes
  sum_rows,                // x -> y
  sum_columns,             // x -> y
  max_columns,             // x -> y
  sum_all,                 // x -> y
  one_hot,                 // -> y, of the batch's labels
  mean_weights,            // w -> c
  dropout_mask,            // -> y; numbers: step, rate; key: seed, purpose
  running_update,          // value, w: w = m·w + (1 - m)·value; numbers: m
  conv2d,                  // x, W, b -> y
  conv2d_input_gradient,   // dy, W -> dx
  conv2d_weight_gradient,  // x, dy -> dW
  max_pool2d,              // x -> y, and maybe places
  max_pool2d_backward,     // dy, places -> dx
  average_pool2d,          // x -> y
  average_pool2d_backward, // dy -> dx
  pad2d,                   // x -> y
  crop2d,                  // y -> x
  to_positions,            // planes -> x
  to_planes,               // x -> planes
  spread2d,                // (N, C) -> x
  concatenate,             // a, b, ... -> y, side by side
  slice_channels,          // x -> y; numbers: the first channel
  sum_channels,            // x -> v
  mean_channels,           // x -> v
  batched_matmul,          // a, b -> c, of each sample
  batched_matmul_nt,       // a, b -> c = a·bᵀ, of each sample
  batched_matmul_tn,       // a, b -> c = aᵀ·b, of each sample
  transpose,               // x -> xᵀ, of each sample, or of a matrix
  split_rows,              // flat -> x, by positions
  join_positions,          // x -> flat
  take_rows,               // W, index -> y
  add_rows,                // g, index -> sums
  one_hot_of,              // index -> y
};

constexpr int kMostOperands = 64;
constexpr int kOfTheRule = -1;

// `first_made`: the first operand that a step makes, or changes in place; from the end where it is negative.
// `numbers`: how many it has, kOfTheRule where its update rule says that.
struct StepRow {
  const char* name;
  int least, most, first_made;
  bool in_place;
  int numbers;
};
constexpr StepRow kSteps[] = {
    {"affine", 4, 4, 3, false, 0},
    {"matmul", 3, 3, 2, false, 0},
    {"matmul_nt", 3, 3, 2, false, 0},
    {"matmul_tn", 3, 3, 2, false, 0},
    {"sgd_product", 3, 3, 2, true, 2},
    {"update_product", 3, 5, 2, true, -1},
    {"program_product", 4, 64, 2, false, 1},
    {"update", 2, 4, 1, true, -1},
    {"elementwise", 1, 64, -1, false, 0},
    {"sum_rows", 2, 2, 1, false, 0},
    {"sum_columns", 2, 2, 1, false, 0},
    {"max_columns", 2, 2, 1, false, 0},
    {"sum_all", 2, 2, 1, false, 0},
    {"one_hot", 1, 1, 0, false, 0},
    {"mean_weights", 2, 2, 1, false, 0},
    {"dropout_mask", 1, 1, 0, false, 2},
    {"running_update", 2, 2, 1, true, 1},
    {"conv2d", 4, 4, 3, false, 0},
    {"conv2d_input_gradient", 3, 3, 2, false, 0},
    {"conv2d_weight_gradient", 3, 3, 2, false, 0},
    {"max_pool2d", 2, 3, 1, false, 0},
    {"max_pool2d_backward", 3, 3, 2, false, 0},
    {"average_pool2d", 2, 2, 1, false, 0},
    {"average_pool2d_backward", 2, 2, 1, false, 0},
    {"pad2d", 2, 2, 1, false, 0},
    {"crop2d", 2, 2, 1, false, 0},
    {"to_positions", 2, 2, 1, false, 0},
    {"to_planes", 2, 2, 1, false, 0},
    {"spread2d", 2, 2, 1, false, 0},
    {"concatenate", 2, 64, -1, false, 0},
    {"slice_channels", 2, 2, 1, false, 1},
    {"sum_channels", 2, 2, 1, false, 0},
    {"mean_channels", 2, 2, 1, false, 0},
    {"batched_matmul", 3, 3, 2, false, 0},
    {"batched_matmul_nt", 3, 3, 2, false, 0},
    {"batched_matmul_tn", 3, 3, 2, false, 0},
    {"transpose", 2, 2, 1, false, 0},
    {"split_rows", 2, 2, 1, false, 0},
    {"join_positions", 2, 2, 1, false, 0},
    {"take_rows", 3, 3, 2, false, 0},
    {"add_rows", 3, 3, 2, false, 0},
    {"one_hot_of", 2, 2, 1, false, 0},
};

enum class Op : std::uint8_t {
  copy,                    // a
  negative,                // -a
  absolute,                // |a|
  sign,                    // -1, 0 or 1; NaN stays
  square,                  // a·a
  sqrt,
  exp,
  expm1,
  log,
  log1p,
  tanh,
  sigmoid,
  softplus,
  erf,
  add,
  subtract,
  multiply,
  divide,
  maximum,                 // NaN where either is, as np.maximum
  minimum,                 // likewise
  greater,                 // 1 or 0
  greater_equal,           // 1 or 0
  fma,                     // a·b + c, rounded once
  where,                   // a != 0 ? b : c
  multiply_greater,        // c·greater(a, b)
  sin,                     // a in radians
  cos,                     // likewise
};

// `reads`: how many of a, b and c.
struct OpRow {
  const char* name;
  int reads;
};
constexpr OpRow kOpRows[] = {
    {"copy", 1},
    {"negative", 1},
    {"absolute", 1},
    {"sign", 1},
    {"square", 1},
    {"sqrt", 1},
    {"exp", 1},
    {"expm1", 1},
    {"log", 1},
    {"log1p", 1},
    {"tanh", 1},
    {"sigmoid", 1},
    {"softplus", 1},
    {"erf", 1},
    {"add", 2},
    {"subtract", 2},
    {"multiply", 2},
    {"divide", 2},
    {"maximum", 2},
    {"minimum", 2},
    {"greater", 2},
    {"greater_equal", 2},
    {"fma", 3},
    {"where", 3},
    {"multiply_greater", 3},
    {"sin", 1},
    {"cos", 1},
};
constexpr int kOps = 27;

enum class OperandKind : std::uint8_t {
  full,                    // (rows, width)
  row,                     // (width,), the same for every row; input only
  column,                  // (rows, 1): lane 0 of row r's padded(1) = 16 elements; input only
  scalar,                  // one element in memory; input only
  constant,                // Operand::constant; its data pointer is not read
};
constexpr int kOperandKinds = 5;

enum class UpdateRule : int {
  sgd,
  momentum,
  nesterov,
  adagrad,
  rmsprop,
  adam,
  adamw,
};

struct RuleRow {
  const char* name;
  int slots, numbers;
};
constexpr RuleRow kRules[] = {
    {"sgd", 0, 3},
    {"momentum", 1, 4},
    {"nesterov", 1, 4},
    {"adagrad", 1, 4},
    {"rmsprop", 1, 6},
    {"adam", 2, 9},
    {"adamw", 2, 10},
};
constexpr int kUpdateRules = 7;
constexpr int kUpdateScalars = 10;  // of the rule with most

enum class Home : int {
  arena,                   // the executor's own memory
  parameters,              // the parameters' flat vector
  slots,                   // an optimizer slot's flat vector
};

enum class SourceType : int {
  f32,                     // 4 bytes
  f64,                     // 8 bytes
  u8,                      // 1 bytes
  i8,                      // 1 bytes
  i16,                     // 2 bytes
  u16,                     // 2 bytes
  i32,                     // 4 bytes
  i64,                     // 8 bytes
};
constexpr int kSourceBytes[] = {4, 8, 1, 1, 2, 2, 4, 8};

// clang-format on
}  // namespace pellucid
