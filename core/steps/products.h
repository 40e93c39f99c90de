// What product a step is, and of which shape: for whoever wants to know how it will be made.
#pragma once

#include "plan/plan.h"

namespace pellucid {

struct Shape {
  long m, n, k;

  double work() const { return 1.0 * m * n * k; }
};

bool is_product(StepKind kind);
// Of a kind that is one.
Product product_of(StepKind kind);
// The shape of c (m, n), and the length k of the sums, of a product's step with so many rows in the batch.
Shape product_shape(const PlanSpec& plan, const StepSpec& step, long rows);

// How it will be made.
template <class T>
Choice choice_of(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step, long rows) {
  const Shape shape = product_shape(plan, step, rows);
  return kernels.choose(product_of(step.kind), shape.m, shape.n, shape.k);
}

}  // namespace pellucid
