"""The validator: every rule of it catches the plan that breaks it, with a sentence that says where."""

from typing import Any

import numpy as np
import pytest

from cases import TRAINABLE, Case, named
from pellucid.errors import PlanError
from pellucid.optimizers import Adam, Lion
from pellucid.plan.ir import ROWS, Plan, Step
from pellucid.plan.rewrites import RULES
from pellucid.plan.validate import validate
from plan.made import F4, F8, plans_of, small_plan, with_buffer, with_more, with_step, with_steps


def wanted(results: dict[str, int] | None = None, updates: dict[int, int] | None = None, **buffer: Any) -> Plan:
    """The small plan that asks for other values; with one more buffer, number 8, that no step makes."""
    plan = small_plan()
    made = {"shape": (3, 3), "dtype": F4, "role": "value", "name": "never"} | buffer
    plan.buffer(**made)
    plan.results |= results or {}
    plan.updates = plan.updates if updates is None else updates
    return plan


def chain(inputs: tuple[int, ...], outputs: tuple[int, ...], *parts: Step) -> Plan:
    """The small plan with a chain behind it, over the new values 8 and 9."""
    rows = ((ROWS, 3), F4)
    return with_more(Step("elementwise", inputs, outputs, {}, parts), buffers=(rows, rows))


SQUARE, HALF = Step("square", (5,), (8,)), Step("multiply", (8, 0.5), (9,))
WIDER = ((ROWS, 4), F4), ((3,), F4)

