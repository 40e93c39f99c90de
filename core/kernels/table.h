// The kernels of one instruction set, as a table of function pointers. Chosen once, at import (core/select.cpp).
//
// Memory: a matrix (rows, width) has rows of padded(width) elements, padded = width rounded up to 16; the base is
// 64-byte aligned; the pad lanes hold zeros and every kernel leaves them zero. A vector (width,) is one such row, a
// scalar is one element in a row of 16. Matrices that the caller may lay out otherwise have an explicit ld.
//
// Bits: every output element is computed in one fixed order that depends on the full shape alone: not on the part of
// the range a thread was given, nor on the instruction set (given fused multiply-add; the baseline has none).
//
// This header is compiled under every instruction set, so it must hold no inline function: the linker would keep one
// copy of it, possibly one that this processor cannot run.
#pragma once

#include <cstdint>

#include "plan/numbers.h"

namespace pellucid {

// ---- matrix products ----------------------------------------------------------------------------------------------

// Rows in memory that will be read soon, rows[0 .. count-1]: a product that reads as many elements of each row of a
// as one of them has may ask for their cache lines at the same pace, so that they arrive unnoticed.
struct Ahead {
  const char* const* rows;
  long count;
  long element_bytes;
};

// The part of c (m, n) that one call computes: rows row0..row1, columns col0..col1. col0 is a multiple of 16,
// col1 a multiple of 16 or n. `ahead` is a hint, and says nothing of the result.
// `rows_apart`: where a's rows (as they lie in memory) are not lda apart, an array of pointers to them, const T* each;
// only for shapes for which Choice::takes_rows_apart says so, and rows of a multiple of 16 elements. a is null then.
struct Part {
  long row0, row1, col0, col1;
  const Ahead* ahead = nullptr;
  const void* rows_apart = nullptr;
};

enum class Product { nn, nt, tn, tn_add, tn_update };

enum class Algorithm {
  blocked,  // register tiles over blocks of k
  chains,   // few rows: several chains for each element, k taken in turns
  folded,   // few rows of a·bᵀ: 16 partial sums along k, folded
  outer,    // k = 1
  strips,   // strips of the gradient go straight into the weights
  deep,     // likewise, block by block of a deep k
};

// How a product of some full shape is made, and what its caller has to know of it. Kernels::choose says it, and the
// kernels go by it: there is no other place that decides.
struct Choice {
  Algorithm algorithm;
  int chains;                    // of each element, for Algorithm::chains
  long edge;                     // so many of the last columns go another way than the tiles
  bool takes_rows_apart;         // whether a may be read where its rows lie apart
  bool asks_ahead;               // whether it asks for Part::ahead while it goes along a's rows
  long row_grain, column_grain;  // where it is best cut for several threads
};

// ---- updates ------------------------------------------------------------------------------------------------------

// g' = g + l2·w + l1·sign(w) throughout. scalars[0] = lr, [1] = l2, [2] = l1, then from [3] on:
//   sgd       -                          w -= lr·g'
//   momentum  mu                         v = mu·v - lr·g';  w += v                             (v = s1)
//   nesterov  mu                         v = mu·v - lr·g';  w += mu·v - lr·g'                  (v = s1)
//   adagrad   eps                        h = h + g'²;  w -= lr·g' / (sqrt(h) + eps)            (h = s1)
//   rmsprop   rho, 1-rho, eps            h = rho·h + (1-rho)·g'²;  w -= lr·g' / (sqrt(h) + eps)
//   adam      b1, 1-b1, b2, 1-b2, eps, 1/sqrt(1-b2^t)     with scalars[0] = lr / (1-b1^t)
//             m = b1·m + (1-b1)·g';  v = b2·v + (1-b2)·g'²;                                    (m = s1, v = s2)
//             w -= scalars[0]·m / (sqrt(v)·scalars[8] + eps)
//   adamw     as adam, then [9] = 1 - learning_rate·weight_decay: w *= scalars[9] before all else
// An unused slot pointer may be null. Scalars are rounded to T by the caller, from double: kUpdateScalars of them, the
// unused ones 0. UpdateRule, Op, OperandKind and SourceType are in plan/numbers.h, which Python shares.

// ---- elementwise programs -----------------------------------------------------------------------------------------

struct Operand {
  OperandKind kind;
  double constant;
};

// dst, a, b, c number an operand (0 .. operands-1) or, from `operands` on, a temporary register (0 .. registers-1).
// dst is a register or a `full` operand. Unused fields are ignored.
struct Instruction {
  Op op;
  std::int16_t dst, a, b, c;
};

// A chain of elementwise ops over (rows, width), of at most kMostOperands operands, with any number of outputs. Any of
// them may be the very same memory as a `full` input, never shifted, under another number or the same: this is right
// where no instruction behind the one that writes the output reads the input for its old value, as each reads what lies
// there by then. (Two outputs must not share memory.)
// `watched`: bit i for an output that is to be looked at while it is made, operand i.
struct Program {
  const Instruction* code;
  int length;
  const Operand* operands;
  int operand_count;
  int register_count;
  std::uint64_t watched = 0;
  double bound = 0;
};

// ---- images -------------------------------------------------------------------------------------------------------

// A window that goes over an image. An image lies "by positions": one row of padded(channels) elements for each of its
// height·width positions, pads zero; a sample is height·width such rows, and samples follow one another.
struct Window {
  long channels, height, width;  // of the larger side: a convolution's or a pool's input
  long out_height, out_width;    // of the smaller side
  long rows, columns;            // of the window
  long row_stride, column_stride;
  long row_dilation, column_dilation;
  long top, left;  // rows and columns of padding; what lies below and to the right follows
};

// y = W * x + b with `filters` filters over the window, whose larger side is x. Filters see the channels of their group
// alone. y, dy and dx lie by positions; x does too, or as channel planes.
struct Convolution {
  Window window;
  long filters, groups;
  bool planes;
};

// Elements: of packed filters on the way forward (and of a gradient's sums) and back, of scratch likewise.
struct ConvolutionSizes {
  long packed, packed_back, scratch, scratch_back;
};

// ---- the table ----------------------------------------------------------------------------------------------------

template <class T>
struct Kernels {
  // Elements of scratch (64-byte aligned) that each thread needs for a product of this full shape, or of any with
  // fewer rows in a batch: a smaller m, or a smaller k where a is transposed.
  long (*matmul_scratch)(Product product, long m, long n, long k);

