// Sums and maxima over a matrix.
#include "steps/table.h"

namespace pellucid {
namespace {

void check_over_rows(const StepCheck& check) { check.expect(1, 1, check.matrix(0).width); }
void check_over_columns(const StepCheck& check) { check.expect_rows_of(1, 0, 1); }
void check_over_all(const StepCheck& check) {
  check.matrix(0);
  check.expect(1, 1, 1);
}

template <class T>
void sum_rows(const StepCall<T>& call) {
  call.kernels.sum_rows(call.base(0), call.rows(0), call.width(0), 0, call.width(0), call.base(1));
}

template <class T>
void sum_columns(const StepCall<T>& call) {
  call.kernels.sum_columns(call.base(0), 0, call.rows(0), call.width(0), call.base(1));
}

template <class T>
void max_columns(const StepCall<T>& call) {
  call.kernels.max_columns(call.base(0), 0, call.rows(0), call.width(0), call.base(1));
}

template <class T>
void sum_all(const StepCall<T>& call) {
  T* out = call.base(1);
  std::fill_n(out, kRow, T(0));
  out[0] = call.kernels.sum_all(call.base(0), call.rows(0), call.width(0));
}

}  // namespace

void add_reductions(StepTable& table) {
  table.add(StepKind::sum_rows, {check_over_rows}, {sum_rows<float>}, {sum_rows<double>});
  table.add(StepKind::sum_columns, {check_over_columns}, {sum_columns<float>}, {sum_columns<double>});
  table.add(StepKind::max_columns, {check_over_columns}, {max_columns<float>}, {max_columns<double>});
  table.add(StepKind::sum_all, {check_over_all}, {sum_all<float>}, {sum_all<double>});
}

}  // namespace pellucid
