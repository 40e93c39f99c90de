// Programs of elementwise ops, run chunk by chunk so that what passes between two ops stays in the first-level cache:
// the quickest way where there is little to go over. Large ones go through registers instead (block_programs.cpp).
#include <type_traits>
#include <utility>

#include "kernels/elementwise/program_steps.h"
#include "kernels/families.h"
#include "kernels/reduce/magnitude.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// From so many elements on, what finding the operands costs is soon won back.
constexpr long kLarge = 1L << 15;
constexpr long kChunkBytes = 4096;
template <class T>
constexpr long kChunk = kChunkBytes / long(sizeof(T));

// An operand over the current chunk: `step` is 0 where one vector stands for all.
template <class T>
struct View {
  T* data;
  long step;
};

// Where it is watched, returns whether all that it made is below the bound.
template <class T, Op op, bool watched>
bool loop(T* dst, View<T> a, View<T> b, View<T> c, long count, T bound) {
  Sizes<T> sizes;
  for (long i = 0; i < count; i += kLanes<T>) {
    const Lanes<T> x = load(a.data + i * a.step);
    Lanes<T> y = x, z = x;
    if constexpr (arity(op) > 1) y = load(b.data + i * b.step);
    if constexpr (arity(op) > 2) z = load(c.data + i * c.step);
    const Lanes<T> result = apply<T, op>(x, y, z);
    if constexpr (watched) sizes.add(result);
    store(dst + i, result);
  }
  return !watched || sizes.below(bound);
}

template <class T>
using Loop = bool (*)(T* dst, View<T> a, View<T> b, View<T> c, long count, T bound);

template <class T, int... I>
Loop<T> choose_loop(Op op, bool watched, std::integer_sequence<int, I...>) {
  static constexpr Loop<T> loops[][kOps] = {{loop<T, Op(I), false>...}, {loop<T, Op(I), true>...}};
  return loops[watched][int(op)];
}
template <class T>
Loop<T> loop_of(Op op, bool watched) {
  return choose_loop<T>(op, watched, std::make_integer_sequence<int, kOps>{});
}

// Rows of a chunk, and elements of a row in it.
struct ChunkShape {
  long rows, width;
};
template <class T>
ChunkShape chunk_shape(long rows, long width) {
  const long ld = padded(width);
  if (ld >= kChunk<T>) return {1, kChunk<T>};
  return {smaller(kChunk<T> / ld, rows), ld};
}

template <class T>
void fill(T* to, T value, long count) {
  const Lanes<T> lanes = splat<T>(value);
  for (long i = 0; i < count; i += kLanes<T>) store(to + i, lanes);
}

// Masks of a row's last 16 numbers: from kKept + 16 - n on, n are kept and the others are pads.
template <class T>
constexpr std::decay_t<decltype(IntLanes<T>{}[0])> kKept[2 * kRow] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                                      -1, -1, -1, -1, -1, -1, -1, -1};

// One run of a program: where its operands and registers lie. A slot is a chunk of scratch of its own.
template <class T>
class Run {
 public:
  Run(const Program& program, T* const* data, ChunkShape shape, long width, T* scratch)
      : program_(program),
        data_(data),
        shape_(shape),
        width_(width),
        ld_(padded(width)),
        bound_(static_cast<T>(program.bound)),
        scratch_(scratch) {
    for (int i = 0; i < program.operand_count; ++i) {
      const Operand& operand = program.operands[i];
      if (operand.kind == OperandKind::constant) fill(slot(i), static_cast<T>(operand.constant), kRow);
      if (operand.kind == OperandKind::scalar) fill(slot(i), data[i][0], kRow);
      if (operand.kind == OperandKind::row && shape.rows > 1)
        for (long r = 0; r < shape.rows; ++r)
          for (long j = 0; j < ld_; j += kLanes<T>) store(slot(i) + r * ld_ + j, load(data[i] + j));
    }
  }

