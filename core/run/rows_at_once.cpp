#include "run/rows_at_once.h"

#include <algorithm>

#include "plan/check.h"
#include "run/arena.h"
#include "run/stretches.h"
#include "steps/products.h"

namespace pellucid {
namespace {

// With fewer rows than this, products with large weights grow slow: reading the weights takes as long as computing.
constexpr long kRowsOfProducts = 128;

constexpr long kMostRows = 1L << 20;

}  // namespace

long rows_at_once(const PlanSpec& plan, long element, const Limits& limits) {
  check_plan(plan, 1);
  const std::vector<Stretch> stretches = find_stretches(plan);
  double by_sample = 0, products = 0;  // what one row takes
  for (const Stretch& stretch : stretches) by_sample += stretch.work;
  for (const StepSpec& step : plan.steps) {
    if (!is_product(step.kind)) continue;
    products += product_shape(plan, step, 1).work();
  }
  long rows = std::min(std::max(limits.rows, 1L), kMostRows);
  for (; rows > 1; rows /= 2) {
    const double work = by_sample + (rows > kRowsOfProducts ? products : 0);
    if (work * rows <= limits.work && lay_out_arena(plan, stretches, rows, element).size * element <= limits.bytes)
      break;
  }
  return rows;
}

}  // namespace pellucid
