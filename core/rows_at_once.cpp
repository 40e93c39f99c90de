#include "rows_at_once.h"

#include "arena.h"
#include "groups.h"
#include "steps.h"

namespace pellucid {
namespace {

// With fewer rows than this, products with large weights grow slow: reading the weights takes as long as computing.
constexpr long kRowsOfProducts = 128;

}  // namespace

long rows_at_once(const PlanSpec& plan, long element, const Limits& limits) {
  const std::vector<Group> groups = find_groups(plan);
  double by_sample = 0, products = 0;  // what one row takes
  for (const Group& group : groups) by_sample += group.work;
  for (const StepSpec& step : plan.steps) {
    if (!is_product(step.kind)) continue;
    const Shape shape = product_shape(plan, step, 1);
    products += 1.0 * shape.m * shape.n * shape.k;
  }
  long rows = limits.rows;
  for (; rows > 1; rows /= 2) {
    const double work = by_sample + (rows > kRowsOfProducts ? products : 0);
    if (work * rows <= limits.work && lay_out_arena(plan, groups, rows, element).size * element <= limits.bytes) break;
  }
  return rows;
}

}  // namespace pellucid
