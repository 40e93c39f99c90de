"""The native engine: records the model once, and has the C++ executor replay the plan, a slice of an epoch a call.

It holds no maths of its own. Where a number grows so large that an update might overflow, it hands that one batch to
the reference engine, which looks at every number.
"""

import functools
import math
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.data import Data
from pellucid.engines.model import Model
from pellucid.engines.native.compiled import Compiled
from pellucid.engines.native.lowering import Lowered
from pellucid.engines.native.quick import NativeQuickGradient, NativeQuickStep, quick_predict
from pellucid.engines.protocol import OptimizerState, Slice, Sums, Trained
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import InputError, OutsideVocabulary, stack_level
from pellucid.ops import Array
from pellucid.optimizers import SGD, Optimizer
from pellucid.parameters import is_aligned

ROWS_AT_ONCE = 256
"""How many rows a forward pass takes at once: enough for products at full speed, few enough for the cache."""

BYTES_AT_ONCE = 64 * 2**20
"""What the activations of these rows may take; of large images, fewer rows go at once."""

WORK_AT_ONCE = 1e9
"""Multiply-adds of these rows, 25 to 50 ms of one core: Ctrl-C waits for them."""

_GATHERABLE = ("f4", "f8", "u1", "i1", "i2", "u2", "i4", "i8")


P = ParamSpec("P")
R = TypeVar("R")


def _one_at_a_time(
    verb: "Callable[Concatenate[NativeEngine, P], R]",
) -> "Callable[Concatenate[NativeEngine, P], R]":
    """Lets one thread at a time use an engine: its plans have one arena each."""

    @functools.wraps(verb)
    def alone(engine: "NativeEngine", /, *arguments: P.args, **options: P.kwargs) -> R:
        with engine._in_use:
            return verb(engine, *arguments, **options)

    return alone


@dataclass
class _Runner:
    """One of the core's executors, for so many rows at once, the plan it runs, and the vectors it is bound to."""

    executor: Any
    rows: int
    plan: Lowered
    bound: tuple[Any, ...] = ()


