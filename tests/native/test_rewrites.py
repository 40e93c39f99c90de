"""Rewriting leaves what a plan computes as it is, and the validator catches a rule that does not."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import TRAINABLE, Case, named
from native.pairs import OPTIMIZERS
from native.test_random_networks import cases
from pellucid.engines import rewrites
from pellucid.engines.lowering import STEP_KINDS, masks_applied
from pellucid.engines.recording import record_evaluation, record_gradient, record_prediction, record_training_step
from pellucid.engines.rewrites import ELEMENTWISE, RULES, rewrite, rewritten_shape
from pellucid.errors import PlanError
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.ops.plan import Chain, Plan, Step, validate
from pellucid.ops.reference import VOCABULARY
from pellucid.optimizers import SGD

TASK_A = Case("A", (Affine(30), Sigmoid(), Affine(10), Sigmoid()), MeanSquaredError(), (784,), "labels")

RECORDED = """\
   0  0.y (N, 30)             =  affine(x, 0.W, 0.b)
   1  1.y (N, 30)             =  sigmoid(0.y)
   2  2.y (N, 10)             =  affine(1.y, 2.W, 2.b)
   3  3.y (N, 10)             =  sigmoid(2.y)
   4  %12 (N, 10)             =  one_hot(t, classes=10)
   5  %14 (N, 10)             =  subtract(3.y, %12)
   6  %15 (N, 10)             =  multiply(%14, %14)
   7  %16 (N, 1)              =  sum_columns(%15)
   8  row_losses (N, 1)       =  multiply(%16, 0.5)
   9  %18 (N, 1)              =  mean_weights(weight)
  10  3.dy (N, 10)            =  multiply(%14, %18)
  11  %20 (N, 1)              =  multiply(row_losses, %18)
  12  loss ()                 =  sum_all(%20)
  13  %22 (N, 10)             =  subtract(1, 3.y)
  14  %23 (N, 10)             =  multiply(3.y, %22)
  15  2.dy (N, 10)            =  multiply(3.dy, %23)
  16  1.dy (N, 30)            =  matmul_nt(2.dy, 2.W)
  17  2.W.gradient (30, 10)   =  matmul_tn(1.y, 2.dy)
  18  2.b.gradient (10,)      =  sum_rows(2.dy)
  19  %28 (N, 30)             =  subtract(1, 1.y)
  20  %29 (N, 30)             =  multiply(1.y, %28)
  21  0.dy (N, 30)            =  multiply(1.dy, %29)
  22  0.W.gradient (784, 30)  =  matmul_tn(x, 0.dy)
  23  0.b.gradient (30,)      =  sum_rows(0.dy)
  24  0.W (784, 30)           <- sgd_update(0.W, 0.W.gradient, learning_rate)
  25  0.b (30,)               <- sgd_update(0.b, 0.b.gradient, learning_rate)
  26  2.W (30, 10)            <- sgd_update(2.W, 2.W.gradient, learning_rate)
  27  2.b (10,)               <- sgd_update(2.b, 2.b.gradient, learning_rate)
"""

REWRITTEN = """\
   0  0.y (N, 30)         =  affine(x, 0.W, 0.b)
   1  1.y (N, 30)         =  sigmoid(0.y)
   2  2.y (N, 10)         =  affine(1.y, 2.W, 2.b)
   3  %12 (N, 10)         =  one_hot(t, classes=10)
   4  3.y (N, 10)         =  sigmoid(2.y)
   |  %14 (N, 10)         =  subtract(3.y, %12)
   |  %15 (N, 10)         =  multiply(%14, %14)
   5  %16 (N, 1)          =  sum_columns(%15)
   6  %18 (N, 1)          =  mean_weights(weight)
   7  row_losses (N, 1)   =  multiply(%16, 0.5)
   |  %20 (N, 1)          =  multiply(row_losses, %18)
   8  loss ()             =  sum_all(%20)
   9  %22 (N, 10)         =  subtract(1, 3.y)
   |  %23 (N, 10)         =  multiply(3.y, %22)
   |  3.dy (N, 10)        =  multiply(%14, %18)
   |  2.dy (N, 10)        =  multiply(3.dy, %23)
  10  1.dy (N, 30)        =  matmul_nt(2.dy, 2.W)
  11  2.b.gradient (10,)  =  sum_rows(2.dy)
  12  %28 (N, 30)         =  subtract(1, 1.y)
   |  %29 (N, 30)         =  multiply(1.y, %28)
   |  0.dy (N, 30)        =  multiply(1.dy, %29)
  13  0.b.gradient (30,)  =  sum_rows(0.dy)
  14  0.W (784, 30)       <- sgd_product(x, 0.dy, 0.W, learning_rate, rule=sgd)
  15  0.b (30,)           <- sgd_update(0.b, 0.b.gradient, learning_rate)
  16  2.W (30, 10)        <- sgd_product(1.y, 2.dy, 2.W, learning_rate, rule=sgd)
  17  2.b (10,)           <- sgd_update(2.b, 2.b.gradient, learning_rate)
