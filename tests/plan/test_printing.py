"""A plan as text: every op, number, type and shape, what it is given, and what becomes of it."""

import re
from typing import Any

import numpy as np
import pytest

from cases import TABLE, Case, named
from pellucid.engines import Model
from pellucid.engines.recording import record_gradient, record_step
from pellucid.layers import Affine, Dropout, Sigmoid
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam, Lion
from pellucid.plan.ir import Plan, each_step
from pellucid.plan.rewrites import rewrite
from plan.made import F4, plans_of, small_plan

RECORDED = """\
    input  x f4(N, 5)
parameter  0.W f4(5, 3), 0.b f4(3,)
   target  t i4(N,)
   weight  weight f4(N, 1)
   scalar  learning_rate f8()
        0  0.y f4(N, 3)           =  affine(x, 0.W, 0.b)
        1  1.y f4(N, 3)           =  sigmoid(0.y)
        2  %7 f4(N, 3)            =  one_hot(t, classes=3, dtype=float32)
        3  %9 f4(N, 3)            =  subtract(1.y, %7)
        4  %10 f4(N, 3)           =  multiply(%9, %9)
        5  %11 f4(N, 1)           =  sum_columns(%10)
        6  row_losses f4(N, 1)    =  multiply(%11, 0.5)
        7  %13 f4(N, 1)           =  mean_weights(weight)
        8  1.dy f4(N, 3)          =  multiply(%9, %13)
        9  %15 f4(N, 1)           =  multiply(row_losses, %13)
       10  loss f4()              =  sum_all(%15)
       11  %17 f4(N, 3)           =  subtract(1, 1.y)
       12  %18 f4(N, 3)           =  multiply(1.y, %17)
       13  0.dy f4(N, 3)          =  multiply(1.dy, %18)
       14  0.W.gradient f4(5, 3)  =  matmul_tn(x, 0.dy)
       15  0.b.gradient f4(3,)    =  sum_rows(0.dy)
       16  %24 f4(5, 3)           =  multiply(learning_rate, 0.W.gradient)
       17  0.W, new f4(5, 3)      =  subtract(0.W, %24)
       18  %26 f4(3,)             =  multiply(learning_rate, 0.b.gradient)
       19  0.b, new f4(3,)        =  subtract(0.b, %26)
   result  output is 1.y
   update  0.W <- 0.W, new
   update  0.b <- 0.b, new"""

REWRITTEN = """\
    input  x f4(N, 5)
parameter  0.W f4(5, 3), 0.b f4(3,)
   target  t i4(N,)
   weight  weight f4(N, 1)
   scalar  learning_rate f8()
        0  0.y f4(N, 3)           =  affine(x, 0.W, 0.b)
        1  %7 f4(N, 3)            =  one_hot(t, classes=3, dtype=float32)
        2  1.y f4(N, 3)           =  sigmoid(0.y)   | elementwise
        |  %9 f4(N, 3)            =  subtract(1.y, %7)
        |  %10 f4(N, 3)           =  multiply(%9, %9)
        3  %11 f4(N, 1)           =  sum_columns(%10)
        4  %13 f4(N, 1)           =  mean_weights(weight)
        5  row_losses f4(N, 1)    =  multiply(%11, 0.5)   | elementwise
        |  %15 f4(N, 1)           =  multiply(row_losses, %13)
        6  loss f4()              =  sum_all(%15)
        7  %17 f4(N, 3)           =  subtract(1, 1.y)   | elementwise
        |  %18 f4(N, 3)           =  multiply(1.y, %17)
        |  1.dy f4(N, 3)          =  multiply(%9, %13)
        |  0.dy f4(N, 3)          =  multiply(1.dy, %18)
        8  0.b.gradient f4(3,)    =  sum_rows(0.dy)
        9  0.W.gradient f4(5, 3)  =  matmul_tn(x, 0.dy)   | update_product, sgd
        |  %24 f4(5, 3)           =  multiply(learning_rate, 0.W.gradient)
        |  0.W, new f4(5, 3)      =  subtract(0.W, %24)
       10  %26 f4(3,)             =  multiply(learning_rate, 0.b.gradient)   | update, sgd
        |  0.b, new f4(3,)        =  subtract(0.b, %26)
   result  output is 1.y
   update  0.W <- 0.W, new
   update  0.b <- 0.b, new"""


