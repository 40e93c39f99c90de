// Updates of parameters from gradients that are there already, and of running values.
#include "steps/scalars.h"
#include "steps/table.h"

namespace pellucid {
namespace {

void check_update(const StepCheck& check) {
  const BufferSpec& g = check.matrix(0);
  if (g.of_batch()) check.refuse("operand 0 has the batch's rows, expected rows of its own");
  for (int i = 1; i < check.count(); ++i) check.expect_like(i, 0);
}

double work(const PlanSpec& plan, const StepSpec& step, long rows) {
  return 16.0 * plan.rows_of(step.buffers[1], rows) * padded(plan.buffers[step.buffers[1]].width);
}

template <class T>
void update(const StepCall<T>& call) {
  const UpdateScalars<T> scalars(call);
  long first, last;
  share(call.rows(1) * call.ld(1), kRow, call.part, call.parts, first, last);
  const auto from = [&](int operand) { return operand <= call.last() ? call.base(operand) + first : nullptr; };
  call.kernels.update[call.step.rule](from(1), from(0), from(2), from(3), last - first, scalars.of);
}

void check_running(const StepCheck& check) {
  check.expect(0, 1, check.matrix(0).width);
  check.expect_like(1, 0);
}

template <class T>
void running_update(const StepCall<T>& call) {
  const T kept = static_cast<T>(call.number(0));
  const T* value = call.base(0);
  T* w = call.base(1);
  for (long i = 0; i < call.width(1); ++i) w[i] = kept * w[i] + (T(1) - kept) * value[i];
}

}  // namespace

void add_updates(StepTable& table) {
  table.add(StepKind::update, {check_update, work}, {update<float>}, {update<double>});
  table.add(StepKind::running_update, {check_running}, {running_update<float>}, {running_update<double>});
}

}  // namespace pellucid
