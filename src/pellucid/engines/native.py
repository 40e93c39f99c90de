"""The native engine: records the model once, and has the C++ executor replay the plan, a slice of an epoch a call.

It holds no maths of its own. Where a number grows so large that an update might overflow, it hands that one batch to
the reference engine, which looks at every number.
"""

import functools
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.data import Data
from pellucid.engines.lowering import Lowered, lower
from pellucid.engines.model import Model
from pellucid.engines.protocol import OptimizerState, Slice, Sums, Trained
from pellucid.engines.recording import record_evaluation, record_gradient, record_prediction, record_training_step
from pellucid.engines.reference import ReferenceEngine
from pellucid.engines.rewrites import rewrite
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.ops import Array
from pellucid.ops.plan import Plan
from pellucid.optimizers import SGD, Optimizer
from pellucid.parameters import rows_and_width

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
    """One of the core's executors, for so many rows at once, and what it runs.

    For training: the optimizer, and whether targets are class numbers; and the state whose slots it changes.
    """

    executor: Any
    rows: int
    plan: Lowered
    rule: tuple[Optimizer, bool] | None = None
    state: OptimizerState | None = None


class NativeEngine:
    """Runs a model by replaying plans; `threads` at most share a large step.

    Raises:
        OutsideVocabulary: the model uses something that is not an op, or a shape the kernels do not have.
    """

    name = "native"

    def __init__(self, model: Model, core: Any, threads: int) -> None:
        self.model = model
        self.threads = threads
        self._core = core
        self._reference = ReferenceEngine(model)
        self._runners: dict[str, _Runner] = {}
        self._held: list[tuple[Data, Any]] = []
        self._order: tuple[Any, Any] = (None, None)
        self._in_use = threading.RLock()
        try:
            prediction = self._try_out()
        except OutsideVocabulary:
            raise
        except (TypeError, AttributeError, IndexError) as error:
            # A layer of the user's own that asks an array for what only one with values has.
            raise OutsideVocabulary(f"recording it ends in {type(error).__name__}: {error}.") from error
        self.quick_predict: Callable[[Any], Array | None] = self._quick_predict(prediction.spec)

    def _try_out(self) -> Lowered:
        """Records and lowers everything once, so that a model that cannot run natively is known as such at once.

        An evaluation has nothing that neither prediction nor training has.

        Returns the plan for prediction, which the quick way goes on to use.
        """
        prediction = self._lower(record_prediction(self.model), ())
        if self.model.loss is not None:
            labels = self.model.output_shape[0] > 1
            try:
                self._lower(record_training_step(self.model, SGD(), labels), ())
            except InputError:
                # Step cannot be trained through, and will say so to whoever tries; evaluating it is fine.
                self._lower(record_evaluation(self.model, labels), ())
        return prediction

    # The engine's verbs ----------------------------------------------------------------------------------------------

    @_one_at_a_time
    def predict(self, x: Array) -> Array:
        y = np.empty((len(x), *self.model.output_shape), self.model.dtype)
        if len(x):
            runner = self._forward_runner("predict", lambda: record_prediction(self.model))
            held = self._core.Data(_gatherable(x, self.model), None, None, None, None, math.inf)
            outputs = runner.plan.results["output"]
            runner.executor.run_rows(held, outputs, y.reshape(len(x), -1), Sums())
        return y

    @_one_at_a_time
    def evaluate(self, data: Data) -> Sums:
        key = f"evaluate {data.labels}"
        runner = self._forward_runner(key, lambda: record_evaluation(self.model, data.labels))
        return Sums(*runner.executor.run_rows(self._hold(data), 0, None, Sums()))

    @_one_at_a_time
    def gradient(self, data: Data, training: bool = False, step: int = 0) -> tuple[float, Array]:
        if training:
            return self._reference.gradient(data, training, step)
        key = f"gradient {data.labels}"
        runner = self._runner(key, data.rows, lambda: record_gradient(self.model, data.labels))
        executor, results = runner.executor, runner.plan.results
        executor.run_rows(self._hold(data), 0, None, Sums())
        flat = self.model.parameters.layout.zeros(self.model.dtype)
        for name, place in self.model.parameters.layout.views(flat).items():
            place[...] = self.model.parameters[name]
            if name in self.model.learned:
                gradient = np.empty(rows_and_width(place.shape), self.model.dtype)
                executor.read(results[f"gradient {name}"], gradient)
                place[...] = gradient.reshape(place.shape)
        loss = np.empty((1, 1), self.model.dtype)
        executor.read(results["loss"], loss)
        return float(loss[0, 0]), flat

    @_one_at_a_time
    def apply(self, state: OptimizerState, flat: Array, scalars: Mapping[str, float]) -> bool:
        return self._reference.apply(state, flat, scalars)

    @_one_at_a_time
    def train(self, state: OptimizerState, part: Slice, sums: Sums) -> Trained:
        rows = min(part.batch_size, part.data.rows)
        runner = self._training_runner(state, part.data.labels, rows)
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

    # The quick ways --------------------------------------------------------------------------------------------------

    def _quick_predict(self, spec: Any) -> Callable[[Any], Array | None]:
        model = self.model
        kind = self._core.QuickPredict32 if model.dtype == np.float32 else self._core.QuickPredict64
        shape, dtype, empty = model.output_shape, model.dtype, np.empty
        # For a single row without a frame of Python: a tenth of the whole call.
        one = functools.partial(empty, (1, *shape), dtype)
        quick = kind(spec, model.input_shape, model.parameters.flat, lambda rows: empty((rows, *shape), dtype), one)
        predict: Callable[[Any], Array | None] = quick.predict
        return predict

    def quick_step(self, state: OptimizerState, labels: bool) -> "NativeQuickStep":
        optimizer = state.optimizer
        plan = self._lower(record_training_step(self.model, optimizer, labels), optimizer.slots)
        slots = [state.slots[name] for name in optimizer.slots]
        kind = self._core.QuickStep32 if self.model.dtype == np.float32 else self._core.QuickStep64
        assert self.model.loss is not None, "checked by check_data"
        probabilities = (None, "entries", "rows").index(self.model.loss.probabilities)
        flat, outputs = self.model.parameters.flat, self.model.output_shape[0]
        quick = kind(plan.spec, self.model.input_shape, flat, slots, [], outputs, probabilities)
        return NativeQuickStep(quick, state, plan.scalars)

    # Plans and what they run on --------------------------------------------------------------------------------------

    def _training_runner(self, state: OptimizerState, labels: bool, rows: int) -> _Runner:
        optimizer = state.optimizer
        if "train" in self._runners and self._runners["train"].rule != (optimizer, labels):
            del self._runners["train"]
        runner = self._runner("train", rows, lambda: record_training_step(self.model, optimizer, labels), state)
        if runner.state is not state:
            self._bind(runner, state)
        runner.rule = (optimizer, labels)
        return runner

    def _runner(self, key: str, rows: int, record: Callable[[], Plan], state: OptimizerState | None = None) -> _Runner:
        """Returns the runner kept under a name, or a new one where it takes fewer rows than these."""
        kept = self._runners.get(key)
        if kept is None or kept.rows < rows:
            self._runners.pop(key, None)
            kept = None  # Its memory is free before more is asked for.
            plan = self._lower(record(), () if state is None else state.optimizer.slots)
            kept = self._keep(key, rows, plan, state)
        return kept

    def _forward_runner(self, key: str, record: Callable[[], Plan]) -> _Runner:
        """Returns the runner kept under a name, which takes as many rows at once as is good for its plan."""
        kept = self._runners.get(key)
        if kept is None:
            plan = self._lower(record(), ())
            rows = plan.spec.rows_at_once(self.model.dtype.itemsize, ROWS_AT_ONCE, BYTES_AT_ONCE, WORK_AT_ONCE)
            kept = self._keep(key, rows, plan)
        return kept

    def _keep(self, key: str, rows: int, plan: Lowered, state: OptimizerState | None = None) -> _Runner:
        kind = self._core.Executor32 if self.model.dtype == np.float32 else self._core.Executor64
        runner = _Runner(kind(plan.spec, rows, self.threads), rows, plan)
        self._bind(runner, state)
        self._runners[key] = runner
        return runner

    def _bind(self, runner: _Runner, state: OptimizerState | None) -> None:
        slots = [] if state is None else [state.slots[name] for name in state.optimizer.slots]
        runner.executor.bind(self.model.parameters.flat, slots)
        runner.state = state

    def _lower(self, plan: Plan, slots: tuple[str, ...]) -> Lowered:
        lowered = lower(self._core, rewrite(plan), self.model.parameters.layout, slots)
        loss = self.model.loss
        lowered.spec.threshold = 0.5 if loss is None else loss.threshold
        lowered.spec.bound = 1e12 if self.model.dtype == np.float32 else 1e100
        return lowered

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


class NativeQuickStep:
    """Makes single steps with few rows; keeps the run-time scalars of some thousand steps to come at hand."""

    AHEAD = 4096

    def __init__(self, quick: Any, state: OptimizerState, names: tuple[str, ...]) -> None:
        self._quick_step = quick.step
        self._refill = quick.refill
        self._state = state
        self._names = names
        self._next = -1

    def step(self, x: Any, t: Any) -> float | None:
        state = self._state
        if state.step != self._next:
            self._look_ahead()
        loss: float | None = self._quick_step(x, t)
        if loss is not None:
            self._next = state.step = state.step + 1
        return loss

    def _look_ahead(self) -> None:
        state = self._state
        steps = np.arange(state.step, state.step + self.AHEAD)
        rates = state.optimizer.schedule.rates(steps, 1, ())
        scalars = {"step": steps.astype(np.float64), **state.optimizer.scalars(steps - state.start, rates)}
        self._refill([scalars[name] for name in self._names])
        self._next = state.step


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
