// Where a plan's buffers lie: never over one another while both are needed, and in one another's place where they may.
#include "run/arena.h"

#include "tests/check.h"

namespace test {
namespace {

using pellucid::Instruction;
using pellucid::Op;
using pellucid::OperandKind;
using pellucid::PlanSpec;
using pellucid::StepKind;
using pellucid::StepSpec;

constexpr long kRows = 10, kWidth = 20, kSize = kRows * 32;

// Buffer 0 is x, buffer 1 the output of the plan, the others are values.
PlanSpec plan_of(int buffers, std::vector<StepSpec> steps) {
  PlanSpec plan;
  for (int i = 0; i < buffers; ++i) plan.buffers.push_back({0, kWidth, 0, 0});
  plan.x = 0;
  plan.output = 1;
  plan.steps = std::move(steps);
  return plan;
}

StepSpec product(int a, int c) {
  StepSpec step{};
  step.kind = StepKind::matmul;
  step.buffers = {a, a, c};
  return step;
}

StepSpec program(std::vector<int> buffers, std::vector<Instruction> code) {
  StepSpec step{};
  step.kind = StepKind::elementwise;
  step.operands.assign(buffers.size(), {OperandKind::full, 0});
  step.buffers = std::move(buffers);
  step.code = std::move(code);
  return step;
}

std::vector<long> offsets(const PlanSpec& plan) {
  return pellucid::lay_out_arena(plan, pellucid::find_stretches(plan), kRows, sizeof(float)).offsets;
}

void places() {
  // x -> 2 -> 3 = f(2) -> 1: nobody needs 2 any more.
  const StepSpec relu = program({2, 3}, {{Op::square, 1, 0, 0, 0}});
  PlanSpec plan = plan_of(4, {product(0, 2), relu, product(3, 1)});
  check(offsets(plan)[3] == offsets(plan)[2], "the output of a program lies where its operand lay");
  check(pellucid::lay_out_arena(plan, {}, kRows, sizeof(float)).size == 2 * kSize, "and the arena is smaller by it");

  for (const auto& keep : {&PlanSpec::kept, &PlanSpec::watched}) {
    PlanSpec needed = plan;
    needed.first_update = 3;
    (needed.*keep).push_back(2);
    check(offsets(needed)[3] != offsets(needed)[2], "not where it is still to be looked at");
  }
  plan.steps.push_back(product(2, 1));
  check(offsets(plan)[3] != offsets(plan)[2], "not where a later step reads it");

  plan = plan_of(4, {product(0, 2), relu, product(3, 1)});
  plan.buffers[3].width = 5;
  check(offsets(plan)[3] != offsets(plan)[2], "not where it has another extent");
  plan.buffers[3].width = kWidth;
  plan.steps[1].operands[0].kind = OperandKind::row;
  check(offsets(plan)[3] != offsets(plan)[2], "not where every row reads it");
  plan.steps[1] = program({2, 2, 3}, {{Op::add, 2, 0, 1, 0}});
  check(offsets(plan)[3] == offsets(plan)[2], "where it is read twice by one instruction");
  plan.steps[1].operands[1].kind = OperandKind::column;
  check(offsets(plan)[3] != offsets(plan)[2], "not where it is read in two ways");
}

void hazards() {
  // 3 = f(2) and 4 = g(2), in this order: 3 is written while 2 is still to be read, 4 is not.
  const StepSpec both = program({2, 3, 4}, {{Op::square, 1, 0, 0, 0}, {Op::exp, 2, 0, 0, 0}});
  PlanSpec plan = plan_of(5, {product(0, 2), both, product(3, 1), product(4, 1)});
  std::vector<long> at = offsets(plan);
  check(at[3] != at[2] && at[4] == at[2], "an output waits for the last read");
  plan.steps[1].code[1] = {Op::exp, 2, 1, 1, 1};
  at = offsets(plan);
  check(at[3] == at[2] && at[4] != at[2],
        "what reads the output instead does not hold it up, and a place is given once");

  // A chain of three, each in the place of the one before, beside one that lives through all of it.
  plan = plan_of(6, {product(0, 5), product(0, 2), program({2, 3}, {{Op::exp, 1, 0, 0, 0}}),
                     program({3, 5, 4}, {{Op::add, 2, 0, 1, 0}}), product(4, 1), product(5, 1)});
  at = offsets(plan);
  check(at[2] == at[3] && at[3] == at[4], "places are handed on");
  check(std::labs(at[5] - at[4]) >= kSize && std::labs(at[1] - at[4]) >= kSize && std::labs(at[1] - at[5]) >= kSize,
        "and nothing else comes to lie there meanwhile");

  // x itself, where a program is the last to read it; and a parameter, which is not the arena's.
  plan = plan_of(3, {program({0, 2}, {{Op::exp, 1, 0, 0, 0}}), product(2, 1)});
  check(offsets(plan)[2] == offsets(plan)[0], "x gives its place away");
  plan.buffers[0].home = 1;
  check(offsets(plan)[0] == -1 && offsets(plan)[2] >= 0, "a parameter does not");
}

}  // namespace

void test_arena() {
  places();
  hazards();
}

}  // namespace test
