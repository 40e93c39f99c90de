#include "steps/table.h"

namespace pellucid {

const StepTable& step_table() {
  static const StepTable table = [] {
    StepTable filled;
    add_products(filled);
    add_updates(filled);
    add_programs(filled);
    add_reductions(filled);
    add_rows(filled);
    add_convolutions(filled);
    add_pools(filled);
    add_image_layouts(filled);
    add_sequences(filled);
    return filled;
  }();
  return table;
}

template <>
const StepRun<float>* step_runs<float>() {
  return step_table().f32;
}
template <>
const StepRun<double>* step_runs<double>() {
  return step_table().f64;
}

}  // namespace pellucid
