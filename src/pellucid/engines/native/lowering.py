"""Lowers a rewritten plan to what the C++ executor reads: buffers as (rows, width), steps by number of their kind."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import philox
from pellucid.engines.native import layouts
from pellucid.engines.native.encoding import WINDOWED, numbers_of
from pellucid.engines.native.numbers import (
    ARENA,
    COLUMN,
    CONSTANT,
    FULL,
    OPS,
    PARAMETERS,
    ROW,
    SCALAR,
    SLOTS,
    STEP_KINDS,
    UPDATE_RULES,
)
from pellucid.engines.native.programs import (
    COPY,
    NO_PROGRAM,
    Program,
    constants_of,
    inputs_of,
    masks_applied,
    program_of,
    sums_fused,
)
from pellucid.errors import OutsideVocabulary
from pellucid.ops.arrays import ROWS, format_shape
from pellucid.parameters import Layout
from pellucid.plan.ir import Buffer, Operand, Plan, Step, Uses
from pellucid.plan.rewrites.general import ELEMENTWISE
from pellucid.plan.rewrites.updates import GRADIENT, KERNELS, PROGRAM, RUNNING

UPDATE_SLOTS = {name: kernel.slots for name, kernel in KERNELS.items()}
_RENAMES = ("reshape", "per_channel", "merge_positions", "split_positions")
_PRODUCTS = ("affine", "matmul", "matmul_nt", "matmul_tn")


@dataclass(frozen=True)
class Lowered:
    """A plan as the core reads it: its PlanSpec, in which buffers the results are, and the run-time scalars in order.

    The core's number of a result is another than the plan's where it was reshaped, or lies otherwise.
    """

    spec: Any
    results: Mapping[str, int]
    scalars: tuple[str, ...]
    names: tuple[str, ...]
    emitted: tuple[tuple[str, list[int], list[tuple[int, float]], Program], ...]

    def __str__(self) -> str:
        """One line for each of the core's steps, with its buffers, its numbers, and a program's instructions."""
        lines = []
        for index, (kind, buffers, numbers, program) in enumerate(self.emitted):
            named = [self.names[n] if n < len(self.names) else f"#{n}" for n in buffers]
            given = [self.scalars[scalar] if scalar >= 0 else f"{constant!r}" for scalar, constant in numbers]
            lines.append(f"{index:4d}  {kind}({', '.join(named)})" + (f"  numbers {', '.join(given)}" if given else ""))
            lines += [f"      | {line}" for line in program.lines(named[2:] if kind == "program_product" else named)]
        return "\n".join(lines)


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
        self.emitted: list[tuple[str, list[int], list[tuple[int, float]], Program]] = []
        self.same: dict[int, int] = {}
        self.extents: list[tuple[int, int, int]] = []
        self.by_positions = layouts.by_positions(plan)
        self.laid: dict[tuple[int, bool], int] = {}
        self.late: list[tuple[int, int]] = []
        read = {n for step in plan.steps for n in step.reads}
        self.scalars = [b.name for b in plan.buffers if b.role == "scalar" and b.number in read]
        for buffer in plan.buffers:
            self._add_buffer(buffer, layout, slots)

    def lowered(self) -> Lowered:
        self._place_updates()
        spec, plan = self.spec, self.plan
        first_update = None
        changing = plan.renewed.intersection(self.same)
        for step in plan.steps:
            if step.op in _RENAMES:
                self._rename(step)
                continue
            if first_update is None and not changing.isdisjoint(step.outputs):
                first_update = self.count
            self._add_step(step)
            if plan.results.get("output") in step.outputs:
                self._flat(plan.results["output"])
        if first_update is None and self.late:
            first_update = self.count
        self._copy_late()
        by_role = {b.role: b.number for b in plan.buffers}
        spec.x, spec.weight = by_role.get("input", -1), by_role.get("weight", -1)
        target = plan.buffers[by_role["target"]] if "target" in by_role else None
        spec.labels = target is not None and target.shape == (ROWS,)
        spec.t = -1 if target is None or spec.labels else target.number
        results = {name: self._flat(number) for name, number in plan.results.items()}
        for name in ("output", "row_losses", "loss"):
            setattr(spec, name, results.get(name, -1))
        if spec.x < 0:
            # An update knows no samples; the core is given one of a single number.
            spec.x = spec.output = spec.add_buffer(0, 1, ARENA, 0, 1, False)
        trains = any(plan.buffers[n].role != "gradient" for n in plan.updates)
        if trains or ("loss" in results and not plan.updates):
            # Without parameters there are no updates, but an infinite loss is to be found all the same.
            spec.first_update = self.count if first_update is None else first_update
            spec.watched = self._watched()
        for number in {
            n for step in plan.steps if _is_elementwise(step) or _is_program_product(step) for n in step.reads
        }:
            if plan.buffers[number].role == "scalar":
                spec.add_scalar_buffer(number, self.scalars.index(plan.buffers[number].name))
        return Lowered(spec, results, tuple(self.scalars), tuple(b.name for b in plan.buffers), tuple(self.emitted))

    # Updates ---------------------------------------------------------------------------------------------------------

    def _place_updates(self) -> None:
        """Has what a parameter becomes made in its place, wherever nobody needs the old value any more.

        What cannot be made there is copied there at the end. Where an old value is handed on, such as from one slot to
        another, it is needed until then, and what is copied must be looked at before anything changes: only kernels,
        which cannot do otherwise, write in place, and after everything else.
        """
        uses, plan = Uses(self.plan), self.plan
        handed_on = any(becomes in plan.updates and becomes != number for number, becomes in plan.updates.items())
        for number, becomes in plan.updates.items():
            maker = uses.maker.get(becomes)
            fits = maker is not None and becomes not in self.same and becomes not in plan.results.values()
            if fits and maker is not None:
                step = plan.steps[maker]
                own = step.op in ("update", "update_product") or _is_elementwise(step) or number not in step.reads
                fits = own and all(index <= maker for index in uses.readers_of(number))
                fits = fits and step.op not in _RENAMES and (_is_kernel(step) or not handed_on)
            if fits:
                self.same[becomes] = number
            else:
                self.late.append((number, becomes))
        if handed_on:
            self.plan = plan.with_steps(sorted(plan.steps, key=_is_kernel))

    def _copy_late(self) -> None:
        """In two rounds where a new value is itself a place that is filled here: all are read before any is written."""
        filled = {number for number, _ in self.late}
        waiting = []
        for number, becomes in self.late:
            if self._number(becomes) in filled:
                rows, width, positions = self._extent(self.plan.buffers[number])
                copy = self.spec.add_buffer(rows, width, ARENA, 0, positions, False)
                self._copy(self._number(becomes), copy)
                waiting.append((copy, number))
            else:
                waiting.append((self._flat(becomes), number))
        for source, number in waiting:
            self._copy(source, number)

    def _copy(self, source: int, to: int) -> None:
        self._emit("elementwise", [source, to], program=COPY)

    # Buffers ---------------------------------------------------------------------------------------------------------

    def _add_buffer(self, buffer: Buffer, layout: Layout, slots: tuple[str, ...]) -> None:
        rows, width, positions = extent = self._find_extent(buffer)
        self.extents.append(extent)
        home, offset = ARENA, 0
        if buffer.role in ("parameter", "slot", "gradient") and rows > 1 and layouts.is_per_channel(buffer.shape):
            raise OutsideVocabulary(
                f"the native engine keeps a number per channel as ({rows},): give {buffer.name} that shape, and the "
                "layer ops.per_channel of it."
            )
        if buffer.role == "parameter":
            home, offset = PARAMETERS, layout.slots[buffer.name].offset
        elif buffer.role == "slot":
            name, _, slot = buffer.name.rpartition(".")
            home, offset = SLOTS + slots.index(slot), layout.slots[name].offset
        elif buffer.role == "gradient":
            home, offset = SLOTS + len(slots), layout.slots[buffer.name.removeprefix(GRADIENT)].offset
        self.spec.add_buffer(rows, width, home, offset, positions, buffer.dtype == np.uint8)

    def _extent(self, buffer: Buffer) -> tuple[int, int, int]:
        """Returns (rows, width, rows of one sample), with 0 rows for as many as the batch has."""
        return self.extents[buffer.number]

    def _find_extent(self, buffer: Buffer) -> tuple[int, int, int]:
        shape = buffer.shape
        if buffer.number in self.by_positions:
            positions, width = layouts.rows_by_positions(buffer)
            return 0, width, positions
        samples, inner, rows = layouts.samples_in(shape), shape[1:], 0
        if not samples:
            samples = 1
            if len(shape) >= 2 and not (buffer.role == "value" and layouts.is_per_channel(shape)):
                rows = int(shape[0]) if isinstance(shape[0], int) else 0
            else:
                inner, rows = shape, 1
        if (not rows and not layouts.samples_in(shape)) or not all(isinstance(n, int) for n in inner):
            raise OutsideVocabulary(f"the native engine needs the batch first in a shape, not {format_shape(shape)}.")
        return rows, math.prod(int(n) for n in inner), samples

    def _rename(self, step: Step) -> None:
        """A step that only says how numbers are meant: they stay where they are."""
        before, after = (self.plan.buffers[n] for n in (*step.reads, *step.outputs))
        if step.op in ("merge_positions", "split_positions"):
            # By positions, a sample's rows are the same whether they are counted as its own or as the batch's.
            self.same[after.number] = self._in_positions(before.number)
            return
        source = self._flat(before.number)
        rows, width, positions = self._extent(before)
        if step.op == "reshape" and (rows, width * positions, 1) != self._extent(after):
            raise OutsideVocabulary(
                f"the native engine cannot reshape {format_shape(before.shape)} to {format_shape(after.shape)}: only "
                "what lies behind the first dimension may change."
            )
        self.same[after.number] = source

    # Layouts of samples ----------------------------------------------------------------------------------------------

    def _flat(self, number: int) -> int:
        return self._lying(number, False) if number in self.by_positions else self._number(number)

    def _in_positions(self, number: int) -> int:
        shape = self.plan.buffers[number].shape
        many = layouts.is_image(shape) or layouts.is_sequence(shape)
        return self._lying(number, True) if many and number not in self.by_positions else self._number(number)

    def _lying(self, number: int, positions: bool) -> int:
        """Returns the buffer that holds these numbers in the other layout, and has it made where there is none.

        A single position is one row either way.
        """
        buffer = self.plan.buffers[number]
        places, width = layouts.rows_by_positions(buffer)
        if places == 1:
            return self._number(number)
        if (number, positions) not in self.laid:
            extent = (width, places) if positions else (width * places, 1)
            made = self.spec.add_buffer(0, extent[0], ARENA, 0, extent[1], False)
            image = layouts.is_image(buffer.shape)
            kinds = ("to_planes", "to_positions") if image else ("join_positions", "split_rows")
            self._emit(kinds[positions], [number, made])
            self.laid[number, positions] = made
        return self.laid[number, positions]

    def _number(self, number: int) -> int:
        return self.same.get(number, number)

    def _watched(self) -> list[int]:
        """What weight gradients are made of: if all of it stays small, no update can overflow.

        The loss is not among it: it may be as large as it likes, as long as it is finite.
        """
        watched = {v for _, v in self.late}
        for step in self.plan.steps:
            if step.op in ("update_product", "matmul_tn", "sum_rows"):
                watched.update(step.reads)
            elif step.op == "update":
                # A kernel is known to be safe whatever the weights; a running value or a program, of what it reads.
                all_of_it = step.attributes["rule"] in (PROGRAM, RUNNING)
                watched.update(step.reads if all_of_it else step.reads[:1])
        return sorted({self._number(n) for n in watched if self.plan.buffers[n].role in ("value", "input")})

    # Steps -----------------------------------------------------------------------------------------------------------

    def _emit(
        self,
        kind: str,
        buffers: list[int],
        numbers: list[tuple[int, float]] | None = None,
        rule: int = 0,
        key: tuple[int, int] = (0, 0),
        program: Program = NO_PROGRAM,
        image: list[int] | None = None,
    ) -> None:
        if kind not in STEP_KINDS:
            raise OutsideVocabulary(f"the native engine has no kernel for {kind}.")
        code, operands, registers = program
        mapped = [self._number(n) for n in buffers]
        number = STEP_KINDS.index(kind)
        self.spec.add_step(number, mapped, numbers or [], rule, *key, code, operands, registers, image or [])
        self.emitted.append((kind, mapped, numbers or [], program))

    @property
    def count(self) -> int:
        """How many steps there are so far."""
        return len(self.emitted)

    def _add_step(self, step: Step) -> None:
        if step.op in layouts.IMAGE_STEPS:
            self._add_image_step(step)
        elif _is_elementwise(step):
            fused = sums_fused if step.op == "update" else masks_applied
            self._add_chain(fused(step.parts or (step,), step.outputs), step.outputs)
        elif step.op == "update" and step.attributes["rule"] == RUNNING:
            value, w = step.reads[:2]
            if self._number(step.output) != w:
                self._copy(w, step.output)
            self._emit("running_update", [value, step.output], [self._runtime(step.inputs[2])])
        elif _is_program_product(step):
            self._add_program_product(step)
        elif step.op in ("update", "update_product"):
            self._add_update(step)
        elif step.op == "dropout_mask":
            key = (step.attributes["seed"], philox.purpose_of(philox.DROPOUT, step.attributes["layer"]))
            numbers = [self._runtime(step.inputs[1]), (-1, step.attributes["rate"])]
            self._emit("dropout_mask", list(step.outputs), numbers, key=key)
        elif step.op in _PRODUCTS:
            self._add_product(step)
        elif step.op in ("take_rows", "add_rows", "one_hot"):
            self._add_choice(step)
        elif step.op == "mean_columns":
            self._add_mean(step)
        elif step.op in ("concatenate_columns", "slice_columns"):
            first = [(-1, float(step.attributes["first"]))] if step.op == "slice_columns" else []
            kind = "concatenate" if step.op == "concatenate_columns" else "slice_channels"
            self._of_batch(step)
            self._emit(kind, [*map(self._in_positions, step.reads), *step.outputs], first)
        else:
            if step.op in ("sum_columns", "max_columns", "transpose"):
                self._of_batch(step)
            elif step.op == "sum_rows" and len(self.plan.buffers[step.reads[0]].shape) > 2:
                raise OutsideVocabulary(
                    f"the native engine makes ops.{step.op} of rows alone; merge the positions first."
                )
            self._emit(step.op, [*map(self._in_positions, step.reads), *step.outputs])

    def _of_batch(self, step: Step) -> None:
        """Refuses what lies neither as rows nor as sequences."""
        for number in (*step.reads, *step.outputs):
            shape = self.plan.buffers[number].shape
            if len(shape) > 3 or (len(shape) == 3 and not layouts.is_sequence(shape)):
                raise OutsideVocabulary(
                    f"the native engine makes ops.{step.op} of rows or of sequences (N, T, D), not of "
                    f"{format_shape(shape)}."
                )

    def _add_product(self, step: Step) -> None:
        """A product of rows; of sequences with a matrix, whose positions are rows; or one for each sample."""
        if len(step.reads) != len(step.inputs):
            raise OutsideVocabulary(f"ops.{step.op} needs arrays, not numbers, on the native engine.")
        self._of_batch(step)
        buffers = [*map(self._in_positions, step.reads), *step.outputs]
        a, b = (self.plan.buffers[n].shape for n in step.reads[:2])
        if len(a) == len(b) == 3:
            self._emit(f"batched_{step.op}", buffers)
        elif len(b) == 3 or (len(a) == 3 and step.op == "matmul_tn"):
            raise OutsideVocabulary(
                f"the native engine has no kernel for ops.{step.op} of {format_shape(a)} and {format_shape(b)}."
            )
        else:
            self._emit(step.op, buffers)

    def _add_choice(self, step: Step) -> None:
        """Rows by number; a batch's own class numbers lie apart, as integers."""
        index = self.plan.buffers[step.reads[-1]]
        if step.op == "one_hot" and index.role == "target" and index.shape == (ROWS,):
            self._emit("one_hot", list(step.outputs))
        elif index.shape[0] != ROWS or len(index.shape) != 2 or index.dtype.kind != "f":
            raise OutsideVocabulary(
                f"the native engine takes ops.{step.op}'s numbers as (N, T) in the network's type, not as "
                f"{format_shape(index.shape)} {index.dtype}."
            )
        else:
            kind = "one_hot_of" if step.op == "one_hot" else step.op
            first = [self._in_positions(n) for n in step.reads[:-1]]
            self._emit(kind, [*first, self._flat(index.number), *step.outputs])

    def _add_mean(self, step: Step) -> None:
        self._of_batch(step)
        rows, width, positions = self._extent(self.plan.buffers[step.output])
        total = self.spec.add_buffer(rows, width, ARENA, 0, positions, False)
        count = float(self.plan.buffers[step.reads[0]].shape[-1])
        self._emit("sum_columns", [self._in_positions(step.reads[0]), total])
        divided = Program([(OPS.index("divide"), 2, 0, 1, 1)], [(FULL, 0.0), (CONSTANT, count), (FULL, 0.0)], 0)
        self._emit("elementwise", [total, total, step.output], program=divided)

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
        made = list(step.outputs)
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
        rule = step.attributes["rule"]
        arrays = 2 + UPDATE_SLOTS[rule] + (step.op == "update_product")
        numbers = [self._runtime(operand) for operand in step.inputs[arrays:]]
        buffers = [int(n) for n in step.inputs[:arrays]]
        if step.op == "update_product" and rule == "sgd" and _is_zero(step.inputs[-1]):
            self._emit("sgd_product", buffers, numbers[:2])
        else:
            self._emit(step.op, buffers, numbers, UPDATE_RULES.index(rule))

    def _add_program_product(self, step: Step) -> None:
        product, *parts = step.parts
        steps = sums_fused(parts, step.outputs)
        result, gradient = self.plan.buffers[steps[-1].output], product.output
        inputs = inputs_of(steps)
        program = program_of(steps, step.outputs, lambda n: self._kind(n, result), self._number)
        # The gradient lies nowhere; the core makes it strip by strip, and takes its extent from another operand.
        stand_in = next((n for n in inputs if n != gradient and self._kind(n, result) == FULL), gradient)
        read = [stand_in if n == gradient else n for n in inputs]
        filler = [stand_in] * len(constants_of(steps))
        buffers = [*map(self._in_positions, product.reads), *read, *filler, *step.outputs]
        self._emit("program_product", buffers, [(-1, float(inputs.index(gradient)))], program=program)

    def _add_chain(self, steps: Sequence[Step], outputs: Sequence[int]) -> None:
        result = self.plan.buffers[steps[-1].output]
        positions = result.number in self.by_positions
        inputs = inputs_of(steps)
        program = program_of(steps, outputs, lambda n: self._kind(n, result), self._number)
        # The last operand is an output: the executor takes the extent of the program from it.
        read = [self._in_positions(n) if positions else n for n in inputs]
        filler = [read[0] if read else outputs[0]] * len(constants_of(steps))
        self._emit("elementwise", [*read, *filler, *outputs], program=program)

    def _kind(self, number: int, result: Buffer) -> int:
        buffer = self.plan.buffers[number]
        extent, whole = self._extent(buffer), self._extent(result)
        if result.number in self.by_positions and number not in self.by_positions and layouts.is_sequence(buffer.shape):
            # It lies flat, and is read by positions.
            positions, width = layouts.rows_by_positions(buffer)
            extent = (0, width, positions)
        if extent == whole or buffer.shape == result.shape:
            return FULL
        if buffer.shape == ():
            return SCALAR
        image = result.number in self.by_positions and layouts.is_image(result.shape)
        if image:
            if buffer.shape == (whole[1], 1, 1):
                return ROW
        elif len(buffer.shape) == 1 and extent == (1, whole[1], 1):
            return ROW
        elif len(buffer.shape) == len(result.shape) and extent == (whole[0], 1, whole[2]):
            return COLUMN
        raise OutsideVocabulary(
            f"the native engine cannot spread {format_shape(buffer.shape)} over {format_shape(result.shape)}."
        )


def _is_elementwise(step: Step) -> bool:
    own = step.op in ELEMENTWISE or step.op == "elementwise"
    return own or (step.op == "update" and step.attributes["rule"] == PROGRAM)


def _is_program_product(step: Step) -> bool:
    return step.op == "update_product" and step.attributes["rule"] == PROGRAM


def _is_kernel(step: Step) -> bool:
    """Whether a step is an update that the core has by hand, and makes in the place of w and its slots."""
    return step.op in ("update", "update_product") and step.attributes["rule"] not in (PROGRAM, RUNNING)


def _is_zero(operand: Operand) -> bool:
    return isinstance(operand, float) and operand == 0.0
