"""Lowers a rewritten plan to what the C++ executor reads: buffers as (rows, width), steps by number of their kind."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import philox
from pellucid.engines import layouts
from pellucid.engines.image_steps import WINDOWED, numbers_of
from pellucid.engines.rewrites import ELEMENTWISE
from pellucid.errors import OutsideVocabulary
from pellucid.ops.plan import ROWS, Buffer, Chain, Operand, Plan, Step, format_shape
from pellucid.parameters import Layout

# The order of StepKind, Op, OperandKind and UpdateRule in core/plan.h and core/kernels/table.h.
STEP_KINDS = (
    ("affine", "matmul", "matmul_nt", "matmul_tn", "sgd_product", "update_product", "update", "elementwise")
    + ("sum_rows", "sum_columns", "max_columns", "sum_all", "one_hot", "mean_weights", "dropout_mask")
    + ("running_update", "conv2d", "conv2d_input_gradient", "conv2d_weight_gradient", "max_pool2d")
    + ("max_pool2d_backward", "average_pool2d", "average_pool2d_backward", "pad2d", "crop2d", "to_positions")
    + ("to_planes", "spread2d", "concatenate", "slice_channels", "sum_channels", "mean_channels")
)  # fmt: skip
OPS = (
    ("copy", "negative", "absolute", "sign", "square", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid")
    + ("softplus", "erf", "add", "subtract", "multiply", "divide", "maximum", "minimum", "greater", "greater_equal")
    + ("fma", "where", "multiply_greater")
)  # fmt: skip
FULL, ROW, COLUMN, SCALAR, CONSTANT = range(5)
_RATES = {"adam": 2, "adamw": 3}
"""How many scalars an update takes where it is not one, the learning rate."""
UPDATE_RULES = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
ARENA, PARAMETERS, SLOTS = range(3)


@dataclass(frozen=True)
class Lowered:
    """A plan as the core reads it: its PlanSpec, in which buffers the results are, and the run-time scalars in order.

    The core's number of a result is another than the plan's where it was reshaped, or lies otherwise.
    """

    spec: Any
    results: Mapping[str, int]
    scalars: tuple[str, ...]


def lower(core: Any, plan: Plan, layout: Layout, slots: tuple[str, ...]) -> Lowered:
    """Returns what the core needs of a plan, given where parameters lie and the names of the slots.

    Raises:
        OutsideVocabulary: a shape or op that the native kernels do not have.
    """
    return _Lowering(core, plan, layout, slots).lowered()


class _Lowering:
    def __init__(self, core: Any, plan: Plan, layout: Layout, slots: tuple[str, ...]) -> None:
        self.plan = plan
        self.spec = core.PlanSpec()
        self.count = 0
        self.same: dict[int, int] = {}
        self.by_positions = layouts.by_positions(plan)
        self.laid: dict[tuple[int, bool], int] = {}
        self.scalars = [b.name for b in plan.buffers if b.role == "scalar"]
        for buffer in plan.buffers:
            self._add_buffer(buffer, layout, slots)

    def lowered(self) -> Lowered:
        spec, plan = self.spec, self.plan
        first_update = None
        for step in plan.steps:
            if step.op in ("reshape", "per_channel"):
                self._rename(step)
                continue
            if step.writes and first_update is None:
                first_update = self.count
            self._add_step(step)
            if plan.results["output"] in step.makes:
                self._in_planes(plan.results["output"])
        by_role = {b.role: b.number for b in plan.buffers}
        spec.x, spec.weight = by_role["input"], by_role.get("weight", -1)
        target = plan.buffers[by_role["target"]] if "target" in by_role else None
        spec.labels = target is not None and target.shape == (ROWS,)
        spec.t = -1 if target is None or spec.labels else target.number
        results = {name: self._in_planes(number) for name, number in plan.results.items()}
        for name in ("output", "row_losses", "loss"):
            setattr(spec, name, results.get(name, -1))
        spec.kept = [number for name, number in results.items() if name.startswith("gradient ")]
        if "loss" in results:
            # Without parameters there are no updates, but an infinite loss is to be found all the same.
            spec.first_update = self.count if first_update is None else first_update
            spec.watched = self._watched()
        for number in {
            n for step in plan.steps if step.op in ELEMENTWISE or isinstance(step, Chain) for n in step.reads
        }:
            if plan.buffers[number].role == "scalar":
                spec.add_scalar_buffer(number, self.scalars.index(plan.buffers[number].name))
        return Lowered(spec, results, tuple(self.scalars))

    # Buffers ---------------------------------------------------------------------------------------------------------

    def _add_buffer(self, buffer: Buffer, layout: Layout, slots: tuple[str, ...]) -> None:
        rows, width, positions = self._extent(buffer)
        home, offset = ARENA, 0
        if buffer.role in ("parameter", "slot") and rows > 1 and layouts.is_per_channel(buffer.shape):
            raise OutsideVocabulary(
                f"the native engine keeps a number per channel as ({rows},): give {buffer.name} that shape, and the "
                "layer ops.per_channel of it."
            )
        if buffer.role == "parameter":
            home, offset = PARAMETERS, layout.slots[buffer.name].offset
        elif buffer.role == "slot":
            name, _, slot = buffer.name.rpartition(".")
            home, offset = SLOTS + slots.index(slot), layout.slots[name].offset
        self.spec.add_buffer(rows, width, home, offset, positions, buffer.dtype == np.uint8)

    def _extent(self, buffer: Buffer) -> tuple[int, int, int]:
        """Returns (rows, width, rows of one sample), with 0 rows for as many as the batch has."""
        shape = buffer.shape
        if buffer.number in self.by_positions:
            return 0, int(shape[1]), math.prod(int(n) for n in shape[2:])
        if shape and shape[0] == ROWS:
            inner, rows = shape[1:], 0
        elif len(shape) >= 2 and not (buffer.role == "value" and layouts.is_per_channel(shape)):
            inner, rows = shape[1:], int(shape[0])
        else:
            inner, rows = shape, 1
        if ROWS in inner:
            raise OutsideVocabulary(f"the native engine needs the batch first in a shape, not {format_shape(shape)}.")
        return rows, math.prod(int(n) for n in inner), 1

    def _rename(self, step: Step) -> None:
        """A step that only says how numbers are meant: they stay where they are."""
        before, after = (self.plan.buffers[n] for n in (*step.reads, *step.makes))
        source = self._in_planes(before.number)
        if step.op == "reshape" and self._extent_of_planes(before) != self._extent(after)[:2]:
            raise OutsideVocabulary(
                f"the native engine cannot reshape {format_shape(before.shape)} to {format_shape(after.shape)}: only "
                "what lies behind the first dimension may change."
            )
        self.same[after.number] = source

    def _extent_of_planes(self, buffer: Buffer) -> tuple[int, int]:
        rows, width, positions = self._extent(buffer)
        return rows, width * positions

    # Layouts of images -----------------------------------------------------------------------------------------------

    def _in_planes(self, number: int) -> int:
        return self._lying(number, False) if number in self.by_positions else self._number(number)

    def _in_positions(self, number: int) -> int:
        image = layouts.is_image(self.plan.buffers[number].shape)
        return self._lying(number, True) if image and number not in self.by_positions else self._number(number)

    def _lying(self, number: int, positions: bool) -> int:
        """Returns the buffer that holds this image's numbers in the other layout, and has it made where there is none.

        A single position is one row of channels either way.
        """
        _, channels, high, wide = (int(n) if n != ROWS else 0 for n in self.plan.buffers[number].shape)
        if high * wide == 1:
            return self._number(number)
        if (number, positions) not in self.laid:
            rows = (channels, high * wide) if positions else (channels * high * wide, 1)
            made = self.spec.add_buffer(0, rows[0], ARENA, 0, rows[1], False)
            self._emit("to_positions" if positions else "to_planes", [number, made])
            self.laid[number, positions] = made
        return self.laid[number, positions]

    def _number(self, number: int) -> int:
        return self.same.get(number, number)

    def _watched(self) -> list[int]:
        """What weight gradients are made of: if all of it stays small, no update can overflow.

        The loss is not among it: it may be as large as it likes, as long as it is finite.
        """
        found: set[int] = set()
        for step in self.plan.steps:
            if step.op in ("sgd_product", "update_product", "matmul_tn", "sum_rows"):
                found.update(self._number(n) for n in step.reads if self.plan.buffers[n].role in ("value", "input"))
            elif step.op.endswith("_update") and self.plan.buffers[step.reads[1]].role == "value":
                found.add(self._number(step.reads[1]))
        return sorted(found)

    # Steps -----------------------------------------------------------------------------------------------------------

    def _emit(
        self,
        kind: str,
        buffers: list[int],
        numbers: list[tuple[int, float]] | None = None,
        rule: int = 0,
        key: tuple[int, int] = (0, 0),
        program: tuple[list[Any], list[Any], int] = ([], [], 0),
        image: list[int] | None = None,
    ) -> None:
        code, operands, registers = program
        mapped = [self._number(n) for n in buffers]
        number = STEP_KINDS.index(kind)
        self.spec.add_step(number, mapped, numbers or [], rule, *key, code, operands, registers, image or [])
        self.count += 1

    def _add_step(self, step: Step) -> None:
        if step.op in layouts.IMAGE_STEPS:
            self._add_image_step(step)
        elif isinstance(step, Chain):
            self._add_chain(step.steps, step.outputs)
        elif step.op in ELEMENTWISE:
            self._add_chain((step,), step.makes)
        elif step.op == "sgd_product":
            l2 = self._runtime(step.inputs[4]) if len(step.inputs) > 4 else (-1, step.attributes["l2"])
            numbers = [self._runtime(step.inputs[3]), l2]
            self._emit("sgd_product", list(step.reads[:3]), numbers)
        elif step.op == "running_update":
            w, value = step.reads
            self._emit("running_update", [value, w], [(-1, step.attributes["momentum"])])
        elif step.op == "update_product" or step.op.endswith("_update"):
            self._add_update(step)
        elif step.op == "one_hot":
            self._emit("one_hot", list(step.makes))
        elif step.op == "dropout_mask":
            key = (step.attributes["seed"], philox.purpose_of(philox.DROPOUT, step.attributes["layer"]))
            numbers = [self._runtime(step.inputs[1]), (-1, step.attributes["rate"])]
            self._emit("dropout_mask", list(step.makes), numbers, key=key)
        elif step.op in STEP_KINDS:
            if step.op in ("matmul", "matmul_nt", "matmul_tn", "affine") and len(step.reads) != len(step.inputs):
                raise OutsideVocabulary(f"ops.{step.op} needs arrays, not numbers, on the native engine.")
            self._emit(step.op, [*step.reads, *step.makes])
        else:
            raise OutsideVocabulary(f"the native engine has no kernel for ops.{step.op}.")

    def _add_image_step(self, step: Step) -> None:
        shape = self.plan.buffers[step.reads[0]].shape
        if shape[0] != ROWS or len(shape) not in (2, 4):
            raise OutsideVocabulary(
                f"the native engine makes ops.{step.op} of a batch of vectors or images, not of {format_shape(shape)}."
            )
        planes = step.op in ("conv2d", "conv2d_weight_gradient") and layouts.reads_planes(
            self.plan, step.reads[0], self.by_positions
        )
        reads = [self._number(n) if planes and i == 0 else self._in_positions(n) for i, n in enumerate(step.reads)]
        made = list(step.makes)
        if step.op == "max_pool2d_places":
            largest = self.plan.buffers[made[0]]
            rows, width, positions = self._extent(largest)
            made.insert(0, self.spec.add_buffer(rows, width, ARENA, 0, positions, False))
        image = numbers_of(self.plan, step, planes) if step.op in WINDOWED else None
        numbers = [(-1, float(step.attributes["first"]))] if step.op == "slice_channels" else None
        kind = "max_pool2d" if step.op == "max_pool2d_places" else step.op
        self._emit(kind, [*reads, *made], numbers, image=image)

    def _runtime(self, operand: Operand) -> tuple[int, float]:
        if isinstance(operand, int):
            return self.scalars.index(self.plan.buffers[operand].name), 0.0
        return -1, operand

    def _add_update(self, step: Step) -> None:
        joined = step.op == "update_product"
        rule = step.attributes["rule"] if joined else step.op.removesuffix("_update")
        arrays = [n for n in step.reads if self.plan.buffers[n].role != "scalar"]
        scalars = [self._runtime(operand) for operand in step.inputs[len(arrays) :]]
        numbers = update_numbers(rule, scalars, step.attributes)
        if joined:
            self._emit("update_product", arrays, numbers, UPDATE_RULES.index(rule))
        else:
            w, gradient, *slots = arrays
            self._emit("update", [gradient, w, *slots], numbers, UPDATE_RULES.index(rule))

    def _add_chain(self, steps: tuple[Step, ...], outputs: tuple[int, ...]) -> None:
        steps = masks_applied(steps, outputs)
        result = self.plan.buffers[steps[-1].makes[0]]
        positions = result.number in self.by_positions
        made = [step.makes[0] for step in steps]
        inputs = list(dict.fromkeys(n for step in steps for n in step.reads if n not in made))
        constants = list(dict.fromkeys(o for step in steps for o in step.inputs if isinstance(o, float)))
        # The last operand is an output: the executor takes the extent of the program from it.
        read = [self._in_positions(n) if positions else n for n in inputs]
        buffers = [*read, *([read[0] if read else outputs[0]] * len(constants)), *outputs]
        operands = [(self._kind(n, result), 0.0) for n in inputs]
        operands += [(CONSTANT, value) for value in constants]
        operands += [(FULL, 0.0) for _ in outputs]
        if len(operands) > 64:
            raise OutsideVocabulary("the native engine takes at most 64 operands in one chain of elementwise ops.")
        place: dict[Operand, int] = {n: i for i, n in enumerate(inputs)}
        constant_place = {value: len(inputs) + i for i, value in enumerate(constants)}
        place |= {n: len(inputs) + len(constants) + i for i, n in enumerate(outputs)}
        temporaries = [n for n in made if n not in outputs]
        place |= {n: len(operands) + i for i, n in enumerate(temporaries)}
        code = []
        for step in steps:
            sources = [place[o] if isinstance(o, int) else constant_place[o] for o in step.inputs]
            # What an op does not need repeats what it reads: the core sees by that what is read for the last time.
            sources += [sources[0]] * (3 - len(sources))
            code.append((OPS.index(step.op), place[step.makes[0]], *sources))
        self._emit("elementwise", buffers, program=(code, operands, len(temporaries)))

    def _kind(self, number: int, result: Buffer) -> int:
        buffer = self.plan.buffers[number]
        extent, whole = self._extent(buffer), self._extent(result)
        if extent == whole or buffer.shape == result.shape:
            return FULL
        if buffer.shape == ():
            return SCALAR
        if result.number in self.by_positions:
            if buffer.shape == (whole[1], 1, 1):
                return ROW
        elif len(buffer.shape) == 1 and extent == (1, whole[1], 1):
            return ROW
        elif len(buffer.shape) == 2 and extent == (whole[0], 1, 1):
            return COLUMN
        raise OutsideVocabulary(
            f"the native engine cannot spread {format_shape(buffer.shape)} over {format_shape(result.shape)}."
        )


def masks_applied(steps: tuple[Step, ...], outputs: tuple[int, ...]) -> tuple[Step, ...]:
    """`m = greater(a, b); y = c · m` becomes `y = multiply_greater(a, b, c)` where nobody else reads m."""
    readers = Counter(n for step in steps for n in step.reads)
    masks = {step.makes[0]: step for step in steps if step.op == "greater" and step.makes[0] not in outputs}
    made: dict[int, Step] = {}
    for step in steps:
        mask = next((n for n in step.reads if step.op == "multiply" and n in masks and readers[n] == 1), None)
        if mask is not None:
            above = made.pop(mask)
            others = [o for o in step.inputs if not isinstance(o, int) or o != mask]
            step = Step("multiply_greater", (*above.inputs, *others), step.output)
        made[step.makes[0]] = step
    return tuple(made.values())


def update_numbers(rule: str, scalars: list[tuple[int, float]], attributes: Any) -> list[tuple[int, float]]:
    """Returns the numbers of an update kernel in the order of table.h: run-time scalars by index, or constants.

    A decay that changes from step to step is the last of the scalars.
    """
    fixed = {key: (-1, float(value)) for key, value in attributes.items() if key != "rule"}
    zero = (-1, 0.0)
    l2 = fixed.get("l2", zero)
    if len(scalars) > _RATES.get(rule, 1):
        *scalars, l2 = scalars
    numbers = [scalars[0], l2, fixed.get("l1", zero)]
    if rule in ("momentum", "nesterov"):
        numbers.append(fixed["momentum"])
    elif rule == "adagrad":
        numbers.append(fixed["epsilon"])
    elif rule == "rmsprop":
        numbers += [fixed["rho"], (-1, 1.0 - attributes["rho"]), fixed["epsilon"]]
    elif rule in ("adam", "adamw"):
        numbers += [fixed["beta1"], (-1, 1.0 - attributes["beta1"]), fixed["beta2"], (-1, 1.0 - attributes["beta2"])]
        numbers += [fixed["epsilon"], *scalars[1:]]
    return numbers
