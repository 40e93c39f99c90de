// Malformed plans: whatever is wrong in one, it is refused with a sentence or runs, and nothing is read that is not
// there.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>

#include "check.h"
#include "plan/check.h"
#include "plans.h"
#include "run/executor.h"
#include "run/places.h"
#include "steps/table.h"

namespace test {
namespace {

using namespace pellucid;

constexpr long kRows = 5;
constexpr double kMostBytes = 64 << 20;  // a plan that takes more is looked at, but not run

// Data of a plan's extents, of exactly that size so that a sanitizer sees overruns.
template <class T>
struct Given {
  Matrix<T> x, t, flat;
  std::vector<Matrix<T>> slots;
  std::vector<std::int32_t> labels;
  std::vector<std::vector<double>> columns;
  std::vector<const double*> pointers;
  DataView data;
  Scalars scalars;

  explicit Given(const SmallPlan& small)
      : x(kRows, small.plan.buffers[small.plan.x].width),
        t(kRows, small.plan.t >= 0 ? small.plan.buffers[small.plan.t].width : 1),
        flat(1, std::max(16L, small.flat_size)),
        labels{0, 2, 1, 7, -1} {
    for (int i = 0; i < small.slots; ++i) slots.emplace_back(1, small.flat_size, false);
    columns.assign(static_cast<std::size_t>(small.scalars), std::vector<double>(2, 0.01));
    for (const auto& column : columns) pointers.push_back(column.data());
    const SourceType type = sizeof(T) == 4 ? SourceType::f32 : SourceType::f64;
    data.rows = kRows;
    data.x = {x.data, type, x.ld * static_cast<long>(sizeof(T)), x.width};
    if (small.plan.t >= 0) data.t = {t.data, type, t.ld * static_cast<long>(sizeof(T)), t.width};
    if (small.plan.labels) data.labels = labels.data();
    data.classes = labels.data();
    scalars = {pointers.data(), small.scalars, 2};
  }

  std::vector<Flat<T>> flats() {
    std::vector<Flat<T>> all;
    for (auto& slot : slots) all.push_back({slot.data, slot.ld});
    return all;
  }
};

enum class End { refused, ran, too_large };

// Has a plan run on what was there for the one it came from.
template <class T>
End attempt(const PlanSpec& plan, Given<T>& given, int threads, std::string& sentence) {
  try {
    check_plan(plan, kRows);
    if (memory_sizes<T>(plan, find_stretches(plan), kRows, threads).bytes > kMostBytes) return End::too_large;
    Executor<T> executor(plan, kRows, threads);
    executor.bind({given.flat.data, given.flat.ld}, given.flats());
    Totals totals;
    executor.run(given.data, nullptr, 3, 0, 2, given.scalars, totals);
    executor.step(given.data, given.scalars, 1, totals);
    return End::ran;
  } catch (const std::invalid_argument& error) {
    sentence = error.what();
    return End::refused;
  }
}

template <class T>
bool runs(int kind) {
  const StepRun<T>& run = step_runs<T>()[kind];
  switch (step_table().steps[kind].by_sample) {
    case BySample::never:
      return run.run;
    case BySample::maybe:
      return run.run && run.run_samples;
    case BySample::always:
      return run.run_samples;
    case BySample::adding_up:
      return run.run_samples && run.sums && run.finish;
  }
  return false;
}

void test_table() {
  for (int kind = 0; kind < kStepKinds; ++kind)
    check(step_table().steps[kind].check && runs<float>(kind) && runs<double>(kind),
          std::string("a family has filled in ") + kSteps[kind].name);
}

void test_good_plans() {
  for (const SmallPlan& small : small_plans()) {
    std::string sentence;
    Given<float> f32(small);
    Given<double> f64(small);
    check(attempt(small.plan, f32, 2, sentence) == End::ran, small.name + " runs: " + sentence);
    check(attempt(small.plan, f64, 1, sentence) == End::ran, small.name + " runs in double precision: " + sentence);
  }
}

// Changes one number of a plan, or the order or number of its parts.
class Mutation {
 public:
  Mutation(PlanSpec& plan, std::uint64_t seed) : plan_(plan), random_(seed) {}

  void change() {
    switch (below(6)) {
      case 0:
        return change_buffer();
      case 1:
        return change_results();
      case 2:
        return change_order();
      default:
        return change_step();
    }
  }

 private:
  long below(std::size_t count) { return count ? static_cast<long>(random_() % count) : 0; }

