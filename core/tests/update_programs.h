// Optimizers as programs of several outputs, in place: operand 0 is w, 1 the gradient, then the slots, the scalars.
#pragma once

#include <vector>

#include "kernels/table.h"

namespace update_programs {

using pellucid::Instruction;
using pellucid::Op;
using pellucid::Operand;
using pellucid::OperandKind;
using pellucid::Program;

constexpr int kGradient = 1;

struct Rule {
  const char* name;
  int slots;
  std::vector<double> scalars;
  int registers;
  std::vector<Instruction> code;

  int operands() const { return 2 + slots + int(scalars.size()); }
  std::vector<Operand> kinds() const {
    std::vector<Operand> all(std::size_t(operands()), Operand{OperandKind::scalar, 0});
    for (int i = 0; i < 2 + slots; ++i) all[std::size_t(i)].kind = OperandKind::full;
    return all;
  }
  Program program(const std::vector<Operand>& kinds) const {
    return {code.data(), int(code.size()), kinds.data(), operands(), registers};
  }
};

// m' = b2·m + (1-b2)·g;  w' = w - lr·(sign(b1·m + (1-b1)·g) + wd·w)
inline Rule lion() {
  enum : std::int16_t { w, g, m, lr, b1, c1, b2, c2, wd, x, y };
  return {"Lion",
          1,
          {1e-4, 0.9, 0.1, 0.99, 0.01, 0.01},
          2,
          {{Op::multiply, x, c1, g, 0},
           {Op::fma, x, b1, m, x},
           {Op::sign, x, x, 0, 0},
           {Op::fma, x, wd, w, x},
           {Op::multiply, x, lr, x, 0},
           {Op::subtract, w, w, x, 0},
           {Op::multiply, y, c2, g, 0},
           {Op::fma, m, b2, m, y}}};
}

// The same as a person writes it down: 1 - b within the program, no multiply-adds.
inline Rule plain_lion() {
  enum : std::int16_t { w, g, m, lr, b1, b2, wd, one, x, y, z };
  return {"Lion, as written",
          1,
          {1e-4, 0.9, 0.99, 0.01, 1},
          3,
          {{Op::multiply, x, b1, m, 0},
           {Op::subtract, y, one, b1, 0},
           {Op::multiply, y, y, g, 0},
           {Op::add, x, x, y, 0},
           {Op::sign, x, x, 0, 0},
           {Op::multiply, y, wd, w, 0},
           {Op::add, x, x, y, 0},
           {Op::multiply, x, lr, x, 0},
           {Op::subtract, w, w, x, 0},
           {Op::multiply, x, b2, m, 0},
           {Op::subtract, z, one, b2, 0},
           {Op::multiply, y, z, g, 0},
           {Op::add, m, x, y, 0}}};
}

// Adam with the largest second moment so far.
inline Rule amsgrad() {
  enum : std::int16_t { w, g, m, v, h, lr, b1, c1, b2, c2, eps, scale, x, y };
  return {"AMSGrad",
          3,
          {1e-4, 0.9, 0.1, 0.999, 0.001, 1e-8, 1},
          2,
          {{Op::multiply, x, c1, g, 0},
           {Op::fma, m, b1, m, x},
           {Op::square, x, g, 0, 0},
           {Op::multiply, x, c2, x, 0},
           {Op::fma, v, b2, v, x},
           {Op::maximum, h, h, v, 0},
           {Op::sqrt, x, h, 0, 0},
           {Op::fma, x, x, scale, eps},
           {Op::multiply, y, lr, m, 0},
           {Op::divide, x, y, x, 0},
           {Op::subtract, w, w, x, 0}}};
}

// u' = max(b2·u, |g|);  w' = w - lr·m' / (u' + eps)
inline Rule adamax() {
  enum : std::int16_t { w, g, m, u, lr, b1, c1, b2, eps, x, y };
  return {"AdaMax",
          2,
          {1e-4, 0.9, 0.1, 0.999, 1e-8},
          2,
          {{Op::multiply, x, c1, g, 0},
           {Op::fma, m, b1, m, x},
           {Op::absolute, x, g, 0, 0},
           {Op::multiply, y, b2, u, 0},
           {Op::maximum, u, y, x, 0},
           {Op::add, x, u, eps, 0},
           {Op::multiply, y, lr, m, 0},
           {Op::divide, x, y, x, 0},
           {Op::subtract, w, w, x, 0}}};
}

// Bit for bit UpdateRule::adam without regularisation.
inline Rule adam() {
  enum : std::int16_t { w, g, m, v, lr, b1, c1, b2, c2, eps, scale, x, y };
  return {"Adam as a program",
          2,
          {1e-4, 0.9, 0.1, 0.999, 0.001, 1e-8, 1},
          2,
          {{Op::multiply, x, c1, g, 0},
           {Op::fma, m, b1, m, x},
           {Op::square, x, g, 0, 0},
           {Op::multiply, x, c2, x, 0},
           {Op::fma, v, b2, v, x},
           {Op::sqrt, x, v, 0, 0},
           {Op::fma, x, x, scale, eps},
           {Op::multiply, y, lr, m, 0},
           {Op::divide, x, y, x, 0},
           {Op::subtract, w, w, x, 0}}};
}

// A rule that would not leave pads alone: w' = w + exp(m), m' = m - cos-free step of exp(g).
inline Rule dirties_pads() {
  enum : std::int16_t { w, g, m, lr, x };
  return {"a rule that dirties pads",
          1,
          {0.5},
          1,
          {{Op::exp, x, m, 0, 0}, {Op::add, w, w, x, 0}, {Op::exp, x, g, 0, 0}, {Op::fma, m, x, lr, m}}};
}

inline std::vector<Rule> all() { return {lion(), plain_lion(), amsgrad(), adamax(), adam(), dirties_pads()}; }

}  // namespace update_programs