FAULTS: dict[str, tuple[Plan, str]] = {
    "a buffer of another number": (with_buffer(2, number=7), r"buffer 2 \(g\) calls itself number 7"),
    # Order
    "read before made": (with_steps(1, 0, 2, 3), r"step 0 \(exp\) reads %4 before any step has made it"),
    "never made": (with_steps(1, 2, 3), r"step 0 \(exp\) reads %4 before any step has made it"),
    "reads itself": (with_step(1, inputs=(5,)), r"step 1 \(exp\) reads %5 before any step has made it"),
    "made twice": (with_steps(0, 0, 1, 2, 3), r"step 1 \(matmul\) makes %4, which exists already"),
    "makes a parameter": (with_step(3, outputs=(1,)), r"step 3 \(subtract\) makes W, which exists already"),
    "makes an input": (with_step(1, outputs=(0,)), r"step 1 \(exp\) makes x, which exists already"),
    "reads what is not there": (with_step(1, inputs=(99,)), r"step 1 \(exp\) names buffer 99, which the plan does not"),
    "reads a negative number": (with_step(1, inputs=(-1,)), r"step 1 \(exp\) names buffer -1, which the plan does not"),
    "makes what is not there": (with_step(1, outputs=(8,)), r"step 1 \(exp\) names buffer 8, which the plan does not"),
    # The op, its operands and attributes
    "no op": (with_step(1, op="cosh"), r"step 1 \(cosh\) is not an op of the vocabulary"),
    "an op of rewritten plans": (with_step(1, op="elementwise"), r"step 1 \(elementwise\) is not an op"),
    "an operand too many": (with_step(1, inputs=(4, 4)), r"step 1 \(exp\): ops\.exp\(x\) takes 1 operands, got 2"),
    "an operand too few": (
        with_step(0, inputs=(0,)),
        r"step 0 \(matmul\): ops\.matmul\(a, b\) takes 2 operands, got 1",
    ),
    "no operand": (with_step(0, inputs=()), r"step 0 \(matmul\): ops\.matmul\(a, b\) takes 2 operands, got 0"),
    "an attribute too many": (
        with_step(1, attributes={"axis": 1}),
        r"step 1 \(exp\): ops\.exp\(x\) has no attribute 'axis', it has none",
    ),
    "an attribute too few": (
        with_more(Step("slice_columns", (5,), (8,), {"first": 0}), buffers=WIDER),
        r"step 4 \(slice_columns\): ops\.slice_columns\(x, first, last\) lacks the attribute last",
    ),
    "an attribute misspelled": (
        with_more(Step("slice_columns", (5,), (8,), {"first": 0, "lst": 2}), buffers=WIDER),
        r"step 4 \(slice_columns\): .* has no attribute 'lst'; did you mean 'last'\?",
    ),
    "an attribute of another type": (
        with_more(Step("slice_columns", (5,), (8,), {"first": 0, "last": 1.5}), buffers=WIDER),
        r"step 4 \(slice_columns\): ops\.slice_columns: last must be int, got 1\.5",
    ),
    "an attribute out of range": (
        with_more(Step("slice_columns", (5,), (8,), {"first": 0, "last": 7}), buffers=WIDER),
        r"step 4 \(slice_columns\): ops\.slice_columns cannot take the shapes \(N, 3\)",
    ),
    "a number for an array": (
        with_more(Step("sum_all", (2.0,), (8,)), buffers=(((), F8),)),
        r"step 4 \(sum_all\)",
    ),
    # Shapes and types
    "shapes that fit no op": (with_buffer(1, shape=(4, 3)), r"step 0 \(matmul\): ops\.matmul cannot take the shapes"),
    "another width": (with_buffer(5, shape=(ROWS, 4)), r"step 1 \(exp\) makes %5 \(N, 4\), its rule says \(N, 3\)"),
    "a number of rows": (with_buffer(5, shape=(3, 3)), r"step 1 \(exp\) makes %5 \(3, 3\), its rule says \(N, 3\)"),
    "another symbol": (with_buffer(0, shape=("T", 3)), r"step 0 \(matmul\) makes %4 \(N, 3\), its rule says \(T, 3\)"),
    "mixed types": (with_buffer(1, dtype=F8), r"step 0 \(matmul\): .* mixes float32 and float64; a plan has no hidden"),
    "another type": (with_buffer(4, dtype=F8), r"step 0 \(matmul\) makes %4 as float64, its rule says float32"),
    "integers": (with_buffer(0, dtype=np.dtype(np.int32)), r"step 0 \(matmul\): .* cannot take the type int32 as"),
    "a number that is none": (
        with_buffer(4, role="number"),
        r"step 0 \(matmul\)",
    ),
    "values of numbers alone": (
        with_more(Step("multiply", (3, 2.0), (8,)), buffers=(((), F4),)),
        r"step 4 \(multiply\)",
    ),
    # What a step makes
    "two values": (with_more(Step("exp", (4,), (8, 9)), buffers=WIDER), r"step 4 \(exp\) makes 2 values; an op makes"),
    "no value": (with_step(1, outputs=()), r"step 1 \(exp\) makes 0 values; an op makes one"),
    # Parts
    "a part reads what its step does not name": (
        chain((4,), (9,), SQUARE, HALF),
        r"step 4 \(elementwise\) does not list %5 among what it reads",
    ),
    "parts that do not make what their step does": (
        chain((5,), (9,), SQUARE),
        r"step 4 \(elementwise\) does not make %9",
    ),
    "parts out of order": (chain((5,), (9,), HALF, SQUARE), r"step 4 \(elementwise\), multiply reads %8 before any"),
    "a part made twice": (chain((5,), (9,), SQUARE, SQUARE, HALF), r"step 4 .*, square makes %8, which exists already"),
    "a part that is no op": (chain((5,), (9,), SQUARE, HALF._replace(op="half")), r"step 4 .*, half is not an op of"),
    "a part of another arity": (chain((5,), (8,), SQUARE._replace(inputs=(5, 5))), r"step 4 .*, square: .* takes 1"),
    "a part of another shape": (
        with_more(Step("elementwise", (5,), (8,), {}, (SQUARE,)), buffers=WIDER),
        r"step 4 \(elementwise\), square makes %8 \(N, 4\), its rule says \(N, 3\)",
    ),
    "a part that is not there": (
        chain((5,), (8,), SQUARE._replace(inputs=(55,))),
        r"step 4 .*, square names buffer 55",
    ),
    "the same value twice": (chain((5,), (8, 8), SQUARE), r"step 4 \(elementwise\) makes the same buffer twice"),
    # What is wanted
    "a result that is never made": (wanted({"z": 8}), r"the result 'z' is never made"),
    "a result that is not there": (wanted({"z": 99}), r"the result 'z' is never made"),
    "a negative result": (wanted({"z": -1}), r"the result 'z' is never made"),
    "an update of an input": (
        wanted(updates={0: 0}),
        r"the plan updates buffer 0, which is neither parameter nor slot",
    ),
    "an update of a value": (wanted(updates={4: 5}), r"the plan updates buffer 4, which is neither parameter nor slot"),
    "an update of what is not there": (wanted(updates={99: 7}), r"the plan updates buffer 99, which is neither"),
    "an update of a negative number": (wanted(updates={-8: 7}), r"the plan updates buffer -8, which is neither"),
    "an update that is never made": (wanted(updates={1: 8}), r"what W becomes is never made"),
    "an update to what is not there": (wanted(updates={1: 99}), r"what W becomes is never made"),
    "an update of another shape": (wanted(updates={1: 5}), r"W \(3, 3\) float32 becomes %5 \(N, 3\) float32"),
    "an update of another type": (
        wanted(updates={8: 7}, role="slot", dtype=F8),
        r"never \(3, 3\) float64 becomes %7 \(3, 3\) float32",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_validator_catches(fault: str) -> None:
    plan, said = FAULTS[fault]
    with pytest.raises(PlanError, match=said):
        validate(plan)


def test_what_is_right_passes() -> None:
    validate(small_plan())
    validate(Plan())
    validate(chain((5,), (8, 9), SQUARE, HALF))
    validate(wanted({"W": 1, "again": 5}, updates={}))


def test_numbers_of_numbers_have_no_type_of_their_own() -> None:
    """A learning rate times a constant, as rules of optimizers use it, takes the type of what it meets."""
    plan = small_plan()
    made = plan.buffer((), F8, "number")
    new = plan.buffer((3, 3), F4, "value")
    plan.steps += [Step("multiply", (3, 0.5), (made.number,)), Step("multiply", (made.number, 2), (new.number,))]
    validate(plan)


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_every_rule_of_rewriting_leaves_a_plan_valid(case: Case) -> None:
    for optimizer in (Adam(clip_norm=1.0, weight_decay=0.1), Lion()):
        for plan in plans_of(case, optimizer).values():
            for rule in RULES:
                plan = rule(plan)
                validate(plan)
