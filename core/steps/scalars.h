// The numbers of an update rule, as its kernel takes them.
#pragma once

#include "steps/calls.h"

namespace pellucid {

template <class T>
struct UpdateScalars {
  T of[kUpdateScalars] = {};

  explicit UpdateScalars(const StepCall<T>& call) {
    for (std::size_t i = 0; i < call.step.numbers.size(); ++i) of[i] = static_cast<T>(call.number(static_cast<int>(i)));
  }
};

}  // namespace pellucid
