#include "plan/check.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "steps/table.h"

namespace pellucid {
namespace {

// Far beyond what any machine holds, and far below where a product of such numbers would overflow.
constexpr long kMostExtent = 1L << 31;
constexpr double kMostElements = 0x1p40;

constexpr long kNever = std::numeric_limits<long>::max();
constexpr long kFromTheStart = -1;

std::string text(long number) { return std::to_string(number); }

std::string extent_text(long rows, long width, long positions, bool bytes) {
  const std::string of = rows ? text(rows) : positions == 1 ? "batch" : "batch·" + text(positions);
  return "(" + of + ", " + text(width) + ")" + (bytes ? " of bytes" : "");
}
std::string extent_text(const BufferSpec& b) { return extent_text(b.rows, b.width, b.positions, b.bytes); }

[[noreturn]] void refuse(const std::string& sentence) { throw std::invalid_argument(sentence); }

[[noreturn]] void refuse_buffer(long number, const std::string& what) {
  refuse("buffer " + text(number) + " of the plan " + what);
}

bool within(long number, long least, long most) { return least <= number && number <= most; }

double elements(const BufferSpec& buffer, long max_rows) {
  const double rows = buffer.rows ? static_cast<double>(buffer.rows) : static_cast<double>(max_rows) * buffer.positions;
  return rows * padded(buffer.width);
}

void check_buffers(const PlanSpec& plan, long max_rows) {
  double all = 0;
  if (plan.buffers.size() > static_cast<std::size_t>(kMostExtent)) refuse("the plan has more than 2^31 buffers");
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const BufferSpec& buffer = plan.buffers[i];
    const long number = static_cast<long>(i);
    if (!within(buffer.rows, 0, kMostExtent) || !within(buffer.width, 1, kMostExtent) ||
        !within(buffer.positions, 1, kMostExtent))
      refuse_buffer(number, "has " + text(buffer.rows) + " rows, width " + text(buffer.width) + " and " +
                                text(buffer.positions) + " positions, expected 0, 1 and 1 to 2^31");
    if (buffer.rows && buffer.positions != 1)
      refuse_buffer(number, "has both rows of its own and positions of a sample, expected one of them");
    if (buffer.home < 0) refuse_buffer(number, "has home " + text(buffer.home) + ", expected 0 or more");
    if (!buffer.in_arena() && (!buffer.rows || buffer.bytes || buffer.offset < 0 || buffer.offset % kRow != 0))
      refuse_buffer(number, "lies in a flat vector at " + text(buffer.offset) + " as " + extent_text(buffer) +
                                ", expected rows of its own, of numbers, at a multiple of 16");
    const double own = elements(buffer, max_rows);
    all += own;
    if (own > kMostElements || all > 2 * kMostElements)
      refuse_buffer(number, "is too large: " + extent_text(buffer) + " with up to " + text(max_rows) + " rows");
  }
}

// ---- steps --------------------------------------------------------------------------------------------------------

const StepRow& row_of(const StepSpec& step) { return kSteps[static_cast<int>(step.kind)]; }

void check_kind_and_operands(const StepCheck& check) {
  const StepSpec& step = check.step();
  if (!within(static_cast<int>(step.kind), 0, kStepKinds - 1))
    check.refuse("there is no kind " + text(static_cast<int>(step.kind)) + ", expected one below " + text(kStepKinds));
  const StepRow& row = row_of(step);
  const bool by_rule = row.numbers == kOfTheRule;
  if (by_rule && !within(step.rule, 0, kUpdateRules - 1))
    check.refuse("there is no rule " + text(step.rule) + ", expected one below " + text(kUpdateRules));
  const int least = by_rule ? row.least + kRules[step.rule].slots : row.least, most = by_rule ? least : row.most;
  if (!within(check.count(), least, most))
    check.refuse("has " + text(check.count()) + " operands, expected " + text(least) +
                 (most == least ? "" : " to " + text(most)));
  for (int buffer : step.buffers)
    if (!within(buffer, 0, static_cast<long>(check.plan().buffers.size()) - 1))
      check.refuse("names buffer " + text(buffer) + ", expected one of " + text(check.plan().buffers.size()));
  const long numbers = by_rule ? kRules[step.rule].numbers : row.numbers;
  if (static_cast<long>(step.numbers.size()) != numbers)
    check.refuse("has " + text(step.numbers.size()) + " numbers, expected " + text(numbers));
}

// When each buffer is first made: before all steps, by a step, or never.
class Makings {
 public:
  explicit Makings(const PlanSpec& plan) : made_(plan.buffers.size(), kNever) {
    for (std::size_t i = 0; i < made_.size(); ++i)
      if (!plan.buffers[i].in_arena()) made_[i] = kFromTheStart;
    for (int buffer : {plan.x, plan.t, plan.weight})
      if (buffer >= 0) made_[buffer] = kFromTheStart;
    for (const ScalarBuffer& scalar : plan.scalar_buffers) made_[scalar.buffer] = kFromTheStart;
  }

