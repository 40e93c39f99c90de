#include "plans.h"

namespace test {
namespace {

using namespace pellucid;

// Puts a plan together, buffer by buffer and step by step.
class Builder {
 public:
  explicit Builder(std::string name) { made_.name = std::move(name); }

  PlanSpec& plan() { return made_.plan; }
  SmallPlan done() { return made_; }
  void needs_scalars(int count) { made_.scalars = count; }
  void needs_slots(int count) { made_.slots = count; }

  int rows(long width, long positions = 1, bool bytes = false) { return buffer({0, width, 0, 0, positions, bytes}); }
  int fixed(long rows, long width) { return buffer({rows, width, 0, 0}); }
  int parameter(long rows, long width) {
    const int number = buffer({rows, width, static_cast<int>(Home::parameters), made_.flat_size});
    made_.flat_size += rows * padded(width);
    return number;
  }
  // The i-th slot of a parameter.
  int slot(int parameter, int i) {
    BufferSpec spec = plan().buffers[parameter];
    spec.home = static_cast<int>(Home::slots) + i;
    return buffer(spec);
  }
  StepSpec& step(StepKind kind, std::vector<int> buffers, std::vector<Number> numbers = {}) {
    StepSpec step;
    step.kind = kind;
    step.buffers = std::move(buffers);
    step.numbers = std::move(numbers);
    plan().steps.push_back(step);
    return plan().steps.back();
  }
  void program(std::vector<int> buffers, std::vector<Operand> operands, std::vector<Instruction> code,
               int registers = 0) {
    StepSpec& made = step(StepKind::elementwise, std::move(buffers));
    made.operands = std::move(operands);
    made.code = std::move(code);
    made.registers = registers;
  }
  void first_update(std::vector<int> watched) {
    plan().first_update = static_cast<int>(plan().steps.size());
    plan().watched = std::move(watched);
    plan().bound = 1e12;
  }

 private:
  int buffer(const BufferSpec& spec) {
    plan().buffers.push_back(spec);
    return static_cast<int>(plan().buffers.size()) - 1;
  }

