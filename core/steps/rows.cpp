// What is made for each row of a batch, out of its labels, its weights or nothing.
#include "steps/table.h"

namespace pellucid {
namespace {

void check_one_hot(const StepCheck& check) {
  if (!check.plan().labels) check.refuse("makes a matrix of the batch's labels, but the plan takes none");
  check.expect(0, 0, check.matrix(0).width);
}

template <class T>
void one_hot(const StepCall<T>& call) {
  const Batch& batch = call.batch;
  call.kernels.one_hot(batch.data.labels, batch.index, batch.start, batch.rows, call.width(0), call.base(0),
                       call.ld(0));
}

void check_mean_weights(const StepCheck& check) {
  for (int i : {0, 1}) check.expect(i, 0, 1);
}

template <class T>
void mean_weights(const StepCall<T>& call) {
  const long rows = call.batch.rows;
  const T* weight = call.base(0);
  T* mean = call.base(1);
  T total = 0;
  for (long r = 0; r < rows; ++r) total += weight[r * kRow];
  std::fill_n(mean, rows * kRow, T(0));
  for (long r = 0; r < rows; ++r) mean[r * kRow] = total != 0 ? weight[r * kRow] / total : T(0);
}

void check_dropout(const StepCheck& check) {
  check.expect(0, 0, check.matrix(0).width);
  const Number& rate = check.step().numbers[1];
  if (rate.scalar >= 0 || !(rate.constant >= 0 && rate.constant < 1))
    check.refuse("has a rate that is no constant from 0 on and below 1");
}

// The number of a training step, which a double holds exactly.
std::uint64_t step_number(double number) {
  return number >= 0 && number < 0x1p63 ? static_cast<std::uint64_t>(number) : 0;
}

// Both ways count rows from the batch's first one.
template <class T, class Call>
void mask(const Call& call, T* first_row, long first, long last) {
  call.kernels.dropout_mask(first_row, first, last, call.spec(0).width, call.number(1), call.step.seed,
                            call.step.purpose, step_number(call.number(0)));
}

template <class T>
void dropout(const StepCall<T>& call) {
  mask(call, call.base(0), 0, call.batch.rows);
}

template <class T>
void dropout_samples(const SamplesCall<T>& call) {
  mask(call, call.base(0) - call.first * padded(call.spec(0).width), call.first, call.last);
}

}  // namespace

void add_rows(StepTable& table) {
  table.add(StepKind::one_hot, {check_one_hot}, {one_hot<float>}, {one_hot<double>});
  table.add(StepKind::mean_weights, {check_mean_weights}, {mean_weights<float>}, {mean_weights<double>});
  table.add(StepKind::dropout_mask, {check_dropout, nullptr, BySample::maybe},
            {dropout<float>, nullptr, dropout_samples<float>}, {dropout<double>, nullptr, dropout_samples<double>});
}

}  // namespace pellucid
