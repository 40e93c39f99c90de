"""Rewriting leaves what a plan computes as it is, and the validator catches a rule that does not."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import TRAINABLE, Case, named
from native.pairs import OPTIMIZERS
from native.test_random_networks import cases
from pellucid import ops as public
from pellucid.engines.native.lowering import STEP_KINDS
from pellucid.engines.native.programs import OPS as INSTRUCTIONS
from pellucid.engines.native.programs import masks_applied
from pellucid.engines.recording import record_passes, record_step
from pellucid.errors import PlanError
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.ops.op import OPS
from pellucid.optimizers import SGD
from pellucid.plan.ir import ROWS, Plan, Step, each_step
from pellucid.plan.record import declare
from pellucid.plan.rewrites import RULES, rewrite
from pellucid.plan.rewrites.general import ELEMENTWISE, LONGEST_CHAIN, chains_run_in_one_pass, elementwise_steps_wait
from pellucid.plan.rewrites.updates import updates_come_last
from pellucid.plan.validate import validate
from plan.made import F4, plans_of

TASK_A = Case("A", (Affine(30), Sigmoid(), Affine(10), Sigmoid()), MeanSquaredError(), (784,), "labels")

RECORDED = """\
    input  x f4(N, 784)
parameter  0.W f4(784, 30), 0.b f4(30,), 2.W f4(30, 10), 2.b f4(10,)
   target  t i4(N,)
   weight  weight f4(N, 1)
   scalar  learning_rate f8()
        0  0.y f4(N, 30)             =  affine(x, 0.W, 0.b)
        1  1.y f4(N, 30)             =  sigmoid(0.y)
        2  2.y f4(N, 10)             =  affine(1.y, 2.W, 2.b)
        3  3.y f4(N, 10)             =  sigmoid(2.y)
        4  %11 f4(N, 10)             =  one_hot(t, classes=10, dtype=float32)
        5  %13 f4(N, 10)             =  subtract(3.y, %11)
        6  %14 f4(N, 10)             =  multiply(%13, %13)
        7  %15 f4(N, 1)              =  sum_columns(%14)
        8  row_losses f4(N, 1)       =  multiply(%15, 0.5)
        9  %17 f4(N, 1)              =  mean_weights(weight)
       10  3.dy f4(N, 10)            =  multiply(%13, %17)
       11  %19 f4(N, 1)              =  multiply(row_losses, %17)
       12  loss f4()                 =  sum_all(%19)
       13  %21 f4(N, 10)             =  subtract(1, 3.y)
       14  %22 f4(N, 10)             =  multiply(3.y, %21)
       15  2.dy f4(N, 10)            =  multiply(3.dy, %22)
       16  1.dy f4(N, 30)            =  matmul_nt(2.dy, 2.W)
       17  2.W.gradient f4(30, 10)   =  matmul_tn(1.y, 2.dy)
       18  2.b.gradient f4(10,)      =  sum_rows(2.dy)
       19  %27 f4(N, 30)             =  subtract(1, 1.y)
       20  %28 f4(N, 30)             =  multiply(1.y, %27)
       21  0.dy f4(N, 30)            =  multiply(1.dy, %28)
       22  0.W.gradient f4(784, 30)  =  matmul_tn(x, 0.dy)
       23  0.b.gradient f4(30,)      =  sum_rows(0.dy)
       24  %34 f4(784, 30)           =  multiply(learning_rate, 0.W.gradient)
       25  0.W, new f4(784, 30)      =  subtract(0.W, %34)
       26  %36 f4(30,)               =  multiply(learning_rate, 0.b.gradient)
       27  0.b, new f4(30,)          =  subtract(0.b, %36)
       28  %38 f4(30, 10)            =  multiply(learning_rate, 2.W.gradient)
       29  2.W, new f4(30, 10)       =  subtract(2.W, %38)
       30  %40 f4(10,)               =  multiply(learning_rate, 2.b.gradient)
       31  2.b, new f4(10,)          =  subtract(2.b, %40)
   result  output is 3.y
   update  0.W <- 0.W, new
   update  0.b <- 0.b, new
   update  2.W <- 2.W, new
   update  2.b <- 2.b, new
"""

REWRITTEN = """\
    input  x f4(N, 784)
