"""Rewrite rules for updates: what becomes of a parameter and its slots is one step, and joins the product it needs.

An optimizer's rule is recorded as elementwise ops. Where they are those of a kernel that the core has by hand,
`KERNELS` says so; any other rule runs as a program. Both are one pass over the weights, the gradient and the slots.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from pellucid import ops
from pellucid.ops.arrays import Array
from pellucid.plan.ir import Operand, Plan, Step, Uses
from pellucid.plan.record import Recorded, declare
from pellucid.plan.rewrites.general import ELEMENTWISE, joined

Rule = Callable[..., tuple[Any, ...]]
"""Given w, g, the slots, and then the numbers by name: w and the slots anew."""


def _sgd(w: Array, g: Array, learning_rate: float) -> tuple[Array, ...]:
    return (w - learning_rate * g,)


def _momentum(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> tuple[Array, ...]:
    v = momentum * v - learning_rate * g
    return w + v, v


def _nesterov(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> tuple[Array, ...]:
    step = learning_rate * g
    v = momentum * v - step
    return w + (momentum * v - step), v


def _adagrad(w: Array, g: Array, h: Array, learning_rate: float, epsilon: float) -> tuple[Array, ...]:
    h = h + ops.square(g)
    return w - learning_rate * g / (ops.sqrt(h) + epsilon), h


def _rmsprop(
    w: Array, g: Array, h: Array, learning_rate: float, rho: float, rest: float, epsilon: float
) -> tuple[Array, ...]:
    h = rho * h + rest * ops.square(g)
    return w - learning_rate * g / (ops.sqrt(h) + epsilon), h


def _adam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    learning_rate: float,
    beta1: float,
    rest1: float,
    beta2: float,
    rest2: float,
    epsilon: float,
    root_correction: float,
) -> tuple[Array, ...]:
    m = beta1 * m + rest1 * g
    v = beta2 * v + rest2 * ops.square(g)
    return w - learning_rate * (m / (ops.sqrt(v) * root_correction + epsilon)), m, v


def _running(w: Array, g: Array, momentum: float, rest: float) -> tuple[Array, ...]:
    return (momentum * w + rest * g,)


@dataclass(frozen=True)
class Kernel:
    """A hand-written kernel: its rule, and its numbers in the core's order (core/plan/numbers.h).

    "l2" and "l1" are the shares of w and of its signs that are added to the gradient beforehand; "decay" is what w is
    multiplied by instead, as in AdamW.
    """

    rule: Rule
    slots: int
    numbers: tuple[str, ...]


RUNNING = "running"
"""The rule of a running mean, which the core has by hand."""
_ADAM = ("beta1", "rest1", "beta2", "rest2", "epsilon", "root_correction")
KERNELS: dict[str, Kernel] = {
    "sgd": Kernel(_sgd, 0, ("learning_rate", "l2", "l1")),
    "momentum": Kernel(_momentum, 1, ("learning_rate", "l2", "l1", "momentum")),
    "nesterov": Kernel(_nesterov, 1, ("learning_rate", "l2", "l1", "momentum")),
    "adagrad": Kernel(_adagrad, 1, ("learning_rate", "l2", "l1", "epsilon")),
    "rmsprop": Kernel(_rmsprop, 1, ("learning_rate", "l2", "l1", "rho", "rest", "epsilon")),
    "adam": Kernel(_adam, 2, ("learning_rate", "l2", "l1", *_ADAM)),
    "adamw": Kernel(_adam, 2, ("learning_rate", "l2", "l1", *_ADAM, "decay")),
    RUNNING: Kernel(_running, 0, ("momentum", "rest")),
}
_COMMUTE = ("add", "multiply", "maximum", "minimum")
GRADIENT = "gradient "
"""What the name of a gradient's place begins with; the parameter's follows."""
PROGRAM = "program"
"""The rule of an update that no kernel knows."""

_DECAYS = (("l2", "l1"), ("l1",), ("l2",), ())
"""The richest first: to a plainer template, what is added to the gradient is but a part of it."""


# Templates: a kernel's rule, recorded once over numbers that stand for any --------------------------------------------


@dataclass(frozen=True)
class Template:
    """A rule as a plan: which buffers are w, g and the slots, what they become, and which numbers stand open."""

    name: str
    plan: Plan
    arrays: tuple[int, ...]
    outputs: tuple[int, ...]
    ops: dict[int, Step] = field(hash=False, compare=False)


@cache
def _templates() -> tuple[Template, ...]:
    found: list[Template] = []
    for name, kernel in KERNELS.items():
        if name == RUNNING:
            found.append(_template(name, kernel, ()))
        elif name == "adamw":
            found.append(_template(name, kernel, ("decay",)))
        else:
            found += [_template(name, kernel, decays) for decays in _DECAYS]
    return tuple(found)


def _template(name: str, kernel: Kernel, decays: tuple[str, ...]) -> Template:
    plan, kind = Plan(), np.dtype(np.float32)
    names = ("w", "g", *(f"s{i}" for i in range(kernel.slots)))
    arrays = [declare(plan, (1, 1), kind, "input", each) for each in names]
    numbers: dict[str, Any] = {
        each: declare(plan, (), np.dtype(np.float64), "scalar", each) for each in (*kernel.numbers, "l2", "l1", "decay")
    }
    w, g, *slots = arrays
    shrunk: Any = numbers["decay"] * w if "decay" in decays else w
    given: Any = g
    if "l2" in decays:
        given = given + numbers["l2"] * w
    if "l1" in decays:
        given = given + numbers["l1"] * ops.sign(w)  # type: ignore[arg-type]
    own = {each: numbers[each] for each in kernel.numbers if each not in ("l2", "l1", "decay")}
    made: tuple[Recorded, ...] = kernel.rule(shrunk, given, *slots, **own)
    by_output = {step.output: step for step in plan.steps}
    return Template(name, plan, tuple(a.buffer.number for a in arrays), tuple(m.buffer.number for m in made), by_output)


class _Match:
    """One attempt to see a template in a plan: `bound` says what stands for each of its buffers."""

    def __init__(self, template: Template, plan: Plan, uses: Uses) -> None:
        self.template, self.plan, self.uses = template, plan, uses
        self.bound: dict[int, Operand] = {}
        self.steps: set[int] = set()

    def fits(self, w: int, slots: tuple[int, ...], becomes: tuple[int, ...]) -> bool:
        own_w, _, *own_slots = self.template.arrays
        self.bound = {own_w: w, **dict(zip(own_slots, slots, strict=True))}
        for own, found in zip(self.template.outputs, becomes, strict=True):
            if not self._same(own, found):
                return False
        # What comes up on the way must be nobody else's.
        inside = {self.plan.steps[index].output for index in self.steps} - set(becomes)
        return all(self.steps.issuperset(self.uses.readers_of(n)) for n in inside) and not (inside & self.plan.wanted)

    def _same(self, own: Operand, found: Operand) -> bool:
        if type(own) is not int:
            return _equal(own, found)
        if own in self.bound:
            return _equal(self.bound[own], found)
        step = self.template.ops.get(own)
        if step is None:
            return self._bind(own, found)
        index = self.uses.maker.get(found) if type(found) is int else None
        if index is None:
            return False
        given = self.plan.steps[index]
        if given.op != step.op or given.parts or len(given.inputs) != len(step.inputs):
            return False
        self.bound[own] = found
        self.steps.add(index)
        before = dict(self.bound), set(self.steps)
        if all(map(self._same, step.inputs, given.inputs)):
            return True
        if step.op not in _COMMUTE:
            return False
        self.bound, self.steps = before
        return all(map(self._same, step.inputs, reversed(given.inputs)))

    def _bind(self, own: int, found: Operand) -> bool:
        """A number of the kernel stands for a constant or a run-time scalar, g for an array as large as w."""
        buffers = self.plan.buffers
        if self.template.plan.buffers[own].role == "scalar":
            fits = type(found) is float or (type(found) is int and buffers[found].role == "scalar")
        else:
            w = self.bound[self.template.arrays[0]]
            assert type(w) is int
            fits = type(found) is int and buffers[found].shape == buffers[w].shape and found != w
        if fits:
            self.bound[own] = found
        return fits

    def step(self, becomes: tuple[int, ...]) -> Step:
        w, g, *slots = (self.bound[own] for own in self.template.arrays)
        by_name = {self.template.plan.buffers[own].name: found for own, found in self.bound.items()}
        numbers = tuple(by_name.get(name, 0.0) for name in KERNELS[self.template.name].numbers)
        parts = tuple(self.plan.steps[index] for index in sorted(self.steps))
        return Step("update", (g, w, *slots, *numbers), becomes, {"rule": self.template.name}, parts)


def _equal(one: Operand, other: Operand) -> bool:
    """Whether both are the same buffer or the same constant; in Python, buffer 5 equals the constant 5.0."""
    return type(one) is type(other) and one == other


# The rules -----------------------------------------------------------------------------------------------------------


def updates_run_in_one_pass(plan: Plan) -> Plan:
    """The elementwise steps that make a parameter and its slots anew become one step."""
    if not plan.updates:
        return plan
    uses = Uses(plan)
    replaced: dict[int, Step] = {}
    gone: set[int] = set()
    for changing, becomes in _changing(plan):
        step, indices = _update(plan, uses, changing, becomes)
        if step is not None:
            last = max(indices)
            replaced[last] = step
            gone |= indices - {last}
    return plan.with_steps([replaced.get(i, step) for i, step in enumerate(plan.steps) if i not in gone])


def updates_join_products(plan: Plan) -> Plan:
    """`g = aᵀ·b; w, slots = rule(w, g, slots)` becomes one step where nobody else reads g: it is never stored."""
    if not plan.updates:
        return plan
    uses = Uses(plan)
    replaced: dict[int, Step] = {}
    gone: set[int] = set()
    for index, step in enumerate(plan.steps):
        if step.op != "update" or step.attributes["rule"] == RUNNING:
            continue
        at = _product(plan, uses, index)
        if at is None:
            continue
        product = plan.steps[at]
        if any(plan.buffers[n].role in ("parameter", "slot") for n in product.reads):
            continue
        others = [operand for operand in step.inputs if operand != product.output or type(operand) is float]
        parts = (product, *step.parts)
        replaced[index] = Step("update_product", (*product.inputs, *others), step.outputs, step.attributes, parts)
        gone.add(at)
    return plan.with_steps([replaced.get(i, step) for i, step in enumerate(plan.steps) if i not in gone])


def _product(plan: Plan, uses: Uses, index: int) -> int | None:
    """The product that makes what an update reads, and nobody else does: a kernel's gradient, anything of a program."""
    step = plan.steps[index]
    candidates = step.reads if step.attributes["rule"] == PROGRAM else step.reads[:1]
    shape = plan.buffers[step.output].shape
    for number in candidates:
        at = uses.maker.get(number)
        if at is None or plan.steps[at].op != "matmul_tn" or uses.only_reader(number) != index:
            continue
        # The core takes a program's extent from what it reads beside the gradient.
        beside = any(plan.buffers[n].shape == shape for n in step.reads if n != number)
        if len(shape) == 2 and plan.buffers[number].shape == shape and beside:
            return at
    return None


