"""The reference engine: plain NumPy, one batch at a time. Slow, obvious, and what the native engine must agree with."""

import math
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
    """Runs a model with the functions of ops.reference."""

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

    def gradient(self, data: Data) -> tuple[float, dict[str, Array]]:
        _, result = self._both_passes(data, slice(None), training=False, step=0)
        return float(result.loss), {name: result.gradients[name] for name in self.model.learned}

    def train(self, state: OptimizerState, part: Slice, sums: Sums) -> Trained:
        slots = state.views()
        for batch in range(part.first, part.last):
            rows = part.rows(batch)
            done, result = self._both_passes(part.data, rows, training=True, step=state.step)
            if not _all_finite(result):
                return Trained(sums, batch - part.first)
            changing = [self.model.parameters.flat, *state.slots.values()]
            before = [flat.copy() for flat in changing]
            scalars = Named({name: float(values[batch - part.first]) for name, values in part.scalars.items()})
            with np.errstate(all="ignore"):
                passes.update(
                    self.model, state.optimizer, self.model.parameters, done, result.gradients, slots, scalars
                )
                finite = _finite(self.model.parameters.flat)
            if not finite:
                for flat, values in zip(changing, before, strict=True):
                    flat[:] = values
                return Trained(sums, batch - part.first)
            state.step += 1
            weight = np.ones((len(done.output), 1)) if part.data.weight is None else part.data.weight[rows, None]
            sums += self._sums(part.data, rows, done.output, result.row_losses, weight)
        return Trained(sums, part.last - part.first)

    def _both_passes(
        self, data: Data, rows: object, training: bool, step: int
    ) -> tuple[passes.Forward, passes.Backward]:
        x, t, weight = batch_of(data, rows, self.model)
        with np.errstate(all="ignore"):
            done = passes.forward(self.model, self.model.parameters, x, training, step)
            t = self._target_rows(data, t)
            return done, passes.backward(self.model, self._loss(), self.model.parameters, done, t, weight)

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


def _all_finite(result: passes.Backward) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(result.loss)) and all(map(_finite, result.gradients.values()))


def _finite(array: Array) -> bool:
    """Whether all numbers are finite: seen in one product where their squares add up to less than infinity."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        if math.isfinite(np.dot(flat, flat)):
            return True
    return bool(np.isfinite(array).all())
