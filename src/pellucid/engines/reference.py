"""The reference engine: plain NumPy, one batch at a time. Slow, obvious, and what the native engine must agree with."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid import ops
from pellucid.engines import passes
from pellucid.engines.data import Data, batch_of
from pellucid.engines.model import Model
from pellucid.engines.protocol import OptimizerState, Slice, Sums, Trained
from pellucid.layers import Named
from pellucid.losses import Loss
from pellucid.ops import Array

ROWS_AT_ONCE = 1024
"""How many rows a forward pass takes at once where no batch size is given; bounds the memory for activations."""


class ReferenceEngine:
    """Runs a model with the ops themselves, in NumPy."""

    name = "reference"

    def __init__(self, model: Model) -> None:
        self.model = model

    @staticmethod
    def quick_predict(x: Any) -> None:
        """There is no quick way: NumPy's own calls cost more than the checks."""

    def quick_step(self, state: OptimizerState, labels: bool) -> None:
        """There is no quick way."""

    def release(self) -> None:
        """Nothing is kept."""

    def predict(self, x: Array) -> Array:
        y = np.empty((len(x), *self.model.output_shape), self.model.dtype)
        for start in range(0, len(x), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            batch = np.ascontiguousarray(x[rows], dtype=self.model.dtype)
            with np.errstate(all="ignore"):
                y[rows] = passes.forward(self.model, self.model.parameters, batch, training=False).output
        return y

    def evaluate(self, data: Data) -> Sums:
        sums = Sums()
        loss = self._loss()
        for start in range(0, data.rows, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            x, t, weight = batch_of(data, rows, self.model)
            with np.errstate(all="ignore"):
                y = passes.forward(self.model, self.model.parameters, x, training=False).output
                row_losses, _ = loss.forward(y, self._target_rows(data, t))
            sums += self._sums(data, rows, y, row_losses, weight)
        return sums

    def quick_gradient(self, labels: bool) -> None:
        """There is no quick way."""

    def gradient(
        self, data: Data, training: bool = False, step: int = 0, out: Array | None = None
    ) -> tuple[float, Array]:
        _, result, flat = self._gradient(data, slice(None), training, step)
        if out is not None:
            out[:] = flat
        return float(result.loss), flat if out is None else out

    def apply(self, state: OptimizerState, flat: Array, scalars: Mapping[str, float]) -> bool:
        model, gradients = self.model, self.model.parameters.layout.views(flat)
        if not all(map(_finite, gradients.values())):
            return False
        changing = [model.parameters.flat, *state.slots.values()]
        before = [values.copy() for values in changing]
        with np.errstate(all="ignore"):
            slots = state.views()
            changed = passes.learned(model, state.optimizer, model.parameters, gradients, slots, Named(scalars))
            changed.parameters |= {name: gradients[name] for name in model.counted}
            changed.store(model.parameters, slots)
            finite = _finite(model.parameters.flat)
        if not finite:
            for values, old in zip(changing, before, strict=True):
                values[:] = old
            return False
        state.step += 1
        return True

    def train(self, state: OptimizerState, part: Slice, sums: Sums) -> Trained:
        for batch in range(part.first, part.last):
            rows = part.rows(batch)
            done, result, flat = self._gradient(part.data, rows, training=True, step=state.step)
            scalars = {name: float(values[batch - part.first]) for name, values in part.scalars.items()}
            if not np.isfinite(result.loss) or not self.apply(state, flat, scalars):
                return Trained(sums, batch - part.first)
            weight = np.ones((len(done.output), 1)) if part.data.weight is None else part.data.weight[rows, None]
            sums += self._sums(part.data, rows, done.output, result.row_losses, weight)
        return Trained(sums, part.last - part.first)

    def _gradient(
        self, data: Data, rows: object, training: bool, step: int
    ) -> tuple[passes.Forward, passes.Backward, Array]:
        """Both passes, and the vector that `gradient` returns."""
        model = self.model
        x, t, weight = batch_of(data, rows, model)
        flat = model.parameters.layout.zeros(model.dtype)
        places = model.parameters.layout.views(flat)
        with np.errstate(all="ignore"):
            done = passes.forward(model, model.parameters, x, training, step)
            t = self._target_rows(data, t)
            result = passes.backward(model, self._loss(), model.parameters, done, t, weight)
            found = {name: model.parameters[name] for name in model.counted} | result.gradients
            if training:
                found |= passes.counted(model, model.parameters, done)
            for name, place in places.items():
                place[...] = found[name]
        return done, result, flat

    def _target_rows(self, data: Data, t: Array) -> Array:
        if not data.labels:
            return t
        return ops.one_hot(t, classes=self.model.output_shape[0], dtype=self.model.dtype)

    def _loss(self) -> Loss:
        assert self.model.loss is not None, "checked by check_data"
        return self.model.loss

    def _sums(self, data: Data, rows: object, y: Array, row_losses: Array, weight: Array) -> Sums:
        correct = 0
        if data.classes is not None:
            correct = int((self._loss().classes(y) == data.classes[rows]).sum())  # type: ignore[call-overload]
        weighted = row_losses.astype(np.float64) * weight
        return Sums(float(weighted.sum()), float(weight.sum(dtype=np.float64)), correct, len(y))


def _finite(array: Array) -> bool:
    """Whether all numbers are finite: seen in one product where their squares add up to less than infinity."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.dot(flat, flat)
        if math.isfinite(square):
            return True
    return bool(np.isfinite(array).all())
