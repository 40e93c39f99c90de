// What steps that run an elementwise program share.
#pragma once

#include "plan/check.h"
#include "plan/plan.h"
#include "steps/calls.h"

namespace pellucid {

void check_program(const StepCheck& check);

// Where the operands lie.
template <class T>
struct Bases {
  T* of[kMostOperands];

  template <class Call>
  explicit Bases(const Call& call) {
    for (std::size_t i = 0; i < call.step.operands.size(); ++i)
      of[i] = call.step.operands[i].kind == OperandKind::constant
                  ? nullptr
                  : call.base(first_program_operand(call.step) + static_cast<int>(i));
  }
};

}  // namespace pellucid
