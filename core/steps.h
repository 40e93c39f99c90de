// What a step's kind says of its product, and how steps are shared.
#pragma once

#include <algorithm>

#include "plan.h"

namespace pellucid {

// A step smaller than this is over before a second thread has noticed it. In multiply-adds, or elements touched.
constexpr double kWorthSharing = 1e6;

// The i-th of `parts` shares of 0 .. count-1, cut at multiples of `grain`.
inline void share(long count, long grain, int part, int parts, long& first, long& last) {
  const long grains = (count + grain - 1) / grain;
  first = std::min(count, grains * part / parts * grain);
  last = std::min(count, grains * (part + 1) / parts * grain);
}

inline Program program_of(const StepSpec& step, double bound) {
  return {step.code.data(),
          static_cast<int>(step.code.size()),
          step.operands.data(),
          static_cast<int>(step.operands.size()),
          step.registers,
          step.watched,
          bound};
}

struct Shape {
  long m, n, k;
};

Product product_of(StepKind kind);

inline bool is_product(StepKind kind) { return kind <= StepKind::update_product; }

// The shape of c (m, n), and the length k of the sums, of a product's step with so many rows in the batch.
Shape product_shape(const PlanSpec& plan, const StepSpec& step, long rows);

}  // namespace pellucid
