// Elementwise programs.
#include "steps/programs.h"

#include "steps/table.h"

namespace pellucid {
namespace {

std::string text(long number) { return std::to_string(number); }

void check_operand(const StepCheck& check, int i, const BufferSpec& whole) {
  const int at = first_program_operand(check.step()) + i;
  switch (check.step().operands[i].kind) {
    case OperandKind::full:
      return check.expect(at, whole.rows, whole.width, whole.positions);
    case OperandKind::row:
      return check.expect(at, 1, whole.width);
    case OperandKind::column:
      return check.expect(at, whole.rows, 1, whole.positions);
    case OperandKind::scalar:
      return check.expect(at, 1, 1);
    case OperandKind::constant:
      return;
  }
  check.refuse("operand " + text(i) + " is of kind " + text(static_cast<int>(check.step().operands[i].kind)) +
               ", expected one below " + text(kOperandKinds));
}

void check_instruction(const StepCheck& check, long number, const Instruction& code) {
  const StepSpec& step = check.step();
  const std::string name = "instruction " + text(number);
  if (static_cast<int>(code.op) >= kOps)
    check.refuse(name + " has op " + text(static_cast<int>(code.op)) + ", expected one below " + text(kOps));
  const long operands = static_cast<long>(step.operands.size()), known = operands + step.registers;
  for (const long field : {code.dst, code.a, code.b, code.c})
    if (field < 0 || field >= known)
      check.refuse(name + " names operand " + text(field) + ", expected one below " + text(known));
  if (code.dst < operands && step.operands[code.dst].kind != OperandKind::full)
    check.refuse(name + " writes operand " + text(code.dst) + ", expected a register or one that is full");
}

double work(const PlanSpec& plan, const StepSpec& step, long rows) {
  const int last = step.buffers.back();
  return 16.0 * plan.rows_of(last, rows) * padded(plan.buffers[last].width);
}

template <class T>
long scratch(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step, long) {
  return kernels.program_scratch(program_of(step, plan.bound), plan.buffers[step.buffers.back()].width);
}

template <class T>
void run(const StepCall<T>& call) {
  const Bases<T> bases(call);
  long first, last;
  share(call.rows(call.last()), 1, call.part, call.parts, first, last);
  if (!call.kernels.run_program(program_of(call.step, call.plan.bound), bases.of, first, last, call.width(call.last()),
                                call.scratch))
    call.batch.beyond->store(true, std::memory_order_relaxed);
}

template <class T>
void run_samples(const SamplesCall<T>& call) {
  const Bases<T> bases(call);
  const BufferSpec& out = call.spec(call.last_operand());
  call.kernels.run_program(program_of(call.step, call.plan.bound), bases.of, 0, call.count() * out.positions, out.width,
                           call.scratch);
}

}  // namespace

void check_program(const StepCheck& check) {
  const StepSpec& step = check.step();
  const int operands = check.count() - first_program_operand(step);
  if (static_cast<int>(step.operands.size()) != operands)
    check.refuse("describes " + text(static_cast<long>(step.operands.size())) + " operands, expected " +
                 text(operands));
  const long length = static_cast<long>(step.code.size());
  if (length == 0) check.refuse("has no instructions, expected one at least");
  if (step.registers < 0 || step.registers > length)
    check.refuse("has " + text(step.registers) + " registers, expected at most one for each of its " + text(length) +
                 " instructions");
  const int last = operands - 1;
  if (step.operands[last].kind != OperandKind::full)
    check.refuse("its last operand is not full, expected the extent of the program");
  const BufferSpec& whole = check.matrix(check.count() - 1);
  for (int i = 0; i < operands; ++i) check_operand(check, i, whole);
  for (long i = 0; i < length; ++i) check_instruction(check, i, step.code[i]);
}

void add_programs(StepTable& table) {
  table.add(StepKind::elementwise, {check_program, work, BySample::maybe},
            {run<float>, scratch<float>, run_samples<float>}, {run<double>, scratch<double>, run_samples<double>});
}

}  // namespace pellucid
