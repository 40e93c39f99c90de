"""The validator: whether a plan means anything at all. Everything that reads plans may trust one that has passed."""

from typing import Any

import numpy as np

from pellucid.errors import InputError, PlanError
from pellucid.ops.arrays import Shape, format_shape
from pellucid.ops.op import OPS
from pellucid.plan.ir import Plan, Step


def validate(plan: Plan) -> None:
    """Checks every step's op, arity, attributes, shapes and types, the order of use, and what is wanted.

    Raises:
        PlanError: naming the step and the rule it breaks.
    """
    for index, buffer in enumerate(plan.buffers):
        if buffer.number != index:
            raise PlanError(f"buffer {index} ({buffer.name}) calls itself number {buffer.number}.")
    made = plan.given
    for index, step in enumerate(plan.steps):
        where = f"step {index} ({step.op})"
        _check_order(plan, step, where, made)
        if step.parts:
            _check_parts(plan, step, where, made)
        else:
            _check_step(plan, step, where)
        made.update(step.outputs)
    _check_wanted(plan, made)


def _check_parts(plan: Plan, step: Step, where: str, made: set[int]) -> None:
    """The parts are the step's meaning: what they read from outside and make must be what the step says."""
    inside: set[int] = set()
    for part in step.parts:
        named = f"{where}, {part.op}"
        _check_order(plan, part, named, made | inside)
        _check_step(plan, part, named)
        inside.update(part.outputs)
    outside = {n for part in step.parts for n in part.reads} - inside
    if not outside <= set(step.reads):
        raise PlanError(f"{where} does not list {_names(plan, outside - set(step.reads))} among what it reads.")
    if not set(step.outputs) <= inside:
        raise PlanError(f"{where} does not make {_names(plan, set(step.outputs) - inside)}.")


def _check_step(plan: Plan, step: Step, where: str) -> None:
    op = OPS.get(step.op)
    if op is None:
        raise PlanError(f"{where} is not an op of the vocabulary.")
    shapes: list[Shape] = [plan.buffers[o].shape if type(o) is int else () for o in step.inputs]
    types = [_type_of(plan, o) for o in step.inputs]
    try:
        _, attributes = op.bind(step.inputs, step.attributes)
        for index, operand in enumerate(step.inputs):
            if type(operand) is not int and not op.takes_number(index):
                raise PlanError(f"{where} has the constant {operand} where it needs an array.")
        shape = op.shape_of(shapes, attributes)
        number = op.makes_number(types)
        dtype = np.dtype(np.float64) if number else op.type_of(types, attributes)
    except (InputError, TypeError) as error:
        raise PlanError(f"{where}: {error}") from None
    if len(step.outputs) != 1:
        raise PlanError(f"{where} makes {len(step.outputs)} values; an op makes one.")
    buffer = plan.buffers[step.output]
    if shape != buffer.shape:
        raise PlanError(
            f"{where} makes {buffer.name} {format_shape(buffer.shape)}, its rule says {format_shape(shape)}."
        )
    if buffer.role != ("number" if number else "value"):
        raise PlanError(f"{where} makes {buffer.name}, which has the role {buffer.role}.")
    if dtype != buffer.dtype:
        raise PlanError(f"{where} makes {buffer.name} as {buffer.dtype}, its rule says {dtype}.")


def _type_of(plan: Plan, operand: Any) -> "np.dtype[Any] | None":
    if type(operand) is not int or plan.buffers[operand].role in ("scalar", "number"):
        return None
    return plan.buffers[operand].dtype


def _check_order(plan: Plan, step: Step, where: str, made: set[int]) -> None:
    for number in (*step.reads, *step.outputs):
        if not 0 <= number < len(plan.buffers):
            raise PlanError(f"{where} names buffer {number}, which the plan does not have.")
    for number in step.reads:
        if number not in made:
            raise PlanError(f"{where} reads {plan.buffers[number].name} before any step has made it.")
    for number in step.outputs:
        if number in made:
            raise PlanError(f"{where} makes {plan.buffers[number].name}, which exists already.")
    if len(set(step.outputs)) < len(step.outputs):
        raise PlanError(f"{where} makes the same buffer twice.")


def _check_wanted(plan: Plan, made: set[int]) -> None:
    for name, number in plan.results.items():
        if number not in made:
            raise PlanError(f"the result {name!r} is never made.")
    for number, becomes in plan.updates.items():
        before = plan.buffers[number] if 0 <= number < len(plan.buffers) else None
        if before is None or before.role not in ("parameter", "slot", "gradient"):
            raise PlanError(f"the plan updates buffer {number}, which is neither parameter nor slot nor gradient.")
        if becomes not in made:
            raise PlanError(f"what {before.name} becomes is never made.")
        after = plan.buffers[becomes]
        if (after.shape, after.dtype) != (before.shape, before.dtype):
            raise PlanError(
                f"{before.name} {format_shape(before.shape)} {before.dtype} becomes {after.name} "
                f"{format_shape(after.shape)} {after.dtype}."
            )


def _names(plan: Plan, numbers: set[int]) -> str:
    return ", ".join(plan.buffers[n].name for n in sorted(numbers))