parameter  0.W f4(784, 30), 0.b f4(30,), 2.W f4(30, 10), 2.b f4(10,)
   target  t i4(N,)
   weight  weight f4(N, 1)
   scalar  learning_rate f8()
        0  0.y f4(N, 30)             =  affine(x, 0.W, 0.b)
        1  1.y f4(N, 30)             =  sigmoid(0.y)   | elementwise
        2  2.y f4(N, 10)             =  affine(1.y, 2.W, 2.b)
        3  %11 f4(N, 10)             =  one_hot(t, classes=10, dtype=float32)
        4  3.y f4(N, 10)             =  sigmoid(2.y)   | elementwise
        |  %13 f4(N, 10)             =  subtract(3.y, %11)
        |  %14 f4(N, 10)             =  multiply(%13, %13)
        5  %15 f4(N, 1)              =  sum_columns(%14)
        6  %17 f4(N, 1)              =  mean_weights(weight)
        7  row_losses f4(N, 1)       =  multiply(%15, 0.5)   | elementwise
        |  %19 f4(N, 1)              =  multiply(row_losses, %17)
        8  loss f4()                 =  sum_all(%19)
        9  %21 f4(N, 10)             =  subtract(1, 3.y)   | elementwise
        |  %22 f4(N, 10)             =  multiply(3.y, %21)
        |  3.dy f4(N, 10)            =  multiply(%13, %17)
        |  2.dy f4(N, 10)            =  multiply(3.dy, %22)
       10  1.dy f4(N, 30)            =  matmul_nt(2.dy, 2.W)
       11  2.b.gradient f4(10,)      =  sum_rows(2.dy)
       12  %27 f4(N, 30)             =  subtract(1, 1.y)   | elementwise
        |  %28 f4(N, 30)             =  multiply(1.y, %27)
        |  0.dy f4(N, 30)            =  multiply(1.dy, %28)
       13  0.b.gradient f4(30,)      =  sum_rows(0.dy)
       14  0.W.gradient f4(784, 30)  =  matmul_tn(x, 0.dy)   | update_product, sgd
        |  %34 f4(784, 30)           =  multiply(learning_rate, 0.W.gradient)
        |  0.W, new f4(784, 30)      =  subtract(0.W, %34)
       15  %36 f4(30,)               =  multiply(learning_rate, 0.b.gradient)   | update, sgd
        |  0.b, new f4(30,)          =  subtract(0.b, %36)
       16  2.W.gradient f4(30, 10)   =  matmul_tn(1.y, 2.dy)   | update_product, sgd
        |  %38 f4(30, 10)            =  multiply(learning_rate, 2.W.gradient)
        |  2.W, new f4(30, 10)       =  subtract(2.W, %38)
       17  %40 f4(10,)               =  multiply(learning_rate, 2.b.gradient)   | update, sgd
        |  2.b, new f4(10,)          =  subtract(2.b, %40)
   result  output is 3.y
   update  0.W <- 0.W, new
   update  0.b <- 0.b, new
   update  2.W <- 2.W, new
   update  2.b <- 2.b, new
