// Programs over large blocks: an instruction's operands are found once, then all instructions run on a few vectors
// after the other (program_steps.h). The operands of a block may have leading dimensions of their own, as those of an
// update that is part of a product have.
#include <type_traits>

#include "kernels/elementwise/program_steps.h"
#include "kernels/families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// All slots of a chunk, operands and registers, stay in the first-level cache together; each is a multiple of four
// vectors.
constexpr long kChunkBytes = 4096;  // of an operand that is written out row by row, or looked at again when it is made
template <class T>
constexpr long kChunk = kChunkBytes / long(sizeof(T));

template <class T>
void fill(T* to, T value, long count) {
  const Lanes<T> lanes = splat<T>(value);
  for (long i = 0; i < count; i += kLanes<T>) store(to + i, lanes);
}

// Masks of a row's last 16 numbers: from kKept + 16 - n on, n are kept and the others are pads.
template <class T>
constexpr std::decay_t<decltype(IntLanes<T>{}[0])> kKept[2 * kRow] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                                      -1, -1, -1, -1, -1, -1, -1, -1};

// Where an operand or a register lies: rows are by_row apart, and places in a row that moves.
template <class T>
struct Source {
  T* data;
  long by_row, moves;
  bool fixed;  // one number for all
  int writer;  // the step that made it, or -1
};

// One run of a program over a block. Everything it writes down lies in scratch.
template <class T>
class Run {
 public:
  Run(const Program& program, const ProgramBlock<T>& block, T* scratch)
      : program_(program), block_(block), bound_(static_cast<T>(program.bound)), scratch_(scratch) {
    sources_ = take<Source<T>>(program.operand_count + program.register_count);
    steps_ = take<Step<T>>(program.length + 1);
    places_ = take<Places>(program.length);
    keys_ = take<int>(program.length);
    choose_rows();
    for (int i = 0; i < program.operand_count; ++i) sources_[i] = source_of(i);
    for (int i = 0; i < program.register_count; ++i)
      sources_[program.operand_count + i] = {take<T>(kTile<T>), 0, 0, false, -1};
    for (int i = 0; i < program.length; ++i) prepare(program.code[i]);
    steps_[length_].run[0] = steps_[length_].run[1] = stop<T>;
    if (block.rows * block.columns > kTile<T>) join();
    clears_ = block.kept < block.columns && !(whole_ && block.rows > rows_ && keeps_zeros());
    if (whole_ && !clears_) rows_ = block.rows;
  }

  bool run() {
    for (long row = 0; row < block_.rows; row += rows_) {
      const long rows = smaller(rows_, block_.rows - row);
      if (row > 0) place(row);
      if (has_columns_) write_columns(row, rows);
      pass(rows * block_.columns);
      if (clears_) each_output(~std::uint64_t(0), row, rows, &Run::clear_pads);
      // What was beyond the bound may have been a pad that is cleared now.
      if (program_.watched != 0 && !sizes_.below(bound_)) each_output(program_.watched, row, rows, &Run::look_again);
      sizes_ = {};
    }
    return below_;
  }

  static long scratch(const Program& program) {
    const long registers = program.register_count, operands = program.operand_count, length = program.length;
    long elements = (registers + length) * kTile<T> + operands * kRow + elements_of<Source<T>>(operands + registers) +
                    elements_of<Step<T>>(length + 1) + elements_of<Places>(length) + elements_of<int>(length);
    for (long i = 0; i < operands; ++i) elements += larger(kTile<T>, kChunk<T>);
    return elements;
  }

 private:
  struct Place {
    T* data;
    long by_row;
  };
  struct Places {
    Place a, b, c, dst;
  };

  template <class U>
  static long elements_of(long count) {
    return padded((count * long(sizeof(U)) + long(sizeof(T)) - 1) / long(sizeof(T)));
  }
  template <class U>
  U* take(long count) {
    T* const taken = scratch_;
    scratch_ += elements_of<U>(count);
    return reinterpret_cast<U*>(taken);
  }

  // How many rows one pass goes over: all of them where the operands lie alike and nothing has to be done row by row.
  void choose_rows() {
    bool alike = true, broadcasts = false;
    for (int i = 0; i < program_.operand_count; ++i) {
      const OperandKind kind = program_.operands[i].kind;
      alike = alike && (kind != OperandKind::full || block_.ld[i] == block_.columns);
      broadcasts = broadcasts || kind == OperandKind::row || kind == OperandKind::column;
      has_columns_ = has_columns_ || kind == OperandKind::column;
    }
    const long few = larger(1, smaller(kChunk<T> / block_.columns, block_.rows));
    whole_ = alike && !broadcasts && program_.watched == 0;
    rows_ = !alike ? 1 : broadcasts ? (few > 3 ? few : 1) : whole_ && block_.kept == block_.columns ? block_.rows : few;
  }

