"""A plan: the steps of a network as data, with every buffer's shape, type and role known.

A plan is recorded once and read by many: the executor replays it, `print` shows it, exporters translate it. It holds
values: no step changes what another has made. What a parameter or a slot becomes is one more value, named in `updates`.
The number of rows of a batch is not part of it; it stands in shapes as the letter N.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from pellucid.ops.arrays import ROWS, Dimension, Shape, format_shape

Role = Literal["input", "target", "weight", "parameter", "slot", "gradient", "scalar", "number", "value"]
Operand = int | float
"""A buffer's number (int) or a constant (float)."""


class Buffer(NamedTuple):
    """Something with a shape and a type that steps read; `role` says who fills it.

    Steps make values, and numbers where they have nothing but run-time scalars to make them of; the rest is given.
    """

    number: int
    shape: Shape
    dtype: np.dtype[Any]
    role: Role
    name: str


class Step(NamedTuple):
    """One op: what it reads, and what it makes of that.

    A step of a rewritten plan may make several values, and may hold the `parts` that it stands for: its meaning.
    """

    op: str
    inputs: tuple[Operand, ...]
    outputs: tuple[int, ...]
    attributes: Mapping[str, Any] = {}
    parts: "tuple[Step, ...]" = ()

    @property
    def output(self) -> int:
        return self.outputs[0]

    @property
    def reads(self) -> tuple[int, ...]:
        return tuple([operand for operand in self.inputs if type(operand) is int])


@dataclass
class Plan:
    """Steps in order, the buffers they use, and which values are wanted.

    results: by name, the buffers that the caller reads. updates: for each parameter or slot that changes, the value
    that it becomes when all steps are done.
    """

    buffers: list[Buffer] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)
    updates: dict[int, int] = field(default_factory=dict)

    def buffer(self, shape: Shape, dtype: np.dtype[Any], role: Role, name: str = "") -> Buffer:
        made = Buffer(len(self.buffers), shape, dtype, role, name or f"%{len(self.buffers)}")
        self.buffers.append(made)
        return made

    def with_steps(self, steps: list[Step]) -> "Plan":
        """Returns the plan with other steps; what is wanted of it stays."""
        return Plan(self.buffers, steps, self.results, self.updates)

    def copy(self) -> "Plan":
        """Returns a plan that can be added to without changing this one."""
        return Plan(list(self.buffers), list(self.steps), dict(self.results), dict(self.updates))

    @property
    def given(self) -> set[int]:
        """The buffers that are filled before the first step."""
        return {b.number for b in self.buffers if b.role not in ("value", "number")}

    @property
    def renewed(self) -> set[int]:
        """The values that parameters and slots become."""
        return {v for n, v in self.updates.items() if self.buffers[n].role != "gradient"}

    @property
    def wanted(self) -> set[int]:
        """The buffers whose values outlast the steps."""
        return {*self.results.values(), *self.updates.values()}

    def without_unused_steps(self) -> "Plan":
        """Returns the plan less every step whose outputs nobody reads, such as dx of the first layer."""
        needed = self.wanted
        kept: list[Step] = []
        for step in reversed(self.steps):
            if not needed.isdisjoint(step.outputs):
                needed.update(step.reads)
                kept.append(step)
        return self.with_steps(kept[::-1])

    def __str__(self) -> str:
        from pellucid.plan.printing import lines

        return "\n".join(lines(self))

    def to_json(self) -> str:
        """Returns the plan as JSON, exact in every number; `pellucid.plan.from_json` reads it."""
        from pellucid.plan.serialise import to_json

        return to_json(self)

    def run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Carries the plan out in NumPy, given arrays by the names of buffers; see `pellucid.plan.interpreter.run`."""
        from pellucid.plan.interpreter import run

        return run(self, given)


class Uses:
    """Who makes and who reads each buffer of a plan, as numbers of steps in order; made once, asked often."""

    def __init__(self, plan: Plan) -> None:
        maker: dict[int, int] = {}
        readers: dict[int, list[int]] = {}
        for index, step in enumerate(plan.steps):
            for number in step[2]:
                maker[number] = index
            for operand in step[1]:
                if type(operand) is int:
                    by = readers.setdefault(operand, [])
                    if not by or by[-1] != index:
                        by.append(index)
        self.maker, self.readers = maker, readers
        self._wanted = plan.wanted

    def readers_of(self, number: int) -> list[int]:
        return self.readers.get(number, [])

    def only_reader(self, number: int) -> int | None:
        """The one step that reads a buffer, None where there are more, or the caller wants it."""
        readers = self.readers_of(number)
        return readers[0] if len(readers) == 1 and number not in self._wanted else None


def each_step(plan: Plan) -> Iterator[Step]:
    """Yields all steps, in place of a step with parts the parts."""
    for step in plan.steps:
        yield from step.parts or (step,)


__all__ = [
    "ROWS",
    "Buffer",
    "Dimension",
    "Operand",
    "Plan",
    "Role",
    "Shape",
    "Step",
    "Uses",
    "each_step",
    "format_shape",
]
