"""Lowers a rewritten plan to what the C++ executor reads: buffers as (rows, width), steps by number of their kind."""

import math
from typing import Any

from pellucid import philox
from pellucid.engines.rewrites import ELEMENTWISE
from pellucid.errors import OutsideVocabulary
from pellucid.ops.plan import ROWS, Buffer, Chain, Operand, Plan, Shape, Step, format_shape
from pellucid.parameters import Layout

# The order of StepKind, Op, OperandKind and UpdateRule in core/plan.h and core/kernels/table.h.
STEP_KINDS = (
    ("affine", "matmul", "matmul_nt", "matmul_tn", "sgd_product", "update_product", "update", "elementwise")
    + ("sum_rows", "sum_columns", "max_columns", "sum_all", "one_hot", "mean_weights", "dropout_mask")
)  # fmt: skip
OPS = (
    ("copy", "negative", "absolute", "sign", "square", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid")
    + ("softplus", "erf", "add", "subtract", "multiply", "divide", "maximum", "minimum", "greater", "greater_equal")
    + ("fma", "where")
)  # fmt: skip
FULL, ROW, COLUMN, SCALAR, CONSTANT = range(5)
_RATES = {"adam": 2, "adamw": 3}
"""How many run-time scalars an update takes where it is not one, the learning rate."""
UPDATE_RULES = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
ARENA, PARAMETERS, SLOTS = range(3)


def lower(core: Any, plan: Plan, layout: Layout, slots: tuple[str, ...]) -> Any:
    """Returns the core's PlanSpec of a plan, given where parameters lie and the names of the slots.

    Raises:
        OutsideVocabulary: a shape or op that the native kernels do not have.
    """
    return _Lowering(core, plan, layout, slots).lowered()


class _Lowering:
    def __init__(self, core: Any, plan: Plan, layout: Layout, slots: tuple[str, ...]) -> None:
        self.plan = plan
        self.spec = core.PlanSpec()
        self.same: dict[int, int] = {}
        self.scalars = [b.name for b in plan.buffers if b.role == "scalar"]
        for buffer in plan.buffers:
            self._add_buffer(buffer, layout, slots)

    def lowered(self) -> Any:
        spec, plan = self.spec, self.plan
        first_update = None
        for step in plan.steps:
            if step.op == "reshape":
                before, after = (plan.buffers[n].shape for n in (*step.reads, *step.makes))
                if self._extent(before) != self._extent(after):
                    raise OutsideVocabulary(
                        f"the native engine cannot reshape {format_shape(before)} to {format_shape(after)}: only what "
                        "lies behind the first dimension may change."
                    )
                self.same[step.makes[0]] = self._number(step.reads[0])
                continue
            if step.writes and first_update is None:
                first_update = self.count
            self._add_step(step)
        by_role = {b.role: b.number for b in plan.buffers}
        spec.x, spec.weight = by_role["input"], by_role.get("weight", -1)
        target = plan.buffers[by_role["target"]] if "target" in by_role else None
        spec.labels = target is not None and target.shape == (ROWS,)
        spec.t = -1 if target is None or spec.labels else target.number
        for name in ("output", "row_losses", "loss"):
            setattr(spec, name, self._number(plan.results[name]) if name in plan.results else -1)
        spec.kept = [self._number(n) for name, n in plan.results.items() if name.startswith("gradient ")]
        if "loss" in plan.results:
            # Without parameters there are no updates, but an infinite loss is to be found all the same.
            spec.first_update = self.count if first_update is None else first_update
            spec.watched = self._watched()
        for number in {
            n for step in plan.steps if step.op in ELEMENTWISE or isinstance(step, Chain) for n in step.reads
        }:
            if plan.buffers[number].role == "scalar":
                spec.add_scalar_buffer(number, self.scalars.index(plan.buffers[number].name))
        return spec

    # Buffers ---------------------------------------------------------------------------------------------------------

    def _add_buffer(self, buffer: Buffer, layout: Layout, slots: tuple[str, ...]) -> None:
        rows, width = self._extent(buffer.shape)
        home, offset = ARENA, 0
        if buffer.role == "parameter":
            home, offset = PARAMETERS, layout.slots[buffer.name].offset
        elif buffer.role == "slot":
            name, _, slot = buffer.name.rpartition(".")
            home, offset = SLOTS + slots.index(slot), layout.slots[name].offset
        self.spec.add_buffer(rows, width, home, offset)

    @staticmethod
    def _extent(shape: Shape) -> tuple[int, int]:
        """Returns (rows, width), with 0 rows for as many as the batch has."""
        if shape and shape[0] == ROWS:
            inner, rows = shape[1:], 0
        elif len(shape) >= 2:
            inner, rows = shape[1:], int(shape[0])
        else:
            inner, rows = shape, 1
        if ROWS in inner:
            raise OutsideVocabulary(f"the native engine needs the batch first in a shape, not {format_shape(shape)}.")
        return rows, math.prod(int(n) for n in inner)

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

    @property
    def count(self) -> int:
        return self._count

    _count = 0

    def _emit(
        self,
        kind: str,
        buffers: list[int],
        numbers: list[tuple[int, float]] | None = None,
        rule: int = 0,
        key: tuple[int, int] = (0, 0),
        program: tuple[list[Any], list[Any], int] = ([], [], 0),
    ) -> None:
        code, operands, registers = program
        mapped = [self._number(n) for n in buffers]
        self.spec.add_step(STEP_KINDS.index(kind), mapped, numbers or [], rule, *key, code, operands, registers)
        self._count += 1

    def _add_step(self, step: Step) -> None:
        if isinstance(step, Chain):
            self._add_chain(step.steps, step.outputs)
        elif step.op in ELEMENTWISE:
            self._add_chain((step,), step.makes)
        elif step.op == "sgd_product":
            l2 = self._runtime(step.inputs[4]) if len(step.inputs) > 4 else (-1, step.attributes["l2"])
            numbers = [self._runtime(step.inputs[3]), l2]
            self._emit("sgd_product", list(step.reads[:3]), numbers)
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

    def _runtime(self, operand: Operand) -> tuple[int, float]:
        if isinstance(operand, int):
            return self.scalars.index(self.plan.buffers[operand].name), 0.0
        return -1, operand

    def _add_update(self, step: Step) -> None:
        joined = step.op == "update_product"
        rule = step.attributes["rule"] if joined else step.op.removesuffix("_update")
        arrays = [n for n in step.reads if self.plan.buffers[n].role != "scalar"]
        scalars = [self._runtime(n) for n in step.reads if self.plan.buffers[n].role == "scalar"]
        numbers = update_numbers(rule, scalars, step.attributes)
        if joined:
            self._emit("update_product", arrays, numbers, UPDATE_RULES.index(rule))
        else:
            w, gradient, *slots = arrays
            self._emit("update", [gradient, w, *slots], numbers, UPDATE_RULES.index(rule))

    def _add_chain(self, steps: tuple[Step, ...], outputs: tuple[int, ...]) -> None:
        shape = self._extent(self.plan.buffers[steps[-1].makes[0]].shape)
        made = [step.makes[0] for step in steps]
        inputs = list(dict.fromkeys(n for step in steps for n in step.reads if n not in made))
        constants = list(dict.fromkeys(o for step in steps for o in step.inputs if isinstance(o, float)))
        # The last operand is an output: the executor takes the extent of the program from it.
        buffers = [*inputs, *([inputs[0] if inputs else outputs[0]] * len(constants)), *outputs]
        operands = [(self._kind(n, shape), 0.0) for n in inputs]
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
            sources += [0] * (3 - len(sources))
            code.append((OPS.index(step.op), place[step.makes[0]], *sources))
        self._emit("elementwise", buffers, program=(code, operands, len(temporaries)))

    def _kind(self, number: int, shape: tuple[int, int]) -> int:
        buffer = self.plan.buffers[number]
        extent = self._extent(buffer.shape)
        if extent == shape:
            return FULL
        if buffer.shape == ():
            return SCALAR
        if extent == (1, shape[1]) and len(buffer.shape) == 1:
            return ROW
        if extent == (shape[0], 1) and len(buffer.shape) == 2:
            return COLUMN
        raise OutsideVocabulary(
            f"the native engine cannot spread {format_shape(buffer.shape)} over an array of another shape."
        )


def update_numbers(rule: str, scalars: list[tuple[int, float]], attributes: Any) -> list[tuple[int, float]]:
    """Returns the numbers of an update kernel in the order of table.h: run-time scalars by index, or constants.

    A decay that changes from step to step is the last of the run-time scalars.
    """
    fixed = {key: (-1, float(value)) for key, value in attributes.items() if key not in ("rule",)}
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