"""


def plans(case: Case, optimizer: Any) -> list[Plan]:
    model, labels = case.model("float32"), case.targets == "labels"
    return [
        record_prediction(model),
        record_evaluation(model, labels),
        record_gradient(model, labels),
        record_training_step(model, optimizer, labels),
    ]


def inner(plan: Plan) -> list[Step]:
    return [one for step in plan.steps for one in (step.steps if isinstance(step, Chain) else (step,))]


def assert_every_rule_keeps_a_plan_valid(plan: Plan) -> None:
    for rule in RULES:
        before, plan = plan, rule(plan)
        validate(plan, rewritten_shape)
        assert plan.results == before.results
        assert len(plan.steps) <= len(before.steps)
        updated = [step.writes for step in before.steps if step.writes]
        assert [step.writes for step in plan.steps if step.writes] == updated
        # No elementwise step is lost or doubled.
        ops = [sorted(one.op for one in inner(p) if one.op in ELEMENTWISE) for p in (before, plan)]
        assert ops[0] == ops[1]
        # Before the first update everything is there that it could spoil.
        first = next((i for i, step in enumerate(plan.steps) if step.writes), len(plan.steps))
        assert all(step.writes for step in plan.steps[first:])


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_every_rule_keeps_every_plan_valid(case: Case, optimizer: Any) -> None:
    for plan in plans(case, optimizer):
        assert_every_rule_keeps_a_plan_valid(plan)


@settings(max_examples=60)
@given(cases(), st.sampled_from(OPTIMIZERS))
def test_every_rule_keeps_random_plans_valid(case: Case, optimizer: Any) -> None:
    for plan in plans(case, optimizer):
        assert_every_rule_keeps_a_plan_valid(plan)


def test_the_plan_of_task_a_as_it_is_recorded_and_as_it_is_replayed() -> None:
    plan = record_training_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    assert str(plan).splitlines() == RECORDED.splitlines()
    assert str(rewrite(plan)).splitlines() == REWRITTEN.splitlines()


def test_every_op_of_the_vocabulary_can_be_lowered() -> None:
    known = {*ELEMENTWISE, *STEP_KINDS, "reshape", "per_channel", "max_pool2d_places"}
    missing = {op for op in VOCABULARY if op not in known and not op.endswith("_update")}
    assert missing == set()


# Wrong rules ---------------------------------------------------------------------------------------------------------

Rule = Callable[[Plan], Plan]


def steps_replaced(change: Callable[[list[Step]], list[Step]]) -> Rule:
    return lambda plan: Plan(plan.buffers, change(list(plan.steps)), plan.results)


def first(steps: list[Step], op: str) -> int:
    return next(i for i, step in enumerate(steps) if step.op == op)


def swapped_operands(steps: list[Step]) -> list[Step]:
    at = first(steps, "matmul_tn")
    steps[at] = replace(steps[at], inputs=steps[at].inputs[::-1])
    return steps


def an_update_of_an_activation(steps: list[Step]) -> list[Step]:
    at = first(steps, "sgd_update")
    made = next(step.output for step in steps if step.op == "affine")
    assert made is not None
    steps[at] = replace(steps[at], inputs=(*steps[at].inputs, made), writes=(made,))
    return steps


def a_step_made_twice(steps: list[Step]) -> list[Step]:
    at = first(steps, "sigmoid")
    return [*steps[: at + 1], *steps[at:]]


def a_step_moved_behind_its_reader(steps: list[Step]) -> list[Step]:
    at = first(steps, "affine")
    return [*steps[:at], *steps[at + 1 :], steps[at]]


def a_step_lost(steps: list[Step]) -> list[Step]:
    return [step for step in steps if step.op != "sum_columns"]


def a_write_without_a_read(steps: list[Step]) -> list[Step]:
    at = first(steps, "sgd_update")
    other = next(step for step in steps if step.writes and step.writes != steps[at].writes)
    steps[at] = replace(steps[at], writes=other.writes)
    return steps


def a_buffer_that_is_not_there(steps: list[Step]) -> list[Step]:
    steps[0] = replace(steps[0], inputs=(10_000, *steps[0].inputs[1:]))
    return steps


def an_affine_in_a_chain(steps: list[Step]) -> list[Step]:
    """A chain that makes what a later part of it reads, in the wrong order."""
    at = first(steps, "sigmoid")
    pair = (steps[at], steps[first(steps, "affine")])
    chain = Chain("elementwise", pair[0].reads, pair[1].output, (), {}, pair, (*pair[0].makes, *pair[1].makes))
    return [chain, *(step for step in steps if step not in pair)]


@pytest.mark.parametrize(
    "change",
    [swapped_operands, an_update_of_an_activation, a_step_made_twice, a_step_moved_behind_its_reader, a_step_lost]
    + [a_write_without_a_read, a_buffer_that_is_not_there, an_affine_in_a_chain],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_a_wrong_rule_is_caught(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = record_training_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    monkeypatch.setattr(rewrites, "RULES", (steps_replaced(change), *RULES))
    with pytest.raises((PlanError, ValueError)):
        rewrite(plan)


def test_an_update_product_is_not_made_where_its_gradient_is_wanted() -> None:
    """A gradient that is clipped, or given back to the caller, has to be stored."""
    case = TASK_A
    clipped = rewrite(record_training_step(case.model("float32"), SGD(3.0, clip_norm=1.0), labels=True))
    assert not {"sgd_product", "update_product"} & {step.op for step in clipped.steps}
    plan = record_training_step(case.model("float32"), SGD(3.0), labels=True)
    gradient = plan.steps[first(plan.steps, "matmul_tn")].output
    assert gradient is not None
    plan.results["gradient 2.W"] = gradient
    kept = rewrite(plan)
    assert [step.op for step in kept.steps].count("matmul_tn") == 1


def test_a_mask_and_the_product_with_it_become_one_instruction_where_nobody_else_reads_the_mask() -> None:
    above = Step("greater", (1, 0.0), 5)
    for inputs in ((2, 5), (5, 2)):
        product = Step("multiply", inputs, 6)
        assert masks_applied((above, product), (6,)) == (Step("multiply_greater", (1, 0.0, 2), 6),)
        assert masks_applied((above, product), (5, 6)) == (above, product)
    # A constant that happens to be the mask's number, and other ops between the two.
    between = Step("square", (3,), 4)
    scaled = (above, between, Step("multiply", (5.0, 5), 6))
    assert masks_applied(scaled, (6,)) == (between, Step("multiply_greater", (1, 0.0, 5.0), 6))
    for others in (Step("add", (5, 6), 7), Step("multiply", (5, 3), 7)):
        steps = (above, Step("multiply", (2, 5), 6), others)
        assert masks_applied(steps, (6, 7)) == steps
    squared = (above, Step("multiply", (5, 5), 6))
    assert masks_applied(squared, (6,)) == squared


def test_recording_names_every_buffer_once() -> None:
    plan = record_training_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    made = list(itertools.chain.from_iterable(step.makes for step in plan.steps))
    assert len(made) == len(set(made))