  // Numbers near the one that is there, those that others have, and those that break something.
  long number(long now) {
    static const long kOdd[] = {-2,
                                -1,
                                0,
                                1,
                                2,
                                3,
                                4,
                                5,
                                9,
                                16,
                                17,
                                36,
                                64,
                                65,
                                255,
                                256,
                                1000,
                                1L << 20,
                                0x7fffffff,
                                1L << 31,
                                1L << 40,
                                std::numeric_limits<long>::max(),
                                std::numeric_limits<long>::min()};
    switch (below(3)) {
      case 0:
        return now == std::numeric_limits<long>::max() ? 0 : now + 1;
      case 1:
        return now == std::numeric_limits<long>::min() ? 0 : now - 1;
      default:
        return kOdd[below(sizeof(kOdd) / sizeof(kOdd[0]))];
    }
  }
  template <class Number>
  void change(Number& field) {
    field = static_cast<Number>(number(static_cast<long>(field)));
  }
  int some_buffer() {
    return below(8) == 0 ? static_cast<int>(number(0)) : static_cast<int>(below(plan_.buffers.size()));
  }

  void change_buffer() {
    BufferSpec& buffer = plan_.buffers[below(plan_.buffers.size())];
    switch (below(6)) {
      case 0:
        return change(buffer.rows);
      case 1:
        return change(buffer.width);
      case 2:
        return change(buffer.home);
      case 3:
        return change(buffer.offset);
      case 4:
        return change(buffer.positions);
      default:
        buffer.bytes = !buffer.bytes;
    }
  }

  void change_results() {
    int* const named[] = {&plan_.x, &plan_.t, &plan_.weight, &plan_.output, &plan_.row_losses, &plan_.loss};
    switch (below(8)) {
      case 0:
        return change(plan_.first_update);
      case 1:
        plan_.labels = !plan_.labels;
        return;
      case 2:
        plan_.kept.push_back(some_buffer());
        return;
      case 3:
        plan_.watched.push_back(some_buffer());
        return;
      case 4:
        plan_.scalar_buffers.push_back({some_buffer(), static_cast<int>(number(0))});
        return;
      case 5:
        plan_.bound = below(2) ? -1 : std::numeric_limits<double>::quiet_NaN();
        return;
      default:
        *named[below(6)] = some_buffer();
    }
  }

  void change_order() {
    auto& steps = plan_.steps;
    const long i = below(steps.size()), j = below(steps.size());
    switch (below(3)) {
      case 0:
        std::swap(steps[i], steps[j]);
        return;
      case 1:
        steps.erase(steps.begin() + i);
        if (steps.empty()) steps.emplace_back();
        return;
      default:
        steps.push_back(steps[i]);
    }
  }

  void change_step() {
    StepSpec& step = plan_.steps[below(plan_.steps.size())];
    switch (below(step.code.empty() ? 8 : 16)) {
      case 0:
        step.kind = static_cast<StepKind>(number(static_cast<long>(step.kind)));
        return;
      case 1:
        step.kind = static_cast<StepKind>(below(kStepKinds));
        return;
      case 2:
        if (!step.buffers.empty()) step.buffers.erase(step.buffers.begin() + below(step.buffers.size()));
        return;
      case 3:
        step.buffers.push_back(some_buffer());
        return;
      case 4:
        if (!step.buffers.empty()) step.buffers[below(step.buffers.size())] = some_buffer();
        return;
      case 5:
        return change_numbers(step);
      case 6:
        return change(step.rule);
      case 7:
        return change_image(step.image);
      default:
        return change_program(step);
    }
  }

  void change_numbers(StepSpec& step) {
    if (step.numbers.empty() || below(4) == 0) {
      step.numbers.push_back({static_cast<int>(number(-1)), 0.5});
      return;
    }
    Number& one = step.numbers[below(step.numbers.size())];
    if (below(2))
      change(one.scalar);
    else
      one.constant = below(2) ? static_cast<double>(number(0)) : std::numeric_limits<double>::quiet_NaN();
  }

  void change_image(Convolution& image) {
    Window& w = image.window;
    long* const fields[] = {&w.channels, &w.height,      &w.width,         &w.out_height,   &w.out_width,       &w.rows,
                            &w.columns,  &w.row_stride,  &w.column_stride, &w.row_dilation, &w.column_dilation, &w.top,
                            &w.left,     &image.filters, &image.groups};
    const long i = below(16);
    if (i == 15)
      image.planes = !image.planes;
    else
      change(*fields[i]);
  }

  void change_program(StepSpec& step) {
    Instruction& code = step.code[below(step.code.size())];
    switch (below(8)) {
      case 0:
        code.op = static_cast<Op>(number(static_cast<long>(code.op)));
        return;
      case 1:
        return change(code.dst);
      case 2:
        return change(code.a);
      case 3:
        return change(code.b);
      case 4:
        return change(code.c);
      case 5:
        return change(step.registers);
      case 6: {
        Operand& operand = step.operands[below(step.operands.size())];
        operand.kind = static_cast<OperandKind>(number(static_cast<long>(operand.kind)));
        return;
      }
      default:
        if (below(2))
          step.code.erase(step.code.begin() + below(step.code.size()));
        else
          step.operands.push_back({OperandKind::full, 0});
    }
  }

