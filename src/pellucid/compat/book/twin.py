"""The Pellucid network beside a network of the book: the same layers, run by one call on the native engine."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compat.book.common.functions import class_numbers
from pellucid.compat.book.common.layers import BookLayer
from pellucid.engines import Data
from pellucid.errors import InputError
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.ops import Array


class Twin:
    """Layers of the book as one Pellucid network in float64, with a softmax and its cross-entropy at the end.

    What the layers learn is moved into the network's own memory, where scripts then change it in place; an array that
    a script puts in its place is copied over before each use.
    """

    def __init__(self, layers: Sequence[BookLayer], input_size: int) -> None:
        self.network = Network(
            [layer.native() for layer in layers], SoftmaxCrossEntropy(), input_shape=input_size, dtype="float64"
        )
        self._layers = list(enumerate(layers))
        self._inputs, self._outputs = input_size, self.network.output_shape[0]
        self._learning = [(f"{index}.", layer) for index, layer in self._layers if layer.values()]
        self.follow()
        for prefix, layer in self._learning:
            if not layer.only_in_training:
                for name in layer.learns:
                    setattr(layer, name, self.network.parameters[prefix + name])

    def follow(self) -> None:
        """Copies over what the layers hold elsewhere than in the network's memory.

        Raises:
            InputError: an array of another shape than before.
        """
        for prefix, layer in self._learning:
            for name, value in layer.values().items():
                view = self.network.parameters[prefix + name]
                if value is not view:
                    if np.shape(value) != view.shape:
                        raise InputError(
                            f"{name} of {type(layer).__name__} has the shape {view.shape}, got {np.shape(value)}."
                        )
                    view[...] = value

    def predict(self, x: Any) -> Array:
        """Returns the logits (N, K)."""
        rows = self._rows(x)
        quick = self.network.runner.quick_predict(rows)
        return self.network.runner.predict(rows) if quick is None else quick

    def loss(self, x: Any, t: Any) -> float:
        """Returns the cross-entropy, averaged over the batch."""
        sums = self.network.runner.evaluate(self._data(x, t))
        return sums.loss / sums.weight

    def gradient(self, x: Any, t: Any) -> float:
        """Leaves the gradients in the layers' dW and db; returns the loss."""
        loss, gradients = self.network.runner.gradient(self._data(x, t))
        for index, layer in self._layers:
            for name in layer.learns:
                setattr(layer, f"d{name}", gradients[f"{index}.{name}"])
        return loss

    def _rows(self, x: Any) -> Array:
        x = np.asarray(x)
        rows: Array = x.reshape(len(x), math.prod(x.shape[1:])) if x.ndim else x
        if rows.ndim != 2 or rows.shape[1] != self._inputs or rows.dtype.kind not in "fiub":
            raise InputError(
                f"x has the shape {x.shape} and the type {x.dtype}; the network takes numbers (N, {self._inputs}), "
                "one sample as x[None]."
            )
        return rows

    def _data(self, x: Any, t: Any) -> Data:
        """Returns the batch for the engine, past the checks that a whole data set gets once."""
        rows, t = self._rows(x), np.asarray(t)
        if not len(rows):
            raise InputError("x has no rows; at least one sample is needed.")
        if t.dtype.kind not in "fiub":
            raise InputError(f"t has the type {t.dtype}; give class numbers or rows of numbers.")
        if self._outputs == 1:
            raise InputError("the network has one output, whose softmax is always 1; make it two.")
        if t.shape == (len(rows), self._outputs) or (len(rows) == 1 and t.shape == (self._outputs,)):
            return Data(rows, t.reshape(len(rows), self._outputs), None, False, None)
        if t.size != len(rows):
            raise InputError(
                f"t has the shape {t.shape}, but x has {len(rows)} rows; give ({len(rows)},) class numbers or "
                f"({len(rows)}, {self._outputs})."
            )
        return Data(rows, class_numbers(t, self._outputs), None, True, None)
