// Optimizers as programs of several outputs in place: against the same formula element by element, over a vector and
// within the product that makes the gradient, which must give the bits of the product followed by the program.
#include "tests/check.h"
#include "tests/update_programs.h"

namespace test {
namespace {

using pellucid::Op;
using pellucid::Operand;
using pellucid::OperandKind;
using pellucid::Part;
using pellucid::Product;
using pellucid::Program;
using pellucid::UpdateRule;
using update_programs::Rule;

// One element, instruction by instruction, in T: nothing is read but what lies there by then.
template <class T>
T exact(Op op, T a, T b, T c) {
  if (op == Op::absolute) return std::fabs(a);
  if (op == Op::sign) return a > 0 ? T(1) : a < 0 ? T(-1) : a;
  if (op == Op::square) return a * a;
  if (op == Op::sqrt) return std::sqrt(a);
  if (op == Op::exp) return std::exp(a);
  if (op == Op::add) return a + b;
  if (op == Op::subtract) return a - b;
  if (op == Op::multiply) return a * b;
  if (op == Op::divide) return a / b;
  if (op == Op::maximum) return a > b ? a : b;
  if (op == Op::fma) return T(std::fma(a, b, c));
  check(false, "an op that no rule here has");
  return a;
}

// w, the gradient and the slots; slots hold squares, and so nothing below 0.
template <class T>
struct State {
  std::vector<Matrix<T>> arrays;
  std::vector<T> scalars;

  State(const Rule& rule, long rows, long width) {
    arrays.reserve(std::size_t(2 + rule.slots));
    for (int i = 0; i < 2 + rule.slots; ++i) {
      arrays.emplace_back(rows, width);
      if (i >= 2)
        for (long j = 0; j < rows * padded(width); ++j) arrays.back().data[j] = std::fabs(arrays.back().data[j]);
    }
    scalars.assign(rule.scalars.begin(), rule.scalars.end());
  }
  std::vector<T*> data() {
    std::vector<T*> all;
    for (auto& array : arrays) all.push_back(array.data);
    for (T& scalar : scalars) all.push_back(&scalar);
    return all;
  }
  bool same_bits(const State& other) const {
    for (std::size_t i = 0; i < arrays.size(); ++i)
      if (i != std::size_t(update_programs::kGradient) && !arrays[i].same_bits(other.arrays[i])) return false;
    return true;
  }
  bool pads_zero() const {
    for (const auto& array : arrays)
      if (!array.pads_zero()) return false;
    return true;
  }
};

template <class T>
void by_element(const Rule& rule, State<T>& state) {
  const std::vector<T*> data = state.data();
  const auto kinds = rule.kinds();
  Matrix<T>& w = state.arrays[0];
  std::vector<T> registers(std::size_t(rule.registers));
  for (long r = 0; r < w.rows; ++r)
    for (long j = 0; j < w.width; ++j) {
      const auto at = [&](int i) -> T& {
        if (i >= rule.operands()) return registers[std::size_t(i - rule.operands())];
        return data[std::size_t(i)][kinds[std::size_t(i)].kind == OperandKind::full ? r * w.ld + j : 0];
      };
      for (const auto& code : rule.code)
        at(code.dst) = exact(code.op, at(code.a), code.op == Op::sqrt ? T(0) : at(code.b), at(code.c));
    }
}

// As the same rule with outputs under numbers of their own, at the very same memory.
Rule with_outputs_apart(const Rule& rule) {
  Rule apart = rule;
  const int outputs = 1 + rule.slots, before = rule.operands();
  std::vector<bool> written(std::size_t(before), false);
  const auto output_of = [&](int i) { return std::int16_t(before + (i == 0 ? 0 : i - 1)); };
  for (auto& code : apart.code) {
    for (std::int16_t* field : {&code.a, &code.b, &code.c}) {
      if (*field >= before)
        *field = std::int16_t(*field + outputs);
      else if (written[std::size_t(*field)])
        *field = output_of(*field);
    }
    if (code.dst >= before) {
      code.dst = std::int16_t(code.dst + outputs);
    } else {
      written[std::size_t(code.dst)] = true;
      code.dst = output_of(code.dst);
    }
  }
  return apart;
}

template <class T>
void over_a_matrix(const Rule& rule, long rows, long width) {
  const State<T> before(rule, rows, width);
  State<T> want(before);
  by_element(rule, want);
  std::vector<State<T>> kept;
  kept.reserve(tables().size());
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = std::string(rule.name) + " " + type_name<T>() + " " + table.isa + " " +
                             std::to_string(rows) + "x" + std::to_string(width);
    const auto run = [&](long step) {
      State<T> state(before);
      const auto kinds = rule.kinds();
      const Program program = rule.program(kinds);
      Matrix<T> scratch(1, t.program_scratch(program, width));
      scratch.fill(std::nan(""));
      for (long r = 0; r < rows; r += step)
        t.run_program(program, state.data().data(), r, std::min(rows, r + step), width, scratch.data);
      return state;
    };
    const State<T> whole = run(rows);
    double worst = 0;
    for (std::size_t i = 0; i < whole.arrays.size(); ++i)
      for (long r = 0; r < rows; ++r)
        for (long j = 0; j < width; ++j)
          worst = std::fmax(worst, std::fabs(double(whole.arrays[i].at(r, j) - want.arrays[i].at(r, j))));
    check(worst < 16 * unit<T>(), name + ": values");
    check(whole.pads_zero(), name + ": pads");
    check(whole.same_bits(run(1)) && whole.same_bits(run(3)), name + ": parts of the rows");

    const Rule apart = with_outputs_apart(rule);
    State<T> state(before);
    std::vector<Operand> kinds = rule.kinds();
    std::vector<T*> data = state.data();
    for (int i = 0; i < 2 + rule.slots; ++i)
      if (i != update_programs::kGradient) {
        kinds.push_back({OperandKind::full, 0});
        data.push_back(data[std::size_t(i)]);
      }
    const Program program{apart.code.data(), int(apart.code.size()), kinds.data(), int(kinds.size()), rule.registers};
    Matrix<T> scratch(1, t.program_scratch(program, width));
    t.run_program(program, data.data(), 0, rows, width, scratch.data);
    check(state.same_bits(whole), name + ": outputs under other numbers");

    if (std::strcmp(table.isa, "baseline") != 0) {
      if (!kept.empty()) check(whole.same_bits(kept[0]), name + ": bits of the other set");
      kept.push_back(whole);
    }
  }
}

template <class T>
void within_a_product(const Rule& rule, long m, long n, long k) {
  const Matrix<T> a(k, m), b(k, n);
  const State<T> before(rule, m, n);
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = std::string(rule.name) + " in a product " + type_name<T>() + " " + table.isa + " " +
                             std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    const auto kinds = rule.kinds();
    const Program program = rule.program(kinds);
    State<T> two(before);
    {
      Matrix<T> scratch(1, t.matmul_scratch(Product::tn, m, n, k)), own(1, t.program_scratch(program, n));
      Matrix<T>& g = two.arrays[update_programs::kGradient];
      t.matmul_tn(a.data, a.ld, b.data, b.ld, g.data, g.ld, m, n, k, {0, m, 0, n}, scratch.data);
      t.run_program(program, two.data().data(), 0, m, n, own.data);
    }
    for (const long rows : {m, (m + 2) / 3, 5L})
      for (const long columns : {padded(n), 16L, 48L}) {
        State<T> one(before);
        std::vector<T*> data = one.data();
        data[update_programs::kGradient] = nullptr;
        for (long r = 0; r < m; r += rows)
          for (long c = 0; c < n; c += columns) {
            Matrix<T> scratch(1, t.matmul_tn_program_scratch(program, m, n, k));
            scratch.fill(std::nan(""));
            const Part part{r, std::min(m, r + rows), c, std::min(n, c + columns)};
            t.matmul_tn_program(a.data, a.ld, b.data, b.ld, program, data.data(), update_programs::kGradient,
                                one.arrays[0].ld, m, n, k, part, scratch.data);
          }
        check(one.same_bits(two), name + ": product, then program");
        check(one.pads_zero(), name + ": pads");
      }
  }
}