  long made(int buffer) const { return made_[buffer]; }

  void take(const StepCheck& check, long number) {
    const StepSpec& step = check.step();
    if (step.kind == StepKind::elementwise || step.kind == StepKind::program_product)
      return take_program(check, number);
    const StepRow& row = row_of(step);
    const int first = row.first_made < 0 ? check.count() + row.first_made : row.first_made;
    for (int i = 0; i < check.count(); ++i)
      if (i < first || row.in_place) read(check, i);
    for (int i = first; i < check.count(); ++i) make(step.buffers[i], number);
  }

 private:
  void read(const StepCheck& check, int operand) const {
    const int buffer = check.step().buffers[operand];
    if (made_[buffer] == kNever)
      check.refuse("reads operand " + text(operand) + ", buffer " + text(buffer) + ", which nothing has made yet");
  }
  void make(int buffer, long number) { made_[buffer] = std::min(made_[buffer], number); }

  // The check of the kind has looked at all fields.
  void take_program(const StepCheck& check, long number) {
    const StepSpec& step = check.step();
    const int before = first_program_operand(step), operands = check.count() - before;
    for (int i = 0; i < before; ++i) read(check, i);
    std::vector<bool> written(step.operands.size() + static_cast<std::size_t>(step.registers), false);
    for (const Instruction& instruction : step.code) {
      const std::int16_t fields[] = {instruction.a, instruction.b, instruction.c};
      for (int i = 0; i < kOpRows[static_cast<int>(instruction.op)].reads; ++i) {
        const int field = fields[i];
        if (written[field]) continue;
        if (field >= operands) check.refuse("reads register " + text(field - operands) + " before it is written");
        if (step.operands[field].kind != OperandKind::constant) read(check, before + field);
      }
      written[instruction.dst] = true;
    }
    for (int i = 0; i < operands; ++i)
      if (written[i]) make(step.buffers[before + i], number);
  }

  std::vector<long> made_;
};

// ---- what goes in, and what comes out -----------------------------------------------------------------------------

struct Named {
  const char* name;
  int buffer;
};

bool known(const PlanSpec& plan, int buffer) { return within(buffer, 0, static_cast<long>(plan.buffers.size()) - 1); }

void check_known(const PlanSpec& plan, const Named& named) {
  if (!known(plan, named.buffer))
    refuse(std::string("the plan's ") + named.name + " is buffer " + text(named.buffer) + ", expected one of " +
           text(plan.buffers.size()));
}

// One row for each sample, `width` numbers each (0: any).
void check_of_batch(const PlanSpec& plan, const Named& named, long width) {
  check_known(plan, named);
  const BufferSpec& buffer = plan.buffers[named.buffer];
  if (!buffer.in_arena() || !buffer.of_batch() || buffer.positions != 1 || buffer.bytes ||
      (width != 0 && buffer.width != width))
    refuse(std::string("the plan's ") + named.name + " is " + extent_text(buffer) +
           (buffer.in_arena() ? "" : " in a flat vector") + ", expected a row of " +
           (width ? text(width) + " number" : std::string("numbers")) + " for each sample");
}

void check_inputs(const PlanSpec& plan) {
  check_of_batch(plan, {"x", plan.x}, 0);
  if (plan.t != -1) check_of_batch(plan, {"t", plan.t}, 0);
  if (plan.weight != -1) check_of_batch(plan, {"weight", plan.weight}, 1);
  if (plan.x == plan.t || plan.x == plan.weight || (plan.t != -1 && plan.t == plan.weight))
    refuse("the plan's x, t and weight are buffers " + text(plan.x) + ", " + text(plan.t) + " and " +
           text(plan.weight) + ", expected different ones");
  for (const ScalarBuffer& scalar : plan.scalar_buffers) {
    check_known(plan, {"scalar buffer", scalar.buffer});
    const BufferSpec& buffer = plan.buffers[scalar.buffer];
    if (!buffer.in_arena() || buffer.of_batch() || buffer.bytes || scalar.scalar < 0)
      refuse("scalar " + text(scalar.scalar) + " of the plan goes to a buffer " + extent_text(buffer) +
             ", expected one in the arena with rows of its own");
  }
}

void check_made(const Makings& makings, const Named& named, long before) {
  if (makings.made(named.buffer) >= before)
    refuse(std::string("the plan's ") + named.name + ", buffer " + text(named.buffer) +
           (before == kNever ? ", is made by no step" : ", is not made before its first update"));
}

void check_results(const PlanSpec& plan, const Makings& makings) {
  check_of_batch(plan, {"output", plan.output}, 0);
  check_made(makings, {"output", plan.output}, kNever);
  if (plan.row_losses != -1) {
    check_of_batch(plan, {"row_losses", plan.row_losses}, 1);
    check_made(makings, {"row_losses", plan.row_losses}, kNever);
  }
  if (!within(plan.first_update, -1, static_cast<long>(plan.steps.size())))
    refuse("the plan's first update is step " + text(plan.first_update) + " of " + text(plan.steps.size()));
  const long safe = plan.first_update < 0 ? kNever : plan.first_update;
  if (plan.loss != -1) {
    check_known(plan, {"loss", plan.loss});
    if (plan.buffers[plan.loss].bytes) refuse("the plan's loss is of bytes, expected a number");
    check_made(makings, {"loss", plan.loss}, safe);
  }
  for (int buffer : plan.kept) {
    check_known(plan, {"kept buffer", buffer});
    const BufferSpec& kept = plan.buffers[buffer];
    if (!kept.in_arena() || kept.bytes)
      refuse("the plan keeps buffer " + text(buffer) + ", expected one of numbers in the arena");
    check_made(makings, {"kept buffer", buffer}, kNever);
  }
  for (int buffer : plan.watched) {
    check_known(plan, {"watched buffer", buffer});
    if (plan.buffers[buffer].bytes) refuse("the plan watches buffer " + text(buffer) + ", which is of bytes");
    check_made(makings, {"watched buffer", buffer}, safe);
  }
  if (!(plan.bound >= 0)) refuse("the plan's bound is not a number of at least 0");
}

}  // namespace