def recorded(optimizer: Any = None) -> Plan:
    model = Model([Affine(3), Sigmoid()], MeanSquaredError(), (5,), 0, F4)
    return record_step(model, optimizer or SGD(0.5), labels=True)


def test_a_plan_prints_step_by_step() -> None:
    assert str(recorded()).splitlines() == RECORDED.splitlines()


def test_a_rewritten_plan_prints_what_its_steps_stand_for() -> None:
    assert str(rewrite(recorded())).splitlines() == REWRITTEN.splitlines()


def test_attributes_and_constants_are_printed() -> None:
    model = Model([Dropout(0.25), Affine(3)], SoftmaxCrossEntropy(), (5,), 0, F4)
    text = str(record_step(model, Adam(), labels=True))
    assert "dropout_mask(x, step, rate=0.25, seed=0, layer=0)" in text
    assert "one_hot(t, classes=3, dtype=float32)" in text
    assert "  1.W.m, new f4(5, 3)    =  add(%34, %35)" in text
    for constant in (0.9, 1.0 - 0.9, 0.999, 1.0 - 0.999, 1e-8):
        assert f", {constant!r})" in text
    assert "     slot  1.W.m f4(5, 3), 1.b.m f4(3,), 1.W.v f4(5, 3), 1.b.v f4(3,)" in text.splitlines()
    assert "   scalar  step f8(), learning_rate f8(), root_correction f8()" in text.splitlines()


@pytest.mark.parametrize("optimizer, rule", [(Adam(), "adam"), (Lion(), "program")])
def test_the_rule_of_each_update_is_printed(optimizer: Any, rule: str) -> None:
    lines = str(rewrite(recorded(optimizer))).splitlines()
    assert sum(line.endswith((f"| update, {rule}", f"| update_product, {rule}")) for line in lines) == 2


@pytest.mark.parametrize("number", [0.1 + 0.2, 1 / 3, 1e-300, 1e22, -2.5, 3.0, -7.0, 1e15, 0.0, -0.0, np.inf, -np.inf])
def test_constants_are_printed_with_every_digit(number: float) -> None:
    plan = small_plan()
    plan.steps[1] = plan.steps[1]._replace(op="multiply", inputs=(4, number))
    (shown,) = re.findall(r"=  multiply\(%4, (.*)\)$", str(plan), re.M)
    assert repr(float(shown)) == repr(number)


def test_what_is_given_but_not_read_is_left_out_and_gradients_are_named() -> None:
    assert "step" not in str(recorded())
    model = Model([Affine(3), Sigmoid()], MeanSquaredError(), (5,), 0, F4)
    text = str(record_gradient(model, labels=False))
    assert "learning_rate" not in text and "   target  t f4(N, 3)" in text.splitlines()
    assert "   update  gradient 0.W <- 0.W.gradient" in text.splitlines()


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_every_op_type_and_number_of_every_plan_is_printed(case: Case) -> None:
    short = {"float32": "f4", "float64": "f8", "int32": "i4", "uint8": "u1"}
    for plan in plans_of(case, Adam(clip_norm=1.0), "float64").values():
        for form in (plan, rewrite(plan)):
            text = str(form)
            lines = text.splitlines()
            steps = [step for step in each_step(form)]
            assert sum("  =  " in line for line in lines) == len(steps)
            for step in steps:
                made = form.buffers[step.output]
                target = f" {made.name} {short[made.dtype.name]}("
                (line,) = (each for each in lines if target in each.partition("=  ")[0] and "=  " in each)
                assert f"=  {step.op}(" in line
                assert all(f"{key}=" in line for key in step.attributes)
                assert all(form.buffers[number].name in line.partition("=  ")[2] for number in step.reads)
            assert sum(line.startswith("   update  ") for line in lines) == len(form.updates)