  Choice (*choose)(Product product, long m, long n, long k);

  // c(m,n) = a(m,k)·b(k,n) + bias(n); bias may be null. Accumulators start from the bias.
  void (*matmul_nn)(const T* a, long lda, const T* b, long ldb, const T* bias, T* c, long ldc, long m, long n, long k,
                    Part part, T* scratch);
  // c(m,n) = a(m,k)·b(n,k)ᵀ. Reads the pad lanes of a and b (they must be zero).
  void (*matmul_nt)(const T* a, long lda, const T* b, long ldb, T* c, long ldc, long m, long n, long k, Part part,
                    T* scratch);
  // c(m,n) = a(k,m)ᵀ·b(k,n)
  void (*matmul_tn)(const T* a, long lda, const T* b, long ldb, T* c, long ldc, long m, long n, long k, Part part,
                    T* scratch);
  // c(m,n) = decay·c + a(k,m)ᵀ·(scale·b(k,n)): weight gradient and plain SGD in one pass over c. scale·b is rounded.
  void (*matmul_tn_add)(const T* a, long lda, const T* b, long ldb, T decay, T scale, T* c, long ldc, long m, long n,
                        long k, Part part, T* scratch);
  // g = a(k,m)ᵀ·b(k,n), then the rule on w(m,n) and its slots s1, s2 (all with ldw); g is never stored whole.
  void (*matmul_tn_update)(const T* a, long lda, const T* b, long ldb, UpdateRule rule, const T* scalars, T* w, T* s1,
                           T* s2, long ldw, long m, long n, long k, Part part, T* scratch);

