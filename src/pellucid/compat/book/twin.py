"""The Pellucid networks beside a network of the book: the same layers, run by one call on the native engine."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.compat.book.book_layer import BookLayer
from pellucid.compat.book.common.functions import class_numbers
from pellucid.compat.book.common.layers import BatchNormalization, Dropout
from pellucid.compat.book.native_layers import Masked, Samples
from pellucid.engines import Data
from pellucid.errors import InputError
from pellucid.layers import Affine, Flatten, Layer
from pellucid.layers.graph import Graph, Value
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.ops import Array


class Twin:
    """Layers of the book as one Pellucid network in float64, with a softmax and its cross-entropy at the end.

    What the layers learn is copied over before each use; `hold` moves it into the network's own memory, where scripts
    then change it in place and nothing needs to be copied.
    """

    def __init__(self, layers: Sequence[BookLayer], input_shape: tuple[int, ...]) -> None:
        self._input_shape = input_shape
        self._places: list[tuple[int, BookLayer]] = []
        self.network = self._build(layers)
        self._outputs = self.network.output_shape[0]
        self._learning = [(f"{index}.", layer) for index, layer in self._places if layer.learns]
        self.follow()

    def _build(self, layers: Sequence[BookLayer]) -> Network:
        graph = Graph()
        value, shape = self._begin(graph), self._input_shape
        for layer in layers:
            native = self._native(layer)
            if isinstance(native, Affine) and len(shape) > 1:
                value = graph.add(Flatten(), value)
                shape = (math.prod(shape),)
            self._places.append((len(graph.layers), layer))
            value = self._add(graph, value, layer, shape)
            shape = native.output_shape(shape)
        return Network(graph, SoftmaxCrossEntropy(), input_shape=self._given_shape, dtype="float64")

    def _begin(self, graph: Graph) -> Value:
        return graph.input

    def _native(self, layer: BookLayer) -> Layer:
        return layer.native()

    def _add(self, graph: Graph, value: Value, layer: BookLayer, shape: tuple[int, ...]) -> Value:
        return graph.add(self._native(layer), value)

    @property
    def _given_shape(self) -> tuple[int, ...]:
        """The shape of one sample as the network takes it."""
        return self._input_shape

    def hold(self) -> None:
        """Moves what the layers learn into the network's own memory."""
        for prefix, layer in self._learning:
            for name in layer.learns:
                if prefix + name in self.network.parameters:
                    setattr(layer, name, self.network.parameters[prefix + name])

    def _values(self, layer: BookLayer) -> Mapping[str, Array]:
        return layer.values()

    def follow(self) -> None:
        """Copies over what the layers hold elsewhere than in the network's memory.

        Raises:
            InputError: an array of another shape than before.
        """
        for prefix, layer in self._learning:
            for name, value in self._values(layer).items():
                view = self.network.parameters[prefix + name]
                if value is not view:
                    if np.shape(value) != view.shape:
                        raise InputError(
                            f"{name} of {type(layer).__name__} has the shape {view.shape}, got {np.shape(value)}."
                        )
                    view[...] = value

    @property
    def by_rows(self) -> bool:
        """Whether each row comes out the same whatever the others are; `predict` and `loss` ask for that."""
        return True

    def predict(self, x: Any) -> Array:
        """Returns the logits (N, K)."""
        self.follow()
        return self.network.session.predict(self._given(x))

    def loss(self, x: Any, t: Any) -> float:
        """Returns the cross-entropy, averaged over the batch."""
        self.follow()
        sums = self.network.session.evaluate(self._data(x, t))
        return sums.loss / sums.weight

    def gradient(self, x: Any, t: Any) -> float:
        """Leaves the gradients in the layers' dW and db; returns the loss."""
        self.follow()
        loss, gradients = self.network.session.gradient(self._data(x, t))
        for prefix, layer in self._learning:
            self._take(layer, prefix, gradients)
        return loss

    def _take(self, layer: BookLayer, prefix: str, gradients: Mapping[str, Array]) -> None:
        for name in layer.learns:
            if prefix + name in gradients:
                setattr(layer, f"d{name}", gradients[prefix + name])

    def _given(self, x: Any) -> Array:
        """Returns x as the network takes it."""
        return self._samples(x)

    def _samples(self, x: Any) -> Array:
        x = np.asarray(x)
        shape = self._input_shape
        rows: Array = x.reshape(len(x), *shape) if x.ndim and x.size == len(x) * math.prod(shape) else x
        if rows.shape[1:] != shape or not rows.ndim or rows.dtype.kind not in "fiub":
            raise InputError(
                f"x has the shape {x.shape} and the type {x.dtype}; the network takes numbers "
                f"(N, {', '.join(map(str, shape))}), one sample as x[None]."
            )
        return rows.astype(np.float32) if rows.dtype == np.float16 else rows

    def _data(self, x: Any, t: Any) -> Data:
        """Returns the batch for the engine, past the checks that a whole data set gets once."""
        rows, t = self._given(x), np.asarray(t)
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


class TrainingTwin(Twin):
    """The same in training, for layers that then do something else: dropout and batch normalisation.

    The masks are drawn by np.random as the book draws them, layer by layer, and go in beside x. Each pass brings the
    running averages of batch normalisation forward.
    """

    def __init__(self, layers: Sequence[BookLayer], input_shape: tuple[int, ...]) -> None:
        self._masks: list[tuple[Dropout, tuple[int, ...]]] = []
        self._dropping = any(isinstance(layer, Dropout) for layer in layers)
        self._measuring = any(isinstance(layer, BatchNormalization) for layer in layers)
        super().__init__(layers, input_shape)

    @property
    def by_rows(self) -> bool:
        return not self._measuring

    def _begin(self, graph: Graph) -> Value:
        return graph.add(Samples(self._input_shape), graph.input) if self._dropping else graph.input

    def _native(self, layer: BookLayer) -> Layer:
        return layer.native_in_training()

    def _add(self, graph: Graph, value: Value, layer: BookLayer, shape: tuple[int, ...]) -> Value:
        if not isinstance(layer, Dropout):
            return super()._add(graph, value, layer, shape)
        first = self._given_shape[0]
        self._masks.append((layer, shape))
        return graph.add(Masked(first), value, graph.input)

    @property
    def _given_shape(self) -> tuple[int, ...]:
        masks = sum(math.prod(shape) for _, shape in self._masks)
        return (math.prod(self._input_shape) + masks,) if self._dropping else self._input_shape

    def _values(self, layer: BookLayer) -> Mapping[str, Array]:
        return layer.values_in_training()

    def _given(self, x: Any) -> Array:
        rows = self._samples(x)
        if not self._masks:
            return rows
        drawn = [layer.draw((len(rows), *shape)).reshape(len(rows), -1) for layer, shape in self._masks]
        return np.concatenate([rows.reshape(len(rows), -1), *drawn], axis=1)

    def _take(self, layer: BookLayer, prefix: str, gradients: Mapping[str, Array]) -> None:
        super()._take(layer, prefix, gradients)
        if isinstance(layer, BatchNormalization):
            layer.count(gradients[f"{prefix}mean"], gradients[f"{prefix}variance"])
