"""Plans: how they print, how long buffers live, and that the validator catches every planted fault."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pellucid import ops
from pellucid.engines import Model
from pellucid.engines.recording import record_gradient, record_training_step
from pellucid.errors import InputError, PlanError
from pellucid.layers import Affine, Dropout, Sigmoid
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.ops.plan import ROWS, Plan, Step, format_shape, validate
from pellucid.ops.record import declare, shape_rule
from pellucid.optimizers import SGD, Adam

F4, F8 = np.dtype(np.float32), np.dtype(np.float64)


def small_plan() -> Plan:
    """t0 = x·W, t1 = t0 + b, result t1; then W is updated with x."""
    plan = Plan()
    x = declare(plan, (ROWS, 3), F4, "input", "x")
    W = declare(plan, (3, 3), F4, "parameter", "W")
    g = declare(plan, (3, 3), F4, "input", "g")
    rate = declare(plan, (), F8, "scalar", "rate")
    made: Any = ops.exp(ops.matmul(x, W))  # type: ignore[arg-type]
    ops.sgd_update(W, g, rate)  # type: ignore[arg-type]
    plan.results = {"y": made.buffer.number}
    validate(plan, shape_rule)
    return plan


def faulty(**changes: Any) -> Plan:
    """The small plan with fields of one step changed: faulty(step=1, inputs=(9,))."""
    plan = small_plan()
    index = changes.pop("step")
    plan.steps[index] = replace(plan.steps[index], **changes)
    return plan


def with_buffer(number: int, **changes: Any) -> Plan:
    plan = small_plan()
    plan.buffers[number] = replace(plan.buffers[number], **changes)
    return plan


def with_steps(order: list[int]) -> Plan:
    plan = small_plan()
    plan.steps = [plan.steps[i] for i in order]
    return plan


def with_result(name: str, number: int) -> Plan:
    plan = small_plan()
    plan.buffer((ROWS, 3), F4, "value", "never")
    plan.results[name] = number
    return plan


FAULTS = {
    "read before made": (with_steps([1, 0, 2]), r"step 0 \(exp\) reads %4 before any step has made it"),
    "made twice": (with_steps([0, 0, 1, 2]), r"step 1 \(matmul\) makes %4, which exists already"),
    "reads what is not there": (
        faulty(step=1, inputs=(99,)),
        r"step 1 \(exp\) reads buffer 99, which the plan does not",
    ),
    "wrong shape": (with_buffer(5, shape=(ROWS, 4)), r"step 1 \(exp\) makes %5 \(N, 4\), its rule says"),
    "wrong rows": (with_buffer(5, shape=(3, 3)), r"step 1 \(exp\) makes %5 \(3, 3\), its rule says"),
    "mixed types": (
        with_buffer(1, dtype=F8),
        r"step 0 \(matmul\) mixes float32 and float64; a plan has no hidden casts",
    ),
    "result of another type": (with_buffer(5, dtype=F8), r"step 1 \(exp\) mixes float32 and float64"),
    "writes an input": (faulty(step=2, writes=(2,)), r"step 2 \(sgd_update\) writes g, which is neither parameter nor"),
    "writes what it does not read": (faulty(step=2, inputs=(2, 3)), r"step 2 \(sgd_update\) writes W in place without"),
    "writes twice": (faulty(step=2, writes=(1, 1)), r"step 2 \(sgd_update\) writes the same buffer twice"),
    "missing result": (with_result("z", 6), r"the result 'z' is never made"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_validator_catches(fault: str) -> None:
    plan, said = FAULTS[fault]
    with pytest.raises(PlanError, match=said):
        validate(plan, shape_rule)


def test_the_validator_catches_shapes_that_fit_no_op() -> None:
    with pytest.raises(InputError, match=r"ops\.matmul cannot take the shapes"):
        validate(with_buffer(1, shape=(4, 3)), shape_rule)


def test_steps_that_nobody_reads_are_left_out_but_updates_stay() -> None:
    plan = small_plan()
    x = plan.steps[0].inputs[0]
    plan.buffer((ROWS, 3), F4, "value")
    plan.steps.insert(1, Step("exp", (x,), 6))
    assert [step.op for step in plan.without_unused_steps().steps] == ["matmul", "exp", "sgd_update"]


def test_dx_of_the_first_layer_is_left_out() -> None:
    model = Model([Affine(3), Sigmoid(), Affine(2)], MeanSquaredError(), (4,), 0, F4)
    plan = record_training_step(model, SGD(), labels=False)
    assert [step.op for step in plan.steps].count("matmul_nt") == 1


def test_shapes_read_as_tuples() -> None:
    assert [format_shape(s) for s in [(), (3,), (ROWS,), (ROWS, 3)]] == ["()", "(3,)", "(N,)", "(N, 3)"]


TRAINING_STEP = """\
   0  0.y (N, 3)           =  affine(x, 0.W, 0.b)
   1  1.y (N, 3)           =  sigmoid(0.y)
   2  %8 (N, 3)            =  one_hot(t, classes=3)
   3  %10 (N, 3)           =  subtract(1.y, %8)
   4  %11 (N, 3)           =  multiply(%10, %10)
   5  %12 (N, 1)           =  sum_columns(%11)
   6  row_losses (N, 1)    =  multiply(%12, 0.5)
   7  %14 (N, 1)           =  mean_weights(weight)
   8  1.dy (N, 3)          =  multiply(%10, %14)
   9  %16 (N, 1)           =  multiply(row_losses, %14)
  10  loss ()              =  sum_all(%16)
  11  %18 (N, 3)           =  subtract(1, 1.y)
  12  %19 (N, 3)           =  multiply(1.y, %18)
  13  0.dy (N, 3)          =  multiply(1.dy, %19)
  14  0.W.gradient (5, 3)  =  matmul_tn(x, 0.dy)
  15  0.b.gradient (3,)    =  sum_rows(0.dy)
  16  0.W (5, 3)           <- sgd_update(0.W, 0.W.gradient, learning_rate)
  17  0.b (3,)             <- sgd_update(0.b, 0.b.gradient, learning_rate)"""


def test_a_plan_prints_step_by_step() -> None:
    model = Model([Affine(3), Sigmoid()], MeanSquaredError(), (5,), 0, F4)
    text = str(record_training_step(model, SGD(0.5), labels=True))
    assert text == TRAINING_STEP


def test_attributes_and_constants_are_printed() -> None:
    model = Model([Dropout(0.25), Affine(3)], SoftmaxCrossEntropy(), (5,), 0, F4)
    text = str(record_training_step(model, Adam(), labels=True))
    assert "dropout_mask(x, step, rate=0.25, seed=0, layer=0)" in text
    assert "adam_update(1.W, " in text
    assert "beta1=0.9, beta2=0.999, epsilon=1e-08" in text


def test_the_same_network_is_recorded_the_same_way() -> None:
    def text() -> str:
        model = Model([Affine(3), Sigmoid()], MeanSquaredError(), (5,), 0, F4)
        return str(record_gradient(model, labels=False))

    assert text() == text()