  // g = a(k,m)ᵀ·b(k,n), then the program over (m,n): its operand gradient_operand, a `full` input whose data pointer is
  // not read, is g, which is never stored whole; its other `full` operands, inputs and outputs, have ldw.
  void (*matmul_tn_program)(const T* a, long lda, const T* b, long ldb, const Program& program, T* const* data,
                            int gradient_operand, long ldw, long m, long n, long k, Part part, T* scratch);
  // Elements of scratch that it needs per thread, for this k and any smaller one.
  long (*matmul_tn_program_scratch)(const Program& program, long m, long n, long k);

  // w, s1, s2 and g of `count` elements, a multiple of 16: by UpdateRule.
  void (*update[kUpdateRules])(T* w, const T* g, T* s1, T* s2, long count, const T* scalars);

  // Elements of scratch that run_program needs per thread.
  long (*program_scratch)(const Program& program, long width);
  // Rows row0..row1 of the program; data[i] is the base (row 0) of operand i. Returns whether every number of the
  // watched outputs in these rows is smaller than the bound, as all_below does; where none is watched, true.
  bool (*run_program)(const Program& program, T* const* data, long row0, long row1, long width, T* scratch);

  // out(k,) = Σ over rows of x(rows,k), in row order; columns col0..col1 (multiples of 16, or k).
  void (*sum_rows)(const T* x, long rows, long k, long col0, long col1, T* out);
  // out(rows,1) = Σ over columns of x(rows,k): 16 partial sums by lane, then a fixed tree. Pads of out are zeroed.
  void (*sum_columns)(const T* x, long row0, long row1, long k, T* out);
  // out(rows,1) = max over columns of x(rows,k), NaN if any is.
  void (*max_columns)(const T* x, long row0, long row1, long k, T* out);
  // The sum of x(rows,k): 16 partial sums by lane over all rows in order, then a fixed tree.
  T (*sum_all)(const T* x, long rows, long k);
  // Whether |p[i]| < bound for every i of `count` (any number); false where one is NaN.
  bool (*all_below)(const T* p, long count, T bound);
  // out[r] = the first column that holds the largest of row r; NaN counts as largest, as in np.argmax.
  void (*argmax_columns)(const T* x, long row0, long row1, long k, std::int32_t* out);
  // The number of rows r with argmax of x's row r == labels[r].
  long (*count_correct)(const T* x, long rows, long k, const std::int32_t* labels);

  // dst(rows,width) = T(source[row])·T(scale), row = index[r], or start + r where index is null. Elements of a source
  // row are contiguous; row_stride_bytes may be anything. dst's pads are zeroed. scale is finite and above 0.
  void (*gather_rows)(const void* source, SourceType type, long row_stride_bytes, const std::uint32_t* index,
                      long start, long rows, long width, double scale, T* dst, long ld);
  // dst(rows,classes): 1 in column labels[row], else 0. A label outside 0..classes-1 gives a row of zeros.
  void (*one_hot)(const std::int32_t* labels, const std::uint32_t* index, long start, long rows, long classes, T* dst,
                  long ld);

  // Rows chosen by values, each truncated: out's row i = W's row index[i] of `rows`, or NaN throughout where there is
  // no such row (negative, too large, NaN); pads are zeroed.
  void (*take_rows)(const T* W, long ldw, long rows, const T* index, long count, long width, T* out, long ldo);
  // The way back: dW's row index[i] += g's row i, for i in order. Where there is no such row, nothing is added.
  void (*add_rows)(const T* g, long ldg, const T* index, long count, long width, T* dW, long lddw, long rows);
  // dst(count,classes): 1 in column values[i], truncated, else 0; where there is no such column, a row of zeros.
  void (*one_hot_of)(const T* values, long count, long classes, T* dst, long ld);

  // Sequences by positions, sample after sample `positions` rows of padded(width): from one row of
  // padded(positions·width) per sample, and back.
  void (*rows_to_positions)(const T* x, long positions, long width, long samples, T* y);
  void (*positions_to_rows)(const T* x, long positions, long width, long samples, T* y);
  // y = x transposed, each sample for itself: (rows, columns) to (columns, rows), both by positions.
  void (*transpose_samples)(const T* x, long rows, long columns, long samples, T* y);

