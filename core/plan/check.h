// Whether a plan makes sense, all of it, before anything of it is believed. Whoever gives a malformed one, Python, a
// test or a page, gets std::invalid_argument with one sentence: which step, what came, what was expected.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace pellucid {

// Throws where the executor could not run the plan with up to so many rows.
void check_plan(const PlanSpec& plan, long max_rows);

// Throws where a buffer lies beyond its flat vector: those of the parameters, then of each slot, so many elements each.
void check_homes(const PlanSpec& plan, const std::vector<long>& sizes);

// How many run-time scalars a run must bring along, and whether it must bring labels.
int scalars_needed(const PlanSpec& plan);
bool labels_needed(const PlanSpec& plan);

// What the check of a kind of steps (Step::check) is given: one step, whose operands exist and are as many as its kind
// takes, with as many numbers. Extents are left to it.
class StepCheck {
 public:
  StepCheck(const PlanSpec& plan, long number) : plan_(plan), number_(number) {}

  const PlanSpec& plan() const { return plan_; }
  const StepSpec& step() const { return plan_.steps[static_cast<std::size_t>(number_)]; }
  int count() const { return static_cast<int>(step().buffers.size()); }
  // An operand that is a matrix of numbers, of whatever extent.
  const BufferSpec& matrix(int operand) const;
  // Likewise, with a row for each of a batch's samples and each of their positions.
  const BufferSpec& samples(int operand) const;
  // Throws where an operand is not a matrix of these rows (0: the batch's), width and positions; or of bytes.
  void expect(int operand, long rows, long width, long positions = 1, bool bytes = false) const;
  // Throws where an operand has other rows, in number or kind, than another one; or another extent.
  void expect_rows_of(int operand, int other, long width) const;
  void expect_like(int operand, int other) const;
  // Throws "step 3 (matmul): ...".
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  const PlanSpec& plan_;
  const long number_;
};

}  // namespace pellucid