  PlanSpec& plan_;
  std::mt19937_64 random_;
};

void test_mutated_plans(long count) {
  const std::vector<SmallPlan> plans = small_plans();
  long ends[3] = {}, wordless = 0;
  for (long i = 0; i < count; ++i) {
    const SmallPlan& small = plans[static_cast<std::size_t>(i) % plans.size()];
    PlanSpec plan = small.plan;
    Mutation mutation(plan, static_cast<std::uint64_t>(i));
    for (long changes = 1 + i / static_cast<long>(plans.size()) % 3; changes > 0; --changes) mutation.change();
    Given<float> given(small);
    std::string sentence;
    const End end = attempt(plan, given, 1 + static_cast<int>(i % 2), sentence);
    ++ends[static_cast<int>(end)];
    wordless += end == End::refused && sentence.size() < 20;
  }
  std::printf("mutated plans: %ld refused, %ld ran, %ld too large to run\n", ends[0], ends[1], ends[2]);
  check(wordless == 0, "every refusal is a sentence");
  check(ends[0] > count / 2 && ends[1] > count / 20, "most are refused, and some still run");
}

// What else a run may be given that does not suit the plan.
void test_runs_that_do_not_suit() {
  const std::vector<SmallPlan> plans = small_plans();
  const SmallPlan& small = plans[0];
  const auto refused = [&](const char* what, void (*spoil)(Given<float>&), long batch_size, long last) {
    Given<float> given(small);
    spoil(given);
    Executor<float> executor(small.plan, 3, 1);
    executor.bind({given.flat.data, given.flat.ld}, given.flats());
    Totals totals;
    try {
      executor.run(given.data, nullptr, batch_size, 0, last, given.scalars, totals);
      check(false, std::string("run, ") + what);
    } catch (const std::invalid_argument&) {
      check(totals.rows == 0, std::string("run, ") + what);
    }
  };
  const auto nothing = [](Given<float>&) {};
  refused("more rows than the executor was made for", nothing, 4, 1);
  refused("batches beyond the data", nothing, 3, 3);
  refused("batches of no rows", nothing, 0, 1);
  refused("x of another width", [](Given<float>& g) { g.data.x.width = 15; }, 3, 2);
  refused("no x", [](Given<float>& g) { g.data.x.data = nullptr; }, 3, 2);
  refused("no labels", [](Given<float>& g) { g.data.labels = nullptr; }, 3, 2);
  refused("too few scalars", [](Given<float>& g) { g.scalars.count = 1; }, 3, 2);
  refused("scalars that end too early", [](Given<float>& g) { g.scalars.length = 1; }, 3, 2);
  Given<float> given(small);
  Executor<float> executor(small.plan, kRows, 1);
  Totals totals;
  const auto refuses = [&](const char* what, auto&& call) {
    try {
      call();
      check(false, what);
    } catch (const std::invalid_argument&) {
      check(true, what);
    }
  };
  refuses("run, before anything is bound", [&] { executor.run(given.data, nullptr, 3, 0, 2, given.scalars, totals); });
  refuses("bind, vectors that are too short", [&] { executor.bind({given.flat.data, given.flat.ld - 1}, {}); });
  const SmallPlan& momentum = plans[2];
  refuses("bind, without slots",
          [&] { Executor<float>(momentum.plan, kRows, 1).bind({given.flat.data, given.flat.ld}, {}); });
  executor.bind({given.flat.data, given.flat.ld}, given.flats());
  refuses("run_rows, without the scalars that it reads", [&] { executor.run_rows(given.data, 0, 3, totals); });
  refuses("run_rows, beyond the data", [&] { executor.run_rows(given.data, 3, 3, totals); });
  const std::int64_t beyond[] = {0, 5};
  refuses("order, a row beyond x", [&] { Order(beyond, 2); });
}

// The first gap that fits, among all that were placed, looked at one by one.
void test_places() {
  std::mt19937_64 random(3);
  for (long steps : {1L, 7L, 64L, 300L}) {
    struct Placed {
      long offset, size;
      Life life;
    };
    std::vector<Placed> placed;
    Places places(-1, steps);
    bool same = true;
    for (int i = 0; i < 400; ++i) {
      const auto any = [&] { return static_cast<long>(random() % static_cast<std::uint64_t>(steps + 2)) - 1; };
      const long one = any(), other = i % 3 ? std::min(steps, one + 3) : any(),
                 size = 16 * (1 + static_cast<long>(random() % 9));
      const Life life{std::min(one, other), std::max(one, other)};
      std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.offset < b.offset; });
      long offset = 0;
      for (const Placed& p : placed)
        if (life.overlaps(p.life) && p.offset < offset + size) offset = std::max(offset, p.offset + p.size);
      placed.push_back({offset, size, life});
      same = same && places.add(size, life) == offset;
    }
    check(same, "places, the first gap that fits in " + std::to_string(steps) + " steps");
  }
}

}  // namespace

void test_plans() {
  test_table();
  test_places();
  test_good_plans();
  test_runs_that_do_not_suit();
  const char* count = std::getenv("PELLUCID_MUTATED_PLANS");
  test_mutated_plans(count ? std::atol(count) : 10000);
}

}  // namespace test
