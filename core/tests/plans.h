// Small plans of every kind of network, for the tests that run them and for those that spoil them.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace test {

// A plan, and what it takes to run it.
struct SmallPlan {
  std::string name;
  pellucid::PlanSpec plan;
  long flat_size = 0;
  int slots = 0, scalars = 0;
};

// One plan for each update rule, fused and apart, with weights, labels and dropout; a network over images of every kind
// of steps; elementwise programs; an evaluation.
std::vector<SmallPlan> small_plans();

}  // namespace test