  Source<T> source_of(int i) {
    T* const data = block_.data[i];
    switch (program_.operands[i].kind) {
      case OperandKind::full:
        return {data, block_.ld[i], -1, false, -1};
      case OperandKind::row: {
        if (rows_ == 1) return {data, 0, -1, false, -1};
        T* const rows = take<T>(rows_ * block_.columns);
        for (long r = 0; r < rows_; ++r)
          for (long j = 0; j < block_.columns; j += kLanes<T>) store(rows + r * block_.columns + j, load(data + j));
        return {rows, 0, -1, false, -1};
      }
      case OperandKind::column:
        return {take<T>(rows_ == 1 ? kTile<T> : rows_ * block_.columns), 0, rows_ == 1 ? 0 : -1, false, -1};
      case OperandKind::scalar:
        return fixed(data[0]);
      case OperandKind::constant:
        return fixed(static_cast<T>(program_.operands[i].constant));
    }
    return {};
  }
  Source<T> fixed(T value) {
    T* const tile = take<T>(kTile<T>);
    fill(tile, value, kTile<T>);
    return {tile, 0, 0, true, -1};
  }

  // An instruction's form, with its operands found: in the registers where the one before made it.
  void prepare(const Instruction& code) {
    const int operands = arity(code.op);
    const int number[3] = {code.a, operands > 1 ? code.b : code.a, operands > 2 ? code.c : code.a};
    const bool made = code.dst < program_.operand_count;
    Source<T>& dst = sources_[code.dst];
    bool all_fixed = !made;
    From from[3] = {From::memory, From::memory, From::memory};
    for (int i = 0; i < operands; ++i) {
      all_fixed = all_fixed && sources_[number[i]].fixed;
      if (number[i] == handed_) from[i] = From::handed;
      if (sources_[number[i]].fixed) from[i] = From::held;
    }
    if (all_fixed) return prepare_fixed(code, number);
    int order[3] = {0, 1, 2};
    if (commutes(code.op) && from[0] > from[1]) order[0] = 1, order[1] = 0;
    const Form<T>& form = form_of<T>(code.op, from[order[0]], from[order[1]], from[order[2]]);
    const Source<T>* found[3];
    for (int i = 0; i < 3; ++i) {
      const Source<T>& source = sources_[number[order[i]]];
      found[i] = &source;
      const bool reads = i < operands && (form.given_up >> i & 1 || from[order[i]] == From::memory);
      if (reads && source.writer >= 0) write(source);
    }
    Step<T>& step = steps_[length_];
    step = {{form.run[0], form.run[1]},
            found[0]->data,
            found[1]->data,
            found[2]->data,
            nullptr,
            found[0]->moves,
            found[1]->moves,
            found[2]->moves,
            dst.moves,
            nullptr};
    places_[length_] = {{found[0]->data, found[0]->by_row},
                        {found[1]->data, found[1]->by_row},
                        {found[2]->data, found[2]->by_row},
                        {nullptr, 0}};
    keys_[length_] = form.key;
    if (!made && dst.fixed) dst = {take<T>(kTile<T>), 0, 0, false, -1};
    dst.writer = length_++;
    handed_ = code.dst;
    if (made) write(dst);
    if (made && program_.watched >> code.dst & 1) step.sizes = &sizes_;
  }

  // Whether the program makes zeros of zeros, as most do: then pads stay zeros. Found out by running it on some.
  bool keeps_zeros() {
    T* const zeros = take<T>(program_.operand_count * kRow);
    fill(zeros, T(0), program_.operand_count * kRow);
    const auto zeros_for = [&](const T* data) PELLUCID_LAMBDA {
      for (int i = 0; i < program_.operand_count; ++i)
        if (program_.operands[i].kind == OperandKind::full && block_.data[i] == data) return zeros + i * kRow;
      return const_cast<T*>(data);
    };
    for (int i = 0; i < length_; ++i) {
      steps_[i].a = zeros_for(steps_[i].a);
      steps_[i].b = zeros_for(steps_[i].b);
      steps_[i].c = zeros_for(steps_[i].c);
      if (steps_[i].dst) steps_[i].dst = zeros_for(steps_[i].dst);
    }
    start(steps_, 1, 0);
    place(0);
    IntLanes<T> set = {};
    for (long i = 0; i < program_.operand_count * kRow; i += kLanes<T>) set |= bits<T>(load(zeros + i));
    return !any<T>(set);
  }

