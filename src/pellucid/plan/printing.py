"""A plan as text: one line for each op, with all constants, types and shapes."""

from collections.abc import Iterator

import numpy as np

from pellucid.ops.arrays import format_shape
from pellucid.plan.ir import Operand, Plan, Step

_SHORT = {"float32": "f4", "float64": "f8", "int32": "i4", "int64": "i8", "uint8": "u1"}


def lines(plan: Plan) -> Iterator[str]:
    """Yields what the plan is given, its steps, and what becomes of them."""
    printed = _Printed(plan)
    yield from printed.given()
    yield from printed.steps()
    yield from printed.wanted()


class _Printed:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parts = [step.parts or (step,) for step in plan.steps]
        targets = [self._target(part) for parts in self.parts for part in parts]
        self.width = max(map(len, targets), default=0)

    def given(self) -> Iterator[str]:
        read = {n for parts in self.parts for part in parts for n in part.reads} | {*self.plan.updates}
        known, by_role = self.plan.given, dict[str, list[str]]()
        for buffer in self.plan.buffers:
            if buffer.number in known and buffer.number in read:
                by_role.setdefault(buffer.role, []).append(self._typed(buffer.number))
        for role, names in by_role.items():
            yield f"{role:>9}  {', '.join(names)}"

    def steps(self) -> Iterator[str]:
        for index, (step, parts) in enumerate(zip(self.plan.steps, self.parts, strict=True)):
            for position, part in enumerate(parts):
                number = f"{index:9d}" if position == 0 else "        |"
                line = f"{number}  {self._target(part):<{self.width}}  =  {part.op}({self._arguments(part)})"
                yield line + (self._joined(step) if position == 0 and step.parts else "")

    def wanted(self) -> Iterator[str]:
        for name, number in self.plan.results.items():
            if name != self._name(number):
                yield f"   result  {name} is {self._name(number)}"
        for number, becomes in self.plan.updates.items():
            yield f"   update  {self._name(number)} <- {self._name(becomes)}"

    def _joined(self, step: Step) -> str:
        """What a step is that stands for several: they run in one pass."""
        rule = step.attributes.get("rule")
        return f"   | {step.op}" if rule is None else f"   | {step.op}, {rule}"

    def _target(self, step: Step) -> str:
        return ", ".join(map(self._typed, step.outputs))

    def _arguments(self, step: Step) -> str:
        constants = [f"{key}={_constant(value)}" for key, value in step.attributes.items()]
        return ", ".join([*map(self._operand, step.inputs), *constants])

    def _operand(self, operand: Operand) -> str:
        return _constant(operand) if isinstance(operand, float) else self._name(operand)

    def _name(self, number: int) -> str:
        return self.plan.buffers[number].name

    def _typed(self, number: int) -> str:
        buffer = self.plan.buffers[number]
        return f"{buffer.name} {_SHORT.get(str(buffer.dtype), buffer.dtype)}{format_shape(buffer.shape)}"


def _constant(value: object) -> str:
    """Every digit of a number: what is printed can be computed with."""
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and 0 < abs(value) < 1e15 else repr(value).removesuffix(".0")
    return str(value) if not isinstance(value, np.dtype) else value.name
