// The thread pool and the executor: every part once, the same bits for any number of threads, two callers at a time.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "run/executor.h"
#include "run/threads.h"
#include "tests/check.h"

namespace test {
namespace {

using namespace pellucid;

constexpr int kMostParts = 9;

struct Counts {
  std::atomic<int> calls[kMostParts] = {};
  std::atomic<int> wrong{0};
};

void count(void* context, int part, int parts) {
  Counts& counts = *static_cast<Counts*>(context);
  if (part < 0 || part >= parts) ++counts.wrong;
  ++counts.calls[part];
}

// Whether `rounds` pieces of work in `parts` parts each are done, every part once a round.
bool every_part_once(int parts, int rounds) {
  Counts counts;
  auto taken = ThreadPool::instance().try_take();
  if (!taken.owns_lock()) return false;
  for (int round = 0; round < rounds; ++round) ThreadPool::instance().run(parts, count, &counts);
  bool good = counts.wrong == 0;
  for (int part = 0; part < kMostParts; ++part) good = good && counts.calls[part] == (part < parts ? rounds : 0);
  return good;
}

void test_pool() {
  for (int parts : {1, 2, 5, 3, kMostParts, 2})
    check(every_part_once(parts, 500), "pool, " + std::to_string(parts) + " parts");
  // Long enough for the workers to park, and be woken.
  for (int round = 0; round < 5; ++round) {
    usleep(2000);
    check(every_part_once(3, 1), "pool, after a rest");
  }
  auto taken = ThreadPool::instance().try_take();
  bool second = true;
  std::thread([&] { second = ThreadPool::instance().try_take().owns_lock(); }).join();
  check(taken.owns_lock() && !second, "pool, taken by one caller at a time");
}

// Under a thread sanitizer a child of several threads cannot be watched.
#if defined(__SANITIZE_THREAD__)
void test_fork() {}
#else
void test_fork() {
  const pid_t child = fork();
  if (child == 0) _exit(every_part_once(3, 20) ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "pool, in a child made by fork");
  check(every_part_once(3, 20), "pool, in the parent of a fork");
}
#endif

// y = x·W + b, y is the loss of each row too; W and b take gradients made of x and y. `wide` outputs.
PlanSpec plan_of(long inputs, long wide) {
  PlanSpec plan;
  const int parameters = static_cast<int>(Home::parameters);
  plan.buffers = {{0, inputs, 0, 0},
                  {inputs, wide, parameters, 0},
                  {1, wide, parameters, inputs * padded(wide)},
                  {0, wide, 0, 0},
                  {1, wide, 0, 0}};
  plan.x = 0;
  plan.output = 3;
  StepSpec affine, bias, update, product;
  affine.kind = StepKind::affine;
  affine.buffers = {0, 1, 2, 3};
  bias.kind = StepKind::sum_rows;
  bias.buffers = {3, 4};
  update.kind = StepKind::update;
  update.buffers = {4, 2};
  update.numbers = {{0, 0}, {-1, 0}, {-1, 0}};
  product.kind = StepKind::sgd_product;
  product.buffers = {0, 3, 1};
  product.numbers = {{0, 0}, {-1, 0.01}};
  plan.steps = {affine, bias, update, product};
  plan.first_update = 2;
  plan.watched = {0, 3};
  plan.bound = 1e15;
  return plan;
}

struct Trained {
  long batches, rows;
  std::unique_ptr<Matrix<float>> parameters;
};

Trained train(int threads, const Matrix<float>& x, long wide, double rate) {
  constexpr long batch_size = 64;
  Executor<float> executor(plan_of(x.width, wide), batch_size, threads);
  auto parameters = std::make_unique<Matrix<float>>(x.width + 1, wide, false);
  for (long i = 0; i < x.width; ++i)
    for (long j = 0; j < wide; ++j) parameters->at(i, j) = 0.001f * static_cast<float>((i * 7 + j * 3) % 11 - 5);
  executor.bind({parameters->data, parameters->rows * parameters->ld}, {});
  DataView data;
  data.rows = x.rows;
  data.x = {x.data, SourceType::f32, x.ld * static_cast<long>(sizeof(float)), x.width};
  const long batches = (x.rows + batch_size - 1) / batch_size;
  const std::vector<double> rates(static_cast<std::size_t>(batches), rate);
  const double* scalars = rates.data();
  Totals totals;
  const long done = executor.run(data, nullptr, batch_size, 0, batches, {&scalars, 1, batches}, totals);
  return {done, totals.rows, std::move(parameters)};
}

void test_executor() {
  const Matrix<float> x(200, 150);
  const Trained alone = train(1, x, 170, 1e-4);
  check(alone.batches == 4, "executor, all batches done");
  check(alone.rows == 200, "executor, rows counted");
  for (int threads : {2, 3, 5, 8}) {
    const Trained shared = train(threads, x, 170, 1e-4);
    check(shared.batches == 4 && shared.parameters->same_bits(*alone.parameters),
          "executor, same bits with " + std::to_string(threads) + " threads");
  }
  check(alone.parameters->pads_zero(), "executor, pads stay zero");
  Trained first{}, second{};
  std::thread other([&] { first = train(3, x, 170, 1e-4); });
  second = train(3, x, 170, 1e-4);
  other.join();
  check(first.parameters->same_bits(*alone.parameters) && second.parameters->same_bits(*alone.parameters),
        "executor, two at once");
  const Trained refused = train(2, x, 170, 1e30);
  const Trained none = train(2, x, 170, 0.0);
  check(refused.batches == 0, "executor, a rate beyond all bounds is not applied");
  check(none.batches == 4, "executor, a rate of zero is");
  check(refused.parameters->at(3, 5) == 0.001f * static_cast<float>((3 * 7 + 5 * 3) % 11 - 5),
        "executor, what is refused changes nothing");
}

void test_senseless_plans() {
  const auto refused = [](void (*spoil)(PlanSpec&), long rows) {
    PlanSpec plan = plan_of(3, 2);
    spoil(plan);
    try {
      Executor<float> executor(plan, rows, 1);
    } catch (const std::invalid_argument&) {
      return true;
    }
    return false;
  };
  check(refused([](PlanSpec& plan) { plan.steps[0].buffers[1] = 99; }, 4), "plan, a step names no buffer");
  check(refused([](PlanSpec& plan) { plan.steps[3].buffers[0] = -1; }, 4), "plan, a step names a negative buffer");
  check(refused([](PlanSpec& plan) { plan.watched = {7}; }, 4), "plan, no such buffer to watch");
  check(refused([](PlanSpec& plan) { plan.kept = {5}; }, 4), "plan, no such buffer to keep");
  check(refused([](PlanSpec& plan) { plan.output = -1; }, 4), "plan, no output");
  check(refused([](PlanSpec& plan) { plan.x = 12; }, 4), "plan, no input");
  check(refused([](PlanSpec&) {}, 0), "plan, no rows");
  check(!refused([](PlanSpec&) {}, 4), "plan, as it should be");
}

}  // namespace

void test_threads() {
  test_pool();
  test_fork();
  test_executor();
  test_senseless_plans();
}

}  // namespace test