"""


def counted(plan: Plan) -> list[str]:
    return sorted(step.op for step in each_step(plan) if step.op in ELEMENTWISE)


def assert_updates_are_last(plan: Plan) -> None:
    """Before the first update everything is there that it could spoil."""
    late = plan.renewed
    first = next((i for i, step in enumerate(plan.steps) if not late.isdisjoint(step.outputs)), len(plan.steps))
    for step in plan.steps[first:]:
        assert not late.isdisjoint((*step.outputs, *step.reads)), step
        late |= {*step.outputs}


def assert_every_rule_keeps_a_plan_valid(plan: Plan) -> None:
    in_order = False
    for rule in RULES:
        before, kept = plan, plan.copy()
        plan = rule(plan)
        assert before == kept, f"{rule.__name__} changed the plan it was given"
        validate(plan)
        assert (plan.results, plan.updates) == (before.results, before.updates)
        assert len(plan.steps) <= len(before.steps)
        assert counted(plan) == counted(before), "an elementwise step is lost or doubled"
        in_order |= rule is updates_come_last
        if in_order:
            assert_updates_are_last(plan)


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_every_rule_keeps_every_plan_valid(case: Case) -> None:
    model, labels = case.model("float32"), case.targets == "labels"
    for plan in plans_of(case, SGD()).values():
        assert_every_rule_keeps_a_plan_valid(plan)
    half = record_passes(model, labels, training=True)
    for optimizer in OPTIMIZERS:
        assert_every_rule_keeps_a_plan_valid(record_step(model, optimizer, labels, half))


@settings(max_examples=60)
@given(cases(), st.sampled_from(OPTIMIZERS))
def test_every_rule_keeps_random_plans_valid(case: Case, optimizer: Any) -> None:
    for kind, plan in plans_of(case, optimizer).items():
        if kind in ("step", "apply", "gradient in training"):
            assert_every_rule_keeps_a_plan_valid(plan)


def test_the_plan_of_task_a_as_it_is_recorded_and_as_it_is_replayed() -> None:
    plan = record_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    assert str(plan).splitlines() == RECORDED.splitlines()
    assert str(rewrite(plan)).splitlines() == REWRITTEN.splitlines()


def test_every_op_of_the_vocabulary_can_be_lowered() -> None:
    assert ELEMENTWISE - set(INSTRUCTIONS) == set()
    renamed = {"reshape", "per_channel", "merge_positions", "split_positions"}
    by_others = {"max_pool2d_places": "max_pool2d", "mean_columns": "sum_columns", "concatenate_columns": "concatenate"}
    by_others |= {"slice_columns": "slice_channels"}
    kinds = {by_others.get(op, op) for op in set(OPS) - ELEMENTWISE - renamed}
    assert kinds - set(STEP_KINDS) == set()


# Wrong rules ---------------------------------------------------------------------------------------------------------

Change = Callable[[Plan], list[Step]]


def first(steps: list[Step], op: str) -> int:
    return next(i for i, step in enumerate(steps) if step.op == op)


def changed(steps: list[Step], op: str, **fields: Any) -> list[Step]:
    at = first(steps, op)
    return [*steps[:at], steps[at]._replace(**fields), *steps[at + 1 :]]


def swapped_operands(plan: Plan) -> list[Step]:
    return changed(plan.steps, "matmul_tn", inputs=plan.steps[first(plan.steps, "matmul_tn")].inputs[::-1])


def an_update_in_place(plan: Plan) -> list[Step]:
    """A step that makes a parameter, in the place of what it becomes."""
    number, becomes = next(iter(plan.updates.items()))
    return [step._replace(outputs=(number,)) if becomes in step.outputs else step for step in plan.steps]


def an_update_of_an_activation(plan: Plan) -> list[Step]:
    made = plan.steps[first(plan.steps, "affine")].output
    return [*plan.steps, Step("multiply", (made, 0.5), (made,))]


def a_step_made_twice(plan: Plan) -> list[Step]:
    at = first(plan.steps, "sigmoid")
    return [*plan.steps[: at + 1], *plan.steps[at:]]


def a_step_moved_behind_its_reader(plan: Plan) -> list[Step]:
    at = first(plan.steps, "affine")
    return [*plan.steps[:at], *plan.steps[at + 1 :], plan.steps[at]]


def a_step_lost(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.op != "sum_columns"]


def an_update_lost(plan: Plan) -> list[Step]:
    lost = next(iter(plan.renewed))
    return [step for step in plan.steps if lost not in step.outputs]


def a_buffer_that_is_not_there(plan: Plan) -> list[Step]:
    return [plan.steps[0]._replace(inputs=(10_000, *plan.steps[0].inputs[1:])), *plan.steps[1:]]


def a_chain_in_the_wrong_order(plan: Plan) -> list[Step]:
    """A chain that makes what an earlier part of it reads."""
    steps = plan.steps
    affine, sigmoid = steps[first(steps, "affine")], steps[first(steps, "sigmoid")]
    outputs = (affine.output, sigmoid.output)
    joined = Step("elementwise", (*affine.reads, affine.output), outputs, {}, (sigmoid, affine))
    return [joined, *(step for step in steps if step not in (affine, sigmoid))]


def a_chain_that_forgets_an_operand(plan: Plan) -> list[Step]:
    steps = rewrite(plan).steps
    at = next(i for i, step in enumerate(steps) if step.op == "elementwise" and len(step.inputs) > 1)
    return [*steps[:at], steps[at]._replace(inputs=steps[at].inputs[1:]), *steps[at + 1 :]]


def an_update_that_stands_for_another(plan: Plan) -> list[Step]:
    steps = rewrite(plan).steps
    updates = [i for i, step in enumerate(steps) if step.op == "update"]
    parts = steps[updates[0]].parts
    return [step._replace(parts=parts) if i in updates else step for i, step in enumerate(steps)]


WRONG: list[Change] = [swapped_operands, an_update_in_place, an_update_of_an_activation, a_step_made_twice]
WRONG += [a_step_moved_behind_its_reader, a_step_lost, an_update_lost, a_buffer_that_is_not_there]
WRONG += [a_chain_in_the_wrong_order, a_chain_that_forgets_an_operand, an_update_that_stands_for_another]


@pytest.mark.parametrize("change", WRONG, ids=lambda change: change.__name__.replace("_", " "))
def test_a_wrong_rule_is_caught(change: Change) -> None:
    plan = record_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    validate(plan)
    with pytest.raises(PlanError):
        validate(plan.with_steps(change(plan)))


# Chains --------------------------------------------------------------------------------------------------------------


def recorded_chain(count: int, *shapes: tuple[Any, ...]) -> Plan:
    plan = Plan()
    x: Any = declare(plan, (ROWS, 3), F4, "input", "x")
    others = [declare(plan, shape, F4, "input", f"a{i}") for i, shape in enumerate(shapes)]
    for index in range(count):
        x = x + others[index % len(others)] if others else public.tanh(x)
    plan.results = {"y": x.buffer.number}
    return plan


def test_a_chain_is_one_step_with_what_others_need_of_it() -> None:
    plan = chains_run_in_one_pass(recorded_chain(5, (3,), (ROWS, 1)))
    (step,) = plan.steps
    assert (step.op, len(step.parts), step.inputs) == ("elementwise", 5, (0, 1, 2))
    assert step.outputs == (plan.results["y"],)
    plan = recorded_chain(3)
    plan.results["between"] = plan.steps[1].output
    assert chains_run_in_one_pass(plan).steps[0].outputs == (plan.steps[1].output, plan.steps[2].output)


def test_a_chain_ends_where_it_would_be_too_long() -> None:
    steps = chains_run_in_one_pass(recorded_chain(2 * LONGEST_CHAIN + 1)).steps
    assert [len(step.parts) for step in steps] == [LONGEST_CHAIN, LONGEST_CHAIN, 1]


def test_a_chain_ends_where_a_vector_that_it_makes_is_spread_over_it() -> None:
    plan = Plan()
    x: Any = declare(plan, (ROWS, 3), F4, "input", "x")
    v: Any = declare(plan, (3,), F4, "parameter", "v")
    y = x * public.square(v)
    plan.results = {"y": y.buffer.number}
    steps = chains_run_in_one_pass(plan).steps
    assert [[part.op for part in step.parts] for step in steps] == [["square"], ["multiply"]]


def test_an_elementwise_step_waits_for_its_first_reader() -> None:
    plan = Plan()
    x: Any = declare(plan, (ROWS, 3), F4, "input", "x")
    W: Any = declare(plan, (3, 3), F4, "parameter", "W")
    early, late = public.tanh(x), public.exp(x)
    product = public.matmul(public.square(x), W)
    made = public.sum_all(product * late + early)
    plan.results = {"y": made.buffer.number}
    assert [step.op for step in plan.steps[:3]] == ["tanh", "exp", "square"]
    order = [step.op for step in elementwise_steps_wait(plan).steps]
    assert order == ["square", "matmul", "exp", "multiply", "tanh", "add", "sum_all"]


def test_recording_and_rewriting_take_time_in_proportion_to_the_steps() -> None:
    """Not their square: four times the steps are looked at less than eight times as often."""
    sizes = []
    for count in (200, 800):
        plan = recorded_chain(count, (3,), (ROWS, 1))
        reads = 0

        class Counting(list[Any]):
            def __getitem__(self, index: Any) -> Any:
                nonlocal reads
                reads += 1
                return super().__getitem__(index)

        rewrite(Plan(Counting(plan.buffers), Counting(plan.steps), plan.results, plan.updates))
        sizes.append(reads)
    assert sizes[1] < 8 * sizes[0]


# Products and masks --------------------------------------------------------------------------------------------------


def test_an_update_product_is_not_made_where_its_gradient_is_wanted() -> None:
    """A gradient that is clipped, or given back to the caller, has to be stored."""
    plan = record_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    assert [step.op for step in rewrite(plan).steps].count("update_product") == 2
    clipped = rewrite(record_step(TASK_A.model("float32"), SGD(3.0, clip_norm=1.0), labels=True))
    assert "update_product" not in {step.op for step in clipped.steps}
    plan.results["gradient 2.W"] = plan.steps[first(plan.steps, "matmul_tn")].output
    assert [step.op for step in rewrite(plan).steps].count("matmul_tn") == 1


def test_a_mask_and_the_product_with_it_become_one_instruction_where_nobody_else_reads_the_mask() -> None:
    above = Step("greater", (1, 0.0), (5,))
    for inputs in ((2, 5), (5, 2)):
        product = Step("multiply", inputs, (6,))
        assert masks_applied((above, product), (6,)) == (Step("multiply_greater", (1, 0.0, 2), (6,)),)
        assert masks_applied((above, product), (5, 6)) == (above, product)
    # A constant that happens to be the mask's number, and other ops between the two.
    between = Step("square", (3,), (4,))
    scaled = (above, between, Step("multiply", (5.0, 5), (6,)))
    assert masks_applied(scaled, (6,)) == (between, Step("multiply_greater", (1, 0.0, 5.0), (6,)))
    for others in (Step("add", (5, 6), (7,)), Step("multiply", (5, 3), (7,))):
        steps = (above, Step("multiply", (2, 5), (6,)), others)
        assert masks_applied(steps, (6, 7)) == steps
    squared = (above, Step("multiply", (5, 5), (6,)))
    assert masks_applied(squared, (6,)) == squared
