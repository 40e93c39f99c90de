"""The quick ways: single calls with a few rows in just the right form, past the checks in Python."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.engines.model import Model
from pellucid.engines.native.lowering import Lowered
from pellucid.engines.protocol import OptimizerState
from pellucid.ops import Array


def quick_predict(core: Any, model: Model, plan: Lowered) -> Callable[[Any], Array | None]:
    """Returns a function that predicts a few rows, or gives None where they are not in just the right form."""
    kind = core.QuickPredict32 if model.dtype == np.float32 else core.QuickPredict64
    shape, dtype, empty = model.output_shape, model.dtype, np.empty
    # For a single row without a frame of Python: a tenth of the whole call.
    one = functools.partial(empty, (1, *shape), dtype)
    quick = kind(plan.spec, model.input_shape, model.parameters.flat, lambda rows: empty((rows, *shape), dtype), one)
    predict: Callable[[Any], Array | None] = quick.predict
    return predict


AHEAD = 4096
"""The run-time scalars of so many steps to come are kept at hand."""


def _quick(core: Any, model: Model, plan: Lowered, vectors: list[Array]) -> Any:
    """The core's way to run a plan on a few rows that come in just the right form."""
    kind = core.QuickStep32 if model.dtype == np.float32 else core.QuickStep64
    assert model.loss is not None, "checked by check_data"
    probabilities = (None, "entries", "rows").index(model.loss.probabilities)
    flat, outputs = model.parameters.flat, model.output_shape[0]
    return kind(plan.spec, model.input_shape, flat, vectors, [], outputs, probabilities)


class NativeQuickGradient:
    """Finds gradients in training from a few rows, in a vector of its own."""

    def __init__(self, core: Any, model: Model, plan: Lowered) -> None:
        self._flat = model.parameters.layout.zeros(model.dtype)
        quick = _quick(core, model, plan, [self._flat])
        self._run, self._refill = quick.step, quick.refill
        self._has_step = bool(plan.scalars)
        self._columns = np.zeros(AHEAD)
        self._left = 0

    def gradient(self, x: Any, t: Any, step: int, out: Array) -> float | None:
        """Fills `out`, and returns the loss; None where nothing was done and the long way must be taken."""
        if self._has_step or not self._left:
            self._columns[:1] = step
            self._left = AHEAD
            self._refill([self._columns])
        loss: float | None = self._run(x, t)
        if loss is not None:
            self._left -= 1
            out[:] = self._flat
        return loss


class NativeQuickStep:
    """Makes single steps with few rows; keeps the run-time scalars of some thousand steps to come at hand."""

    def __init__(self, core: Any, model: Model, plan: Lowered, state: OptimizerState) -> None:
        quick = _quick(core, model, plan, [state.slots[name] for name in state.optimizer.slots])
        self._quick_step = quick.step
        self._refill = quick.refill
        self._state = state
        self._names = plan.scalars
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
        steps = np.arange(state.step, state.step + AHEAD)
        rates = state.optimizer.schedule.rates(steps, 1, ())
        scalars = {"step": steps.astype(np.float64), **state.optimizer.scalars(steps - state.start, rates)}
        self._refill([scalars[name] for name in self._names])
        self._next = state.step