  SmallPlan made_;
};

const Operand kFull{OperandKind::full, 0}, kRowOperand{OperandKind::row, 0}, kColumn{OperandKind::column, 0};

// x -> affine -> relu, dropout -> affine -> squared error against labels or t; then every gradient and its update.
SmallPlan mlp(UpdateRule rule, bool fused, bool labels) {
  const RuleRow& row = kRules[static_cast<int>(rule)];
  Builder b(std::string("mlp ") + row.name + (fused ? ", fused" : ""));
  PlanSpec& plan = b.plan();
  const int x = b.rows(16), w1 = b.parameter(16, 20), b1 = b.parameter(1, 20), w2 = b.parameter(20, 3),
            b2 = b.parameter(1, 3), weight = b.rows(1), rate = b.fixed(1, 1);
  plan.x = x;
  plan.weight = weight;
  plan.scalar_buffers = {{rate, 0}};
  b.needs_scalars(2);
  const int t = b.rows(3);
  plan.labels = labels;
  if (labels)
    b.step(StepKind::one_hot, {t});
  else
    plan.t = t;
  const int mean = b.rows(1), u1 = b.rows(20), y1 = b.rows(20), mask = b.rows(20), u2 = b.rows(3), d2 = b.rows(3),
            square = b.rows(3), losses = b.rows(1), weighted = b.rows(1), loss = b.fixed(1, 1), d1 = b.rows(20),
            g1 = b.fixed(1, 20), g2 = b.fixed(1, 3);
  b.step(StepKind::mean_weights, {weight, mean});
  b.step(StepKind::affine, {x, w1, b1, u1});
  StepSpec& dropout = b.step(StepKind::dropout_mask, {mask}, {{1, 0}, {-1, 0.25}});
  dropout.seed = 5;
  dropout.purpose = 3;
  b.program({u1, mask, u1, y1}, {kFull, kFull, {OperandKind::constant, 0}, kFull},
            {{Op::maximum, 4, 0, 2, 0}, {Op::multiply, 3, 4, 1, 4}}, 1);
  b.step(StepKind::affine, {y1, w2, b2, u2});
  b.program({u2, t, mean, square, d2}, {kFull, kFull, kColumn, kFull, kFull},
            {{Op::subtract, 5, 0, 1, 0}, {Op::square, 3, 5, 5, 5}, {Op::multiply, 4, 5, 2, 5}}, 1);
  b.step(StepKind::sum_columns, {square, losses});
  b.program({losses, mean, weighted}, {kFull, kFull, kFull}, {{Op::multiply, 2, 0, 1, 0}});
  b.step(StepKind::sum_all, {weighted, loss});
  b.step(StepKind::matmul_nt, {d2, w2, d1});
  b.program({d1, u1, u1, d1}, {kFull, kFull, {OperandKind::constant, 0}, kFull}, {{Op::multiply_greater, 3, 1, 2, 0}});
  b.step(StepKind::sum_rows, {d1, g1});
  b.step(StepKind::sum_rows, {d2, g2});
  plan.output = u2;
  plan.row_losses = losses;
  plan.loss = loss;
  b.needs_slots(row.slots);
  std::vector<Number> numbers(static_cast<std::size_t>(row.numbers), Number{-1, 0.5});
  numbers[0] = {0, 0};
  numbers[1] = {-1, 1e-4};
  numbers[2] = {-1, 0};
  const auto with_slots = [&](std::vector<int> buffers, int parameter) {
    for (int i = 0; i < row.slots; ++i) buffers.push_back(b.slot(parameter, i));
    return buffers;
  };
  const auto update = [&](int gradient, int parameter) {
    b.step(StepKind::update, with_slots({gradient, parameter}, parameter), numbers).rule = static_cast<int>(rule);
  };
  const auto update_product = [&](int a, int d, int parameter) {
    b.step(StepKind::update_product, with_slots({a, d, parameter}, parameter), numbers).rule = static_cast<int>(rule);
  };
  const int gw1 = b.fixed(16, 20);
  if (!fused) {
    b.step(StepKind::matmul_tn, {x, d1, gw1});
    plan.kept = {gw1};
  }
  b.first_update({x, y1, d1, d2});
  if (fused && rule == UpdateRule::sgd)
    b.step(StepKind::sgd_product, {x, d1, w1}, {{0, 0}, {-1, 1e-4}});
  else if (fused)
    update_product(x, d1, w1);
  else
    update(gw1, w1);
  update_product(y1, d2, w2);
  update(g1, b1);
  update(g2, b2);
  return b.done();
}

// A window of 2 x 2 with stride 2 over an image (5, 6, 6).
Convolution window_of_two() { return {{5, 6, 6, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0}, 0, 1, false}; }

// Images (2, 6, 6): two convolutions, norms, pools, pads, skips, and all of it back again.
SmallPlan images() {
  Builder b("images");
  PlanSpec& plan = b.plan();
  const int x = b.rows(72), w1 = b.parameter(5, 18), b1 = b.parameter(1, 5), w2 = b.parameter(5, 45),
            b2 = b.parameter(1, 5);
  plan.x = x;
  const Convolution first{{2, 6, 6, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1}, 5, 1, true};
  const Convolution second{{5, 6, 6, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1}, 5, 1, false};
  const int y1 = b.rows(5, 36), y2 = b.rows(5, 36), mean = b.fixed(1, 5), centred = b.rows(5, 36);
  b.step(StepKind::conv2d, {x, w1, b1, y1}).image = first;
  b.program({y1, y2}, {kFull, kFull}, {{Op::tanh, 1, 0, 0, 0}});
  b.step(StepKind::mean_channels, {y2, mean});
  b.program({y2, mean, centred}, {kFull, kRowOperand, kFull}, {{Op::subtract, 2, 0, 1, 0}});
  const int y3 = b.rows(5, 36), pooled = b.rows(5, 9), places = b.rows(5, 9, true), averaged = b.rows(5, 9);
  b.step(StepKind::conv2d, {centred, w2, b2, y3}).image = second;
  b.step(StepKind::max_pool2d, {y3, pooled, places}).image = window_of_two();
  b.step(StepKind::average_pool2d, {y3, averaged}).image = window_of_two();
  const int joined = b.rows(10, 9), part = b.rows(5, 9), framed = b.rows(5, 25), cut = b.rows(5, 9);
  b.step(StepKind::concatenate, {pooled, averaged, joined});
  b.step(StepKind::slice_channels, {joined, part}, {{-1, 3}});
  const Convolution frame{{5, 3, 3, 5, 5, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 1, false};
  b.step(StepKind::pad2d, {part, framed}).image = frame;
  b.step(StepKind::crop2d, {framed, cut}).image = frame;
  const int planes = b.rows(45), again = b.rows(5, 9), sum = b.fixed(1, 5);
  b.step(StepKind::to_planes, {cut, planes});
  b.step(StepKind::to_positions, {planes, again});
  b.step(StepKind::sum_channels, {again, sum});
  const int most = b.rows(1), vector = b.rows(5), spread = b.rows(5, 9), wv = b.parameter(45, 5),
            bv = b.parameter(1, 5);
  b.step(StepKind::max_columns, {planes, most});
  b.step(StepKind::affine, {planes, wv, bv, vector});
  b.step(StepKind::spread2d, {vector, spread});
  const int back = b.rows(5, 36), back2 = b.rows(5, 36), total = b.rows(5, 36), dx = b.rows(5, 36),
            dw2 = b.fixed(5, 45), dw1 = b.fixed(5, 18), loss = b.fixed(1, 1);
  b.step(StepKind::max_pool2d_backward, {spread, places, back}).image = window_of_two();
  b.step(StepKind::average_pool2d_backward, {spread, back2}).image = window_of_two();
  b.program({back, back2, total}, {kFull, kFull, kFull}, {{Op::add, 2, 0, 1, 0}});
  b.step(StepKind::conv2d_weight_gradient, {centred, total, dw2}).image = second;
  b.step(StepKind::conv2d_input_gradient, {total, w2, dx}).image = second;
  b.step(StepKind::conv2d_weight_gradient, {x, dx, dw1}).image = first;
  b.step(StepKind::sum_all, {most, loss});
  plan.output = vector;
  plan.loss = loss;
  plan.kept = {dw1, dw2};
  b.first_update({total, dx});
  std::vector<Number> numbers{{0, 0}, {-1, 0}, {-1, 0}};
  b.needs_scalars(1);
  b.step(StepKind::update, {dw1, w1}, numbers);
  b.step(StepKind::update, {dw2, w2}, numbers);
  b.step(StepKind::running_update, {sum, b2}, {{-1, 0.9}});
  return b.done();
}

// Every op, after one another, over operands of every kind.
SmallPlan programs() {
  Builder b("programs");
  PlanSpec& plan = b.plan();
  const int x = b.rows(19), row = b.parameter(1, 19), column = b.rows(1), scalar = b.fixed(1, 1), y = b.rows(19),
            z = b.rows(19);
  plan.x = x;
  plan.scalar_buffers = {{scalar, 0}};
  b.needs_scalars(1);
  b.step(StepKind::sum_columns, {x, column});
  std::vector<Instruction> code;
  for (int op = 0; op < kOps; ++op) {
    const std::int16_t before = op == 0 ? 0 : 7;
    code.push_back({static_cast<Op>(op), 7, before, static_cast<std::int16_t>(1 + op % 4), 0});
  }
  code.push_back({Op::copy, 5, 7, 7, 7});
  code.push_back({Op::add, 6, 5, 3, 5});
  b.program({x, row, column, scalar, x, y, z},
            {kFull, kRowOperand, kColumn, {OperandKind::scalar, 0}, {OperandKind::constant, 0.5}, kFull, kFull}, code,
            1);
  plan.output = z;
  plan.kept = {y};
  return b.done();
}

SmallPlan evaluation() {
  Builder b("evaluation");
  PlanSpec& plan = b.plan();
  const int x = b.rows(7), t = b.rows(1), w = b.parameter(7, 1), bias = b.parameter(1, 1), u = b.rows(1), y = b.rows(1),
            losses = b.rows(1), all = b.fixed(1, 1);
  plan.x = x;
  plan.t = t;
  b.step(StepKind::affine, {x, w, bias, u});
  b.program({u, y}, {kFull, kFull}, {{Op::sigmoid, 1, 0, 0, 0}});
  b.program({y, t, losses}, {kFull, kFull, kFull}, {{Op::subtract, 3, 0, 1, 0}, {Op::square, 2, 3, 3, 3}}, 1);
  b.step(StepKind::sum_all, {losses, all});
  plan.output = y;
  plan.row_losses = losses;
  plan.loss = all;
  b.first_update({});
  return b.done();
}

}  // namespace

std::vector<SmallPlan> small_plans() {
  std::vector<SmallPlan> plans;
  for (int rule = 0; rule < kUpdateRules; ++rule)
    for (bool fused : {false, true}) plans.push_back(mlp(static_cast<UpdateRule>(rule), fused, rule % 2 == 0));
  plans.push_back(images());
  plans.push_back(programs());
  plans.push_back(evaluation());
  return plans;
}

}  // namespace test