// The program that spells Adam gives the bits of the hand-written rule.
template <class T>
void as_the_rule(long count) {
  const Rule rule = update_programs::adam();
  const State<T> before(rule, 1, count);
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    State<T> one(before), two(before);
    const auto kinds = rule.kinds();
    const Program program = rule.program(kinds);
    Matrix<T> scratch(1, t.program_scratch(program, count));
    t.run_program(program, one.data().data(), 0, 1, count, scratch.data);
    const auto& s = rule.scalars;
    const T scalars[] = {T(s[0]), 0, 0, T(s[1]), T(s[2]), T(s[3]), T(s[4]), T(s[5]), T(s[6]), T(1)};
    t.update[int(UpdateRule::adam)](two.arrays[0].data, two.arrays[1].data, two.arrays[2].data, two.arrays[3].data,
                                    padded(count), scalars);
    check(one.same_bits(two), std::string("adam as a program ") + type_name<T>() + " " + table.isa);
  }
}

}  // namespace

void test_update_programs() {
  for (const Rule& rule : update_programs::all()) {
    for (long rows : {1, 3, 20})
      for (long width : {1, 16, 30, 43, 100, 530, 2100}) {
        over_a_matrix<float>(rule, rows, width);
        over_a_matrix<double>(rule, rows, width);
      }
    for (const auto& s : {std::vector<long>{1, 1, 1},
                          {7, 10, 3},
                          {33, 43, 17},
                          {50, 34, 100},
                          {20, 200, 40},
                          {70, 50, 300},
                          {23, 600, 30},
                          {40, 18, 8},
                          {130, 82, 40}}) {
      within_a_product<float>(rule, s[0], s[1], s[2]);
      within_a_product<double>(rule, s[0], s[1], s[2]);
    }
  }
  for (long count : {16, 100, 1000}) {
    as_the_rule<float>(count);
    as_the_rule<double>(count);
  }
}

}  // namespace test
