// What the core knows of each kind of steps, in one table: how many operands it takes stands in plan/numbers.h, all
// else here. Each family's file fills in its own kinds; a new kind is a row there and an entry here.
#pragma once

#include "plan/check.h"
#include "plan/plan.h"
#include "steps/calls.h"

namespace pellucid {

constexpr int kStepKinds = static_cast<int>(sizeof(kSteps) / sizeof(kSteps[0]));

// Whether a kind can be made for some samples at a time, in a stretch (run/stretches.h).
enum class BySample {
  never,
  maybe,     // where all its rows are the batch's
  always,    // and a stretch is worth making for it
  adding_up  // always; what it makes is a sum over the samples, there when the stretch is over
};

// Of any type of numbers.
struct Step {
  void (*check)(const StepCheck& check) = nullptr;
  // Multiply-adds, or what takes as long, of a batch of so many rows; null: too little to be shared.
  double (*work)(const PlanSpec& plan, const StepSpec& step, long rows) = nullptr;
  BySample by_sample = BySample::never;
};

// How a kind is made, of numbers of type T. What a kind does not have is null.
template <class T>
struct StepRun {
  // For a whole batch, one part of it.
  void (*run)(const StepCall<T>& call) = nullptr;
  // Elements of scratch for `run` and `run_samples`, with up to so many rows in a batch.
  long (*scratch)(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step, long rows) = nullptr;
  // In a stretch, for some samples of one strand.
  void (*run_samples)(const SamplesCall<T>& call) = nullptr;
  // Elements that it keeps through a stretch: filters in the order that its kernel reads; and sums, of each strand.
  long (*filters)(const Kernels<T>& kernels, const StepSpec& step) = nullptr;
  long (*sums)(const Kernels<T>& kernels, const PlanSpec& plan, const StepSpec& step) = nullptr;
  // Before the strands begin: brings the filters into that order. And when all are done: what the first strand's sums
  // have become, which is that of all, goes where it belongs.
  void (*begin)(const WholeCall<T>& call) = nullptr;
  void (*finish)(const WholeCall<T>& call) = nullptr;
};

struct StepTable {
  Step steps[kStepKinds];
  StepRun<float> f32[kStepKinds];
  StepRun<double> f64[kStepKinds];

  void add(StepKind kind, const Step& step, const StepRun<float>& of_float, const StepRun<double>& of_double) {
    const int i = static_cast<int>(kind);
    steps[i] = step;
    f32[i] = of_float;
    f64[i] = of_double;
  }
};

const StepTable& step_table();

inline const Step& step_of(StepKind kind) { return step_table().steps[static_cast<int>(kind)]; }

template <class T>
const StepRun<T>* step_runs();

// The families.
void add_products(StepTable& table);
void add_updates(StepTable& table);
void add_programs(StepTable& table);
void add_reductions(StepTable& table);
void add_rows(StepTable& table);
void add_convolutions(StepTable& table);
void add_pools(StepTable& table);
void add_image_layouts(StepTable& table);
void add_sequences(StepTable& table);

}  // namespace pellucid
