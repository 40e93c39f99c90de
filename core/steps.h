// What a step's kind says of its product.
#pragma once

#include "plan.h"

namespace pellucid {

struct Shape {
  long m, n, k;
};

Product product_of(StepKind kind);

inline bool is_product(StepKind kind) { return kind <= StepKind::update_product; }

// The shape of c (m, n), and the length k of the sums, of a product's step with so many rows in the batch.
Shape product_shape(const PlanSpec& plan, const StepSpec& step, long rows);

}  // namespace pellucid
