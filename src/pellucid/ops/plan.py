"""A plan: the steps of a network as data, with every buffer's shape, type and role known, and a validator.

A plan is recorded once and read by many: the executor replays it, `print` shows it, exporters translate it.
The number of rows of a batch is not part of it; it stands in shapes as the letter N.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from pellucid.errors import PlanError

ROWS: Literal["N"] = "N"
Dimension = int | Literal["N"]
Shape = tuple[Dimension, ...]
Role = Literal["input", "target", "weight", "parameter", "slot", "scalar", "value"]
Operand = int | float
"""A buffer's number (int) or a constant (float)."""


@dataclass(frozen=True)
class Buffer:
    """Something with a shape and a type that steps read and write; `role` says who fills it."""

    number: int
    shape: Shape
    dtype: np.dtype[Any]
    role: Role
    name: str


@dataclass(frozen=True)
class Step:
    """One op: what it reads, what it makes, and, for updates, what it writes in place."""

    op: str
    inputs: tuple[Operand, ...]
    output: int | None
    writes: tuple[int, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def reads(self) -> tuple[int, ...]:
        return tuple(operand for operand in self.inputs if isinstance(operand, int))

    @property
    def makes(self) -> tuple[int, ...]:
        return () if self.output is None else (self.output,)


@dataclass(frozen=True)
class Chain(Step):
    """Elementwise steps that run in one pass; `outputs` are those of their results that others read."""

    steps: tuple[Step, ...] = ()
    outputs: tuple[int, ...] = ()

    @property
    def makes(self) -> tuple[int, ...]:
        return self.outputs


@dataclass
class Plan:
    """Steps in order, the buffers they use, and the buffers whose values the caller wants (`results`, by name)."""

    buffers: list[Buffer] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)

    def buffer(self, shape: Shape, dtype: np.dtype[Any], role: Role, name: str = "") -> Buffer:
        made = Buffer(len(self.buffers), shape, dtype, role, name or f"%{len(self.buffers)}")
        self.buffers.append(made)
        return made

    def without_unused_steps(self) -> "Plan":
        """Returns the plan less every step whose output nobody reads, such as dx of the first layer."""
        needed = set(self.results.values())
        kept: list[Step] = []
        for step in reversed(self.steps):
            if step.writes or needed.intersection(step.makes):
                needed.update(step.reads)
                kept.append(step)
        return Plan(self.buffers, kept[::-1], self.results)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        width = max((len(target) for step in self.steps for target in self._targets(step)), default=0)
        for index, step in enumerate(self.steps):
            inner = step.steps if isinstance(step, Chain) else (step,)
            for position, part in enumerate(inner):
                number = f"{index:4d}" if position == 0 else "   |"
                sign = "<-" if part.writes else "= "
                yield f"{number}  {self._targets(part)[0]:<{width}}  {sign} {part.op}({self._arguments(part)})"

    def _arguments(self, step: Step) -> str:
        arguments = [self._operand(operand) for operand in step.inputs]
        for key, value in step.attributes.items():
            if isinstance(value, float) and value:
                arguments.append(f"{key}={value:g}")
            elif isinstance(value, int | str | tuple):
                arguments.append(f"{key}={value}")
        return ", ".join(arguments)

    def _targets(self, step: Step) -> list[str]:
        if isinstance(step, Chain):
            return [target for part in step.steps for target in self._targets(part)]
        numbers = step.writes or step.makes
        return [", ".join(f"{self.buffers[n].name} {format_shape(self.buffers[n].shape)}" for n in numbers)]

    def _operand(self, operand: Operand) -> str:
        return f"{operand:g}" if isinstance(operand, float) else self.buffers[operand].name


def format_shape(shape: Shape) -> str:
    """Writes a shape as Python does, with N for the rows of the batch."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


ShapeRule = Callable[[str, list[Shape], Mapping[str, Any]], Shape | None]


def validate(plan: Plan, shape_of: ShapeRule) -> None:
    """Checks shapes, types, order of use and what may be written.

    Raises:
        PlanError: naming the step and the rule it breaks.
    """
    made = {b.number for b in plan.buffers if b.role != "value"}
    for index, step in enumerate(plan.steps):
        where = f"step {index} ({step.op})"
        if isinstance(step, Chain):
            inside = set(made)
            for inner in step.steps:
                _check_step(plan, inner, f"{where}, {inner.op}", inside, shape_of)
            _check_order(plan, step, where, made)
            made.update(step.makes)
        else:
            _check_step(plan, step, where, made, shape_of)
    for name, number in plan.results.items():
        if number not in made:
            raise PlanError(f"the result {name!r} is never made.")


def _check_step(plan: Plan, step: Step, where: str, made: set[int], shape_of: ShapeRule) -> None:
    _check_order(plan, step, where, made)
    _check_types(plan, step, where)
    _check_writes(plan, step, where)
    shapes = [plan.buffers[o].shape if isinstance(o, int) else () for o in step.inputs]
    expected = shape_of(step.op, shapes, step.attributes)
    for number in step.makes:
        if expected != plan.buffers[number].shape:
            shape = format_shape(plan.buffers[number].shape)
            raise PlanError(f"{where} makes {plan.buffers[number].name} {shape}, its rule says {expected}.")
        made.add(number)


def _check_order(plan: Plan, step: Step, where: str, made: set[int]) -> None:
    for number in step.reads:
        if not 0 <= number < len(plan.buffers):
            raise PlanError(f"{where} reads buffer {number}, which the plan does not have.")
        if number not in made:
            raise PlanError(f"{where} reads {plan.buffers[number].name} before any step has made it.")
    for number in step.makes:
        if number in made:
            raise PlanError(f"{where} makes {plan.buffers[number].name}, which exists already.")


def _check_types(plan: Plan, step: Step, where: str) -> None:
    numbers = (*step.reads, *step.makes)
    types = {plan.buffers[n].dtype for n in numbers if plan.buffers[n].role != "scalar"}
    if step.op in ("max_pool2d_places", "max_pool2d_backward"):
        types.discard(np.dtype(np.uint8))  # the places
    if step.op != "one_hot" and len(types) > 1:
        raise PlanError(f"{where} mixes {' and '.join(sorted(map(str, types)))}; a plan has no hidden casts.")


def _check_writes(plan: Plan, step: Step, where: str) -> None:
    for number in step.writes:
        if number not in step.reads:
            raise PlanError(f"{where} writes {plan.buffers[number].name} in place without reading it.")
        if plan.buffers[number].role not in ("parameter", "slot"):
            raise PlanError(f"{where} writes {plan.buffers[number].name}, which is neither parameter nor slot.")
    if len(set(step.writes)) < len(step.writes):
        raise PlanError(f"{where} writes the same buffer twice.")
