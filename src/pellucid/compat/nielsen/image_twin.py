"""The network of network3 in Pellucid: takes in its layers' w and b, trains on the engine, and gives them back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.compat.nielsen.image_layers import ConvPoolLayer, ScriptLayer, SoftmaxLayer
from pellucid.compat.nielsen.shared import FLOAT, values
from pellucid.engines import Data, check_data
from pellucid.errors import InputError, NotFiniteError
from pellucid.layers import Layer
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import SGD


class ImageTwin:
    """The layers of network3 as one Pellucid network in float32.

    Raises:
        InputError: the layers do not chain, or the last is no SoftmaxLayer.
    """

    def __init__(self, layers: Sequence[ScriptLayer]) -> None:
        self._layers = layers
        _check_layers(layers)
        first = layers[0]
        shape = first.image_shape[1:] if isinstance(first, ConvPoolLayer) else (layers[0].w.shape[0],)
        input_shape = shape
        built: list[Layer] = []
        self._names: list[str] = []
        for layer in layers:
            for part in layer.native(shape):
                if isinstance(part, layer.learning):
                    self._names.append(f"{len(built)}.")
                built.append(part)
                shape = part.output_shape(shape)
        self.network = Network(built, SoftmaxCrossEntropy(), input_shape=input_shape, dtype=FLOAT)
        self._steps = 0

    def read(self) -> None:
        """Takes in w and b as they are now.

        Raises:
            InputError: an array of another shape than the layer has.
        """
        for prefix, layer in zip(self._names, self._layers, strict=True):
            for name, value in (("W", layer.to_native(values(layer.w))), ("b", values(layer.b))):
                view = self.network.parameters[prefix + name]
                if value.shape != view.shape:
                    raise InputError(
                        f"{name.lower()} of a {type(layer).__name__} has the shape {value.shape}; the layer has "
                        f"{view.shape}."
                    )
                view[...] = value

    def write(self) -> None:
        """Gives w and b back, in new arrays."""
        for prefix, layer in zip(self._names, self._layers, strict=True):
            w, b = (self.network.parameters[prefix + name] for name in "Wb")
            layer.w.set_value(layer.from_native(w))
            layer.b.set_value(b)

    def data(self, pair: Any, name: str) -> Data:
        """Returns (x, y) checked, as images where the first layer takes them."""
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise InputError(f"{name} must be a pair (x, y) of shared variables or arrays, as load_data_shared gives.")
        try:
            return check_data(self._images(values(pair[0])), values(pair[1]), self.network.model)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    def _images(self, x: NDArray[Any]) -> NDArray[Any]:
        shape = self.network.input_shape
        fits = x.ndim >= 2 and np.prod(x.shape[1:]) == np.prod(shape)
        return x.reshape(len(x), *shape) if fits else x

    def train(self, data: Data, batch_size: int, batches: range, eta: float, decay: float) -> None:
        """Takes one step for each of these batches of the data in its own order: w ← (1 − eta decay) w − eta g.

        Raises:
            NotFiniteError: NaN or infinity came up; the parameters are those from before that batch.
        """
        optimizer = SGD(1.0, weight_decay=decay)
        state = self.network.optimizer_state(optimizer)
        state.step = state.start = self._steps
        rates = np.full(batches.stop, float(eta))
        try:
            done = self.network.session.train(data, None, batch_size, optimizer, rates, batches.start)
        finally:
            self._steps = state.step
        if done < batches.stop:
            raise NotFiniteError(
                f"NaN or infinity came up in mini-batch {done}; w and b are those from before it, try a smaller eta."
            )

    def accuracy(self, data: Data) -> float:
        """Returns the share of samples whose largest output is the right one."""
        return self.network.session.evaluate(data).metrics(countable=True)["accuracy"]

    def classes(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Returns the class number of each sample."""
        classes: NDArray[np.int64] = self.network.classify(self._images(x))
        return classes


def _check_layers(layers: Sequence[Any]) -> None:
    if not len(layers) or not all(isinstance(layer, ScriptLayer) for layer in layers):
        raise InputError("layers must hold ConvPoolLayer, FullyConnectedLayer and SoftmaxLayer objects.")
    if not isinstance(layers[-1], SoftmaxLayer):
        raise InputError(
            f"the last layer is a {type(layers[-1]).__name__}, which has no cost; put a SoftmaxLayer at the end."
        )