  // Has the steps that there is a chain for run together.
  void join() {
    for (int i = 0; i < length_;) {
      const Chain<T>* const chain = chain_of<T>(keys_ + i, length_ - i);
      if (chain) steps_[i].run[0] = chain->run[0], steps_[i].run[1] = chain->run[1];
      i += chain ? chain->length : 1;
    }
  }

  // Has the step that makes this store it.
  void write(const Source<T>& source) {
    steps_[source.writer].dst = source.data;
    steps_[source.writer].dst_moves = source.moves;
    places_[source.writer].dst = {source.data, source.by_row};
  }

  void prepare_fixed(const Instruction& code, const int* number) {
    Step<T> steps[2];
    const Form<T>& form = form_of<T>(code.op, From::memory, From::memory, From::memory);
    T* const to = take<T>(kTile<T>);
    const T *a = sources_[number[0]].data, *b = sources_[number[1]].data, *c = sources_[number[2]].data;
    steps[0] = {{form.run[0], form.run[1]}, a, b, c, to, 0, 0, 0, 0, nullptr};
    steps[1].run[0] = steps[1].run[1] = stop<T>;
    start(steps, 0, 0);
    sources_[code.dst] = {to, 0, 0, true, -1};
    if (handed_ == code.dst) handed_ = -1;
  }

  static void start(const Step<T>* steps, int which, long at) {
    const Lanes<T> zero{};
    steps[0].run[which](steps, at, zero, zero, zero, zero, zero, zero, zero, zero);
  }

  void pass(long count) const {
    long at = 0;
    for (; at + kTile<T> <= count; at += kTile<T>) start(steps_, 0, at);
    for (; at < count; at += kRow) start(steps_, 1, at);
  }

  void place(long row) {
    const auto there = [&](const Place& place) PELLUCID_LAMBDA { return place.data + row * place.by_row; };
    for (int i = 0; i < length_; ++i) {
      const Places& places = places_[i];
      steps_[i].a = there(places.a);
      steps_[i].b = there(places.b);
      steps_[i].c = there(places.c);
      if (steps_[i].dst) steps_[i].dst = there(places.dst);
    }
  }

  void write_columns(long row, long rows) {
    for (int i = 0; i < program_.operand_count; ++i)
      if (program_.operands[i].kind == OperandKind::column)
        for (long r = 0; r < rows; ++r)
          fill(sources_[i].data + r * block_.columns, block_.data[i][(row + r) * kRow],
               rows_ > 1 ? block_.columns : kTile<T>);
  }

  void each_output(std::uint64_t which, long row, long rows, void (Run::*visit)(T*, long)) {
    std::uint64_t done = 0;
    for (int i = 0; i < program_.length; ++i) {
      const int output = program_.code[i].dst;
      if (output >= program_.operand_count || !(which & ~done & std::uint64_t(1) << output)) continue;
      done |= std::uint64_t(1) << output;
      const Source<T>& source = sources_[output];
      for (long r = row; r < row + rows; ++r) (this->*visit)(source.data, r * source.by_row);
    }
  }
  void clear_pads(T* data, long at) {
    for (int v = 0; v < kVectors<T>; ++v) {
      IntLanes<T> kept;
      __builtin_memcpy(&kept, kKept<T> + (block_.columns - block_.kept) + v * kLanes<T>, sizeof(kept));
      T* last = data + at + block_.columns - kRow + v * kLanes<T>;
      store(last, from_bits<T>(bits<T>(load(last)) & kept));
    }
  }
  void look_again(T* data, long at) { below_ = below_ && vectors_below(data + at, block_.columns, bound_); }

  const Program& program_;
  const ProgramBlock<T>& block_;
  const T bound_;
  T* scratch_;
  Source<T>* sources_;
  Step<T>* steps_;
  Places* places_;
  int* keys_;      // of the steps' forms
  long rows_ = 1;  // of a pass
  int length_ = 0;
  int handed_ = -1;  // the operand or register that the step before has made
  bool has_columns_ = false, below_ = true;
  bool whole_ = false, clears_ = false;  // whether one pass could do; whether pads have to be cleared
  Sizes<T> sizes_;
};

}  // namespace

template <class T>
bool program_block(const Program& program, const ProgramBlock<T>& block, T* scratch) {
  return Run<T>(program, block, scratch).run();
}
template <class T>
long program_scratch(const Program& program) {
  return Run<T>::scratch(program);
}
template long program_scratch<float>(const Program&);
template long program_scratch<double>(const Program&);

template bool program_block(const Program&, const ProgramBlock<float>&, float*);
template bool program_block(const Program&, const ProgramBlock<double>&, double*);

}  // namespace PELLUCID_ISA
}  // namespace pellucid