def updates_come_last(plan: Plan) -> Plan:
    """Whatever makes a parameter or a slot anew, or needs that, comes after everything else."""
    late = plan.renewed
    if not late:
        return plan
    first: list[Step] = []
    last: list[Step] = []
    for step in plan.steps:
        if late.isdisjoint(step.outputs) and late.isdisjoint(step.reads):
            first.append(step)
        else:
            late.update(step.outputs)
            last.append(step)
    return plan.with_steps(first + last)


def _changing(plan: Plan) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For each parameter that changes, its number and those of its slots that change, and what they become.

    A running value may become what it does in the place of a gradient.
    """
    slots: dict[str, list[int]] = {}
    for number in plan.updates:
        buffer = plan.buffers[number]
        if buffer.role == "slot":
            slots.setdefault(buffer.name.rpartition(".")[0], []).append(number)
    parameters = {b.name: b.number for b in plan.buffers if b.role == "parameter"}
    for number, becomes in plan.updates.items():
        buffer = plan.buffers[number]
        if buffer.role == "parameter":
            changing = (number, *sorted(slots.get(buffer.name, ())))
            yield changing, tuple(plan.updates[n] for n in changing)
        elif buffer.role == "gradient":
            yield (parameters[buffer.name.removeprefix(GRADIENT)],), (becomes,)


def _update(
    plan: Plan, uses: Uses, changing: tuple[int, ...], becomes: tuple[int, ...]
) -> tuple[Step | None, set[int]]:
    w, *slots = changing
    kept = plan.updates.get(w) == becomes[0]
    # A kernel writes over w and the slots, but for a running mean's: what is still wanted then is not for it.
    by_kernel = kept and plan.wanted.isdisjoint(changing)
    last = uses.maker.get(becomes[0])
    for template in _templates():
        if len(template.outputs) != len(becomes) or last is None or not (by_kernel or template.name == RUNNING):
            continue
        match = _Match(template, plan, uses)
        same_end = plan.steps[last].op == template.ops[template.outputs[0]].op
        if same_end and match.fits(w, tuple(slots), becomes) and _alone(uses, match.steps, becomes):
            step = match.step(becomes)
            if template.name != RUNNING or _is_running(plan, step):
                return step, match.steps
    indices = _program(plan, uses, plan.buffers[w].shape, becomes) if kept else set()
    if not indices or not _alone(uses, indices, becomes):
        return None, set()
    steps = [plan.steps[index] for index in sorted(indices)]
    step = joined("update", steps, tuple(n for s in steps for n in s.outputs if n in becomes))
    return step._replace(attributes={"rule": PROGRAM}), indices


def _alone(uses: Uses, indices: set[int], becomes: tuple[int, ...]) -> bool:
    """Whether nobody needs a new value before the last of these steps has been made."""
    readers = {index for number in becomes for index in uses.readers_of(number)} - indices
    return all(index > max(indices) for index in readers)


def _is_running(plan: Plan, step: Step) -> bool:
    """Whether it is the core's running mean: one row, and shares that sum to 1."""
    _, w, momentum, rest = step.inputs
    constants = isinstance(momentum, float) and isinstance(rest, float)
    return constants and rest == 1.0 - momentum and len(plan.buffers[int(w)].shape) <= 1


def _program(plan: Plan, uses: Uses, shape: Any, becomes: tuple[int, ...]) -> set[int]:
    """The elementwise steps over a parameter's shape on which nothing but its update depends."""
    indices: set[int] = set()
    open_ = [uses.maker[n] for n in becomes if n in uses.maker]
    targets, wanted = set(becomes), plan.wanted
    while open_:
        index = max(open_)
        open_.remove(index)
        step = plan.steps[index]
        own = step.op in ELEMENTWISE and not step.parts and plan.buffers[step.output].shape == shape
        nobody_else = indices.issuperset(uses.readers_of(step.output))
        if not own or not nobody_else or (step.output in wanted and step.output not in targets):
            continue
        indices.add(index)
        for number in step.reads:
            at = uses.maker.get(number)
            if at is not None and at not in indices and at not in open_:
                open_.append(at)
    return indices