// ---- what the kinds' checks call ----------------------------------------------------------------------------------

void StepCheck::refuse(const std::string& what) const {
  const int kind = static_cast<int>(step().kind);
  const std::string name = within(kind, 0, kStepKinds - 1) ? " (" + std::string(kSteps[kind].name) + ")" : "";
  pellucid::refuse("step " + text(number_) + name + ": " + what);
}

const BufferSpec& StepCheck::matrix(int operand) const {
  const BufferSpec& buffer = plan_.buffers[step().buffers[operand]];
  if (buffer.bytes) refuse("operand " + text(operand) + " is " + extent_text(buffer) + ", expected numbers");
  return buffer;
}

const BufferSpec& StepCheck::samples(int operand) const {
  const BufferSpec& buffer = matrix(operand);
  if (!buffer.of_batch())
    refuse("operand " + text(operand) + " is " + extent_text(buffer) + ", expected rows for each sample");
  return buffer;
}

void StepCheck::expect(int operand, long rows, long width, long positions, bool bytes) const {
  const BufferSpec& buffer = plan_.buffers[step().buffers[operand]];
  if (buffer.rows == rows && buffer.width == width && buffer.positions == positions && buffer.bytes == bytes) return;
  refuse("operand " + text(operand) + " is " + extent_text(buffer) + ", expected " +
         extent_text(rows, width, positions, bytes));
}

void StepCheck::expect_rows_of(int operand, int other, long width) const {
  const BufferSpec& like = matrix(other);
  expect(operand, like.rows, width, like.positions);
}

void StepCheck::expect_like(int operand, int other) const { expect_rows_of(operand, other, matrix(other).width); }

// ---- the whole ----------------------------------------------------------------------------------------------------

void check_plan(const PlanSpec& plan, long max_rows) {
  if (!within(max_rows, 1, kMostExtent)) refuse("a plan for " + text(max_rows) + " rows, expected 1 to 2^31");
  check_buffers(plan, max_rows);
  check_inputs(plan);
  Makings makings(plan);
  for (long i = 0; i < static_cast<long>(plan.steps.size()); ++i) {
    const StepCheck check(plan, i);
    check_kind_and_operands(check);
    step_of(plan.steps[i].kind).check(check);
    makings.take(check, i);
  }
  check_results(plan, makings);
}

void check_homes(const PlanSpec& plan, const std::vector<long>& sizes) {
  constexpr int first = static_cast<int>(Home::parameters);
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const BufferSpec& buffer = plan.buffers[i];
    if (buffer.in_arena()) continue;
    if (buffer.home - first >= static_cast<int>(sizes.size()))
      refuse_buffer(static_cast<long>(i), "lies in slot " + text(buffer.home - static_cast<int>(Home::slots)) +
                                              ", but " + text(sizes.size() - 1) + " slots are bound");
    const long size = sizes[static_cast<std::size_t>(buffer.home - first)], own = buffer.rows * padded(buffer.width);
    if (own > size || buffer.offset > size - own)
      refuse_buffer(static_cast<long>(i), "lies at " + text(buffer.offset) + " and takes " + text(own) +
                                              " elements, but its flat vector has " + text(size));
  }
}

int scalars_needed(const PlanSpec& plan) {
  int most = -1;
  for (const ScalarBuffer& scalar : plan.scalar_buffers) most = std::max(most, scalar.scalar);
  for (const StepSpec& step : plan.steps)
    for (const Number& number : step.numbers) most = std::max(most, number.scalar);
  return most == std::numeric_limits<int>::max() ? most : most + 1;
}

bool labels_needed(const PlanSpec& plan) {
  return plan.labels || std::any_of(plan.steps.begin(), plan.steps.end(),
                                    [](const StepSpec& step) { return step.kind == StepKind::one_hot; });
}

}  // namespace pellucid