class NativeEngine:
    """Runs a model by replaying plans; `threads` at most share a large step.

    strict: whether an optimizer that cannot be recorded is an error; else training with it runs on the reference
    engine, and a warning says why.

    Raises:
        OutsideVocabulary: the model uses something that is not an op, or a shape the kernels do not have.
    """

    name = "native"

    def __init__(self, model: Model, core: Any, threads: int, strict: bool = False) -> None:
        self.model = model
        self.threads = threads
        self.strict = strict
        self._core = core
        self._compiled = Compiled(model, core)
        self._reference = ReferenceEngine(model)
        self._runners: dict[str, _Runner] = {}
        self._held: list[tuple[Data, Any]] = []
        self._order: tuple[Any, Any] = (None, None)
        self._gaps = model.parameters.layout.gaps()
        self._nothing = core.Data(np.zeros((1, 1), model.dtype), None, None, None, None, 0.0)
        self._unrecorded: list[Optimizer] = []
        self._in_use = threading.RLock()
        try:
            prediction = self._try_out()
        except OutsideVocabulary:
            raise
        except (TypeError, AttributeError, IndexError) as error:
            # A layer of the user's own that asks an array for what only one with values has.
            raise OutsideVocabulary(f"recording it ends in {type(error).__name__}: {error}.") from error
        self.quick_predict: Callable[[Any], Array | None] = quick_predict(core, model, prediction)

    def _try_out(self) -> Lowered:
        """Records and lowers what every use needs, so that a model that cannot run natively is known at once.

        Returns the plan for prediction, which the quick way goes on to use.
        """
        prediction = self._compiled.predict()
        if self.model.loss is not None:
            labels = self.model.output_shape[0] > 1
            try:
                self._compiled.step(SGD(), labels)
            except InputError:
                # Step cannot be trained through, and will say so to whoever tries; evaluating it is fine.
                self._compiled.evaluate(labels)
        return prediction

    # The engine's verbs ----------------------------------------------------------------------------------------------

    @_one_at_a_time
    def predict(self, x: Array) -> Array:
        y = np.empty((len(x), *self.model.output_shape), self.model.dtype)
        if len(x):
            runner = self._forward_runner("predict", self._compiled.predict())
            held = self._core.Data(_gatherable(x, self.model), None, None, None, None, math.inf)
            outputs = runner.plan.results["output"]
            runner.executor.run_rows(held, outputs, y.reshape(len(x), -1), Sums())
        return y

    @_one_at_a_time
    def evaluate(self, data: Data) -> Sums:
        runner = self._forward_runner(f"evaluate {data.labels}", self._compiled.evaluate(data.labels))
        return Sums(*runner.executor.run_rows(self._hold(data), 0, None, Sums()))

    @_one_at_a_time
    def gradient(
        self, data: Data, training: bool = False, step: int = 0, out: Array | None = None
    ) -> tuple[float, Array]:
        plan, parameters = self._compiled.gradient(data.labels, training), self.model.parameters
        flat = out if out is not None and is_aligned(out) else parameters.layout.zeros(self.model.dtype)
        runner = self._runner(f"gradient {data.labels} {training}", data.rows, plan, (flat,))
        columns = [np.array([float(step)]) for _ in plan.scalars]
        runner.executor.run(self._hold(data), None, data.rows, 0, 1, columns, Sums())
        if out is not None and flat is not out:
            out[:] = flat
        loss = np.empty((1, 1), self.model.dtype)
        runner.executor.read(plan.results["loss"], loss)
        return float(loss[0, 0]), flat if out is None else out

    @_one_at_a_time
    def apply(self, state: OptimizerState, flat: Array, scalars: Mapping[str, float]) -> bool:
        plan = self._recorded(state.optimizer, lambda: self._compiled.apply(state.optimizer))
        with np.errstate(over="ignore", invalid="ignore"):
            calm = math.isfinite(np.dot(flat, flat))
        if plan is None or not calm:
            return self._reference.apply(state, flat, scalars)
        if not is_aligned(flat) or not flat.flags.writeable:
            given, flat = flat, self.model.parameters.layout.zeros(self.model.dtype)
            flat[:] = given
        # The kernels take whole vectors of numbers: what lies between the rows must be zeros.
        flat[self._gaps] = 0
        runner = self._runner("apply", 1, plan, (*self._slots(state), flat))
        columns = [np.array([scalars[name]]) for name in plan.scalars]
        done, _ = runner.executor.run(self._nothing, None, 1, 0, 1, columns, Sums())
        if not done:
            return self._reference.apply(state, flat, scalars)
        state.step += 1
        return True

    def quick_gradient(self, labels: bool) -> NativeQuickGradient:
        return NativeQuickGradient(self._core, self.model, self._compiled.gradient(labels, True))

    @_one_at_a_time
    def train(self, state: OptimizerState, part: Slice, sums: Sums) -> Trained:
        rows = min(part.batch_size, part.data.rows)
        plan = self._recorded(state.optimizer, lambda: self._compiled.step(state.optimizer, part.data.labels))
        if plan is None:
            return self._reference.train(state, part, sums)
        runner = self._runner("train", rows, plan, self._slots(state))
        steps = np.arange(state.step, state.step + part.last - part.first, dtype=np.float64)
        columns = [steps if name == "step" else part.scalars[name] for name in runner.plan.scalars]
        held, order = self._hold(part.data), self._hold_order(part.order)
        batch = part.first
        while batch < part.last:
            done, totals = runner.executor.run(held, order, rows, batch, part.last, columns, sums)
            sums = Sums(*totals)
            state.step += done
            batch += done
            if batch < part.last:
                one = {name: values[batch - part.first :] for name, values in part.scalars.items()}
                looked_at = self._reference.train(state, part._replace(first=batch, last=batch + 1, scalars=one), sums)
                if not looked_at.batches:
                    break
                sums = looked_at.sums
                batch += 1
                columns = [column[done + 1 :] for column in columns]
        return Trained(sums, batch - part.first)

    @_one_at_a_time
    def release(self) -> None:
        self._held, self._order = [], (None, None)

    def quick_step(self, state: OptimizerState, labels: bool) -> NativeQuickStep | None:
        plan = self._recorded(state.optimizer, lambda: self._compiled.step(state.optimizer, labels))
        return None if plan is None else NativeQuickStep(self._core, self.model, plan, state)

    # Plans and what they run on --------------------------------------------------------------------------------------

    def _recorded(self, optimizer: Optimizer, compile_: Callable[[], Lowered]) -> Lowered | None:
        """Returns a plan that an optimizer is part of, None where its rule cannot be recorded."""
        if optimizer in self._unrecorded:
            return None
        try:
            return compile_()
        except OutsideVocabulary as error:
            if self.strict:
                raise InputError(
                    f"engine='native' cannot run this optimizer: {error} Make the network with engine='auto'."
                ) from None
            self._unrecorded.append(optimizer)
            warnings.warn(
                f"{error} Training with it runs on the reference engine, which is slower.", stacklevel=stack_level()
            )
            return None

    def _slots(self, state: OptimizerState) -> tuple[Array, ...]:
        return tuple(state.slots[name] for name in state.optimizer.slots)

    def _runner(self, key: str, rows: int, plan: Lowered, vectors: tuple[Array, ...] = ()) -> _Runner:
        """Returns the runner kept under a name, or a new one where it has another plan or takes fewer rows."""
        kept = self._runners.get(key)
        if kept is None or kept.rows < rows or kept.plan is not plan:
            self._runners.pop(key, None)
            kept = None  # Its memory is free before more is asked for.
            kind = self._core.Executor32 if self.model.dtype == np.float32 else self._core.Executor64
            kept = self._runners[key] = _Runner(kind(plan.spec, rows, self.threads), rows, plan)
            kept.executor.bind(self.model.parameters.flat, list(vectors))
            kept.bound = vectors
        elif len(kept.bound) != len(vectors) or any(a is not b for a, b in zip(kept.bound, vectors, strict=True)):
            kept.executor.bind(self.model.parameters.flat, list(vectors))
            kept.bound = vectors
        return kept

    def _forward_runner(self, key: str, plan: Lowered) -> _Runner:
        """Returns the runner kept under a name, which takes as many rows at once as is good for its plan."""
        kept = self._runners.get(key)
        if kept is not None:
            return kept
        rows = plan.spec.rows_at_once(self.model.dtype.itemsize, ROWS_AT_ONCE, BYTES_AT_ONCE, WORK_AT_ONCE)
        return self._runner(key, rows, plan)

    def _hold(self, data: Data) -> Any:
        """Returns the core's view of a data set; the last few are kept, since every slice asks for the same."""
        for known, held in self._held:
            if known is data:
                return held
        t = None if data.labels else _gatherable(data.t, self.model)
        labels = data.t if data.labels else None
        held = self._core.Data(_gatherable(data.x, self.model), t, labels, data.classes, data.weight, data.bound)
        self._held = [*self._held[-2:], (data, held)]
        return held

    def _hold_order(self, order: NDArray[np.int64] | None) -> Any:
        """Returns the core's view of an order; the last one is kept, since every slice of an epoch asks for it."""
        if self._order[0] is not order:
            self._order = (order, None if order is None else self._core.Order(order))
        return self._order[1]


def _gatherable(x: Array, model: Model) -> Array:
    """Returns the array in a type and order that rows can be gathered from, unchanged where it is so already."""
    if x.dtype.str[1:] not in _GATHERABLE or not x.dtype.isnative:
        x = x.astype(model.dtype)
    row = x[0]
    if row.ndim and not row.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if len(x) > 1 and x.strides[0] % x.itemsize:
        x = np.ascontiguousarray(x)
    if len(x) >= 2**32:
        raise OutsideVocabulary(f"the native engine takes fewer than 2**32 rows, got {len(x)}.")
    return x