  // mask(rows,width): 0 where word < threshold, else 1/(1-rate) (in double, then rounded to T); word = lane i%4 of
  // Philox4x32-10 with counter (i/4, stream lo, stream hi, purpose), key (seed lo, seed hi), i = row·width + column;
  // threshold = uint32(floor(rate·2^32)).
  void (*dropout_mask)(T* mask, long row0, long row1, long width, double rate, std::uint64_t seed,
                       std::uint32_t purpose, std::uint64_t stream);

  ConvolutionSizes (*convolution_sizes)(const Convolution& convolution);
  // W (filters, channels/groups·rows·columns), rows ldw apart, in the order that convolve and convolve_back read.
  void (*pack_filters)(const Convolution& convolution, const T* W, long ldw, T* packed);
  void (*pack_filters_back)(const Convolution& convolution, const T* W, long ldw, T* packed);
  // y = W * x + bias, over `samples` samples; bias (filters,).
  void (*convolve)(const Convolution& convolution, long samples, const T* x, const T* packed, const T* bias, T* y,
                   T* scratch);
  // dx = the gradient of x; reads packed filters of pack_filters_back.
  void (*convolve_back)(const Convolution& convolution, long samples, const T* dy, const T* packed, T* dx, T* scratch);
  // Adds what these samples give to the gradient of the filters, packed as by pack_filters; and brings the sums into
  // the order of W. Pads of dW stay.
  void (*add_filter_gradient)(const Convolution& convolution, long samples, const T* x, const T* dy, T* sums,
                              T* scratch);
  void (*unpack_filter_gradient)(const Convolution& convolution, const T* sums, T* dW, long ldw);

  // Pools over `samples` samples by positions; x and dx are (height·width, channels) each, y, dy and places
  // (out_height·out_width, channels), the bytes of `places` in rows of padded(channels) too. Cells outside the image
  // never win and do not count. places: row·columns + column, within the window, of the first largest; NaN counts as
  // largest.
  void (*max_pool)(const Window& window, long samples, const T* x, T* y, std::uint8_t* places);
  void (*max_pool_backward)(const Window& window, long samples, const T* dy, const std::uint8_t* places, T* dx);
  void (*average_pool)(const Window& window, long samples, const T* x, T* y);
  void (*average_pool_backward)(const Window& window, long samples, const T* dy, T* dx);
  // The image (height, width) with its first row and column at (top, left) of (out_height, out_width), zeros around;
  // and the way back, which cuts (height, width) out of (out_height, out_width).
  void (*pad_image)(const Window& window, long samples, const T* x, T* y);
  void (*crop_image)(const Window& window, long samples, const T* y, T* x);
  // Between channel planes, sample after sample a row of padded(channels·positions), and rows by positions.
  void (*to_positions)(const T* planes, long channels, long positions, long samples, T* y);
  void (*to_planes)(const T* x, long channels, long positions, long samples, T* planes);
  // x (samples, channels) to every position of y (samples·positions, channels).
  void (*spread)(const T* x, long channels, long positions, long samples, T* y);
  // Columns from .. from+width-1 of x's rows into columns to .. of y's; every other column of y stays. Any offsets.
  void (*copy_columns)(const T* x, long ldx, long from, long width, T* y, long ldy, long to, long rows);

  // Nothing but multiply-adds in registers, to measure the peak: runs `rounds` rounds and returns their FLOP.
  long (*multiply_adds)(long rounds);
};

struct KernelTable {
  const char* isa;
  Kernels<float> f32;
  Kernels<double> f64;
};

// The table of the best instruction set here, or the one that the environment variable PELLUCID_ISA names. Chosen at
// the first call. Throws std::runtime_error with one sentence where PELLUCID_ISA cannot be had.
const KernelTable& kernels();

}  // namespace pellucid