  void chunk(long row, long rows, long col, long count) {
    expand_columns(row, rows, count);
    for (int i = 0; i < program_.length; ++i) {
      const Instruction& step = program_.code[i];
      const int operands = arity(step.op);
      const View<T> a = view(step.a, row, col);
      const View<T> b = operands > 1 ? view(step.b, row, col) : a;
      const View<T> c = operands > 2 ? view(step.c, row, col) : a;
      T* dst = view(step.dst, row, col).data;
      const bool made = step.dst < program_.operand_count, watched = made && (program_.watched >> step.dst & 1);
      const bool below = loop_of<T>(step.op, watched)(dst, a, b, c, rows * count, bound_);
      if (made && width_ % kRow != 0 && col + count == ld_) clear_pads(dst, rows, count);
      // What was beyond the bound may have been a pad that is cleared now.
      if (!below) below_ = below_ && vectors_below(dst, rows * count, bound_);
    }
  }

  // Whether the watched outputs are below the bound, as far as they are made.
  bool below() const { return below_; }

 private:
  T* slot(long i) const { return scratch_ + i * shape_.rows * shape_.width; }

  View<T> view(long i, long row, long col) const {
    if (i >= program_.operand_count) return {slot(i), 1};
    switch (program_.operands[i].kind) {
      case OperandKind::full:
        return {data_[i] + row * ld_ + col, 1};
      case OperandKind::row:
        return {shape_.rows > 1 ? slot(i) : data_[i] + col, 1};
      case OperandKind::column:
        return {slot(i), shape_.rows > 1 ? 1 : 0};
      case OperandKind::scalar:
      case OperandKind::constant:
        return {slot(i), 0};
    }
    __builtin_unreachable();
  }

  void expand_columns(long row, long rows, long count) {
    for (int i = 0; i < program_.operand_count; ++i)
      if (program_.operands[i].kind == OperandKind::column)
        for (long r = 0; r < rows; ++r)
          fill(slot(i) + r * ld_, data_[i][(row + r) * kRow], shape_.rows > 1 ? count : long(kRow));
  }

  void clear_pads(T* dst, long rows, long count) const {
    for (int v = 0; v < kVectors<T>; ++v) {
      IntLanes<T> kept;
      __builtin_memcpy(&kept, kKept<T> + kRow - width_ % kRow + v * kLanes<T>, sizeof(kept));
      T* last = dst + count - kRow + v * kLanes<T>;
      for (long r = 0; r < rows; ++r, last += ld_) store(last, from_bits<T>(bits<T>(load(last)) & kept));
    }
  }

  const Program& program_;
  T* const* data_;
  const ChunkShape shape_;
  const long width_, ld_;
  const T bound_;
  bool below_ = true;
  T* const scratch_;
};

template <class T>
bool run_chunks(const Program& program, T* const* data, long row0, long row1, long width, T* scratch) {
  const long ld = padded(width);
  const ChunkShape shape = chunk_shape<T>(row1 - row0, width);
  Run<T> run(program, data, shape, width, scratch);
  for (long row = row0; row < row1; row += shape.rows)
    for (long col = 0; col < ld; col += shape.width)
      run.chunk(row, smaller(shape.rows, row1 - row), col, smaller(shape.width, ld - col));
  return run.below();
}

template <class T>
long scratch_of_width(const Program& program, long width) {
  const ChunkShape shape = chunk_shape<T>(kChunk<T>, width);
  const long chunks = (program.operand_count + program.register_count) * shape.rows * shape.width;
  return larger(chunks, program_scratch<T>(program));
}

template <class T>
bool run_program(const Program& program, T* const* data, long row0, long row1, long width, T* scratch) {
  if (row0 >= row1) return true;
  const long rows = row1 - row0, ld = padded(width);
  if (rows * ld < kLarge) return run_chunks(program, data, row0, row1, width, scratch);
  T* first[kMostOperands];
  long lds[kMostOperands];
  for (int i = 0; i < program.operand_count; ++i) {
    const OperandKind kind = program.operands[i].kind;
    const long before = kind == OperandKind::full ? row0 * ld : kind == OperandKind::column ? row0 * kRow : 0;
    first[i] = kind == OperandKind::constant ? nullptr : data[i] + before;
    lds[i] = ld;
  }
  return program_block<T>(program, {first, lds, rows, ld, width}, scratch);
}

}  // namespace

template <class T>
void add_elementwise(Kernels<T>& table) {
  table.program_scratch = scratch_of_width<T>;
  table.run_program = run_program<T>;
}
template void add_elementwise(Kernels<float>&);
template void add_elementwise(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
