"""Chapter 6's network3.py: convolution with pooling, fully connected and softmax layers, dropout, weight decay.

The names, arguments, printed lines and results of M. Nielsen's module and of DeepLearningPython35's, without Theano:
training runs on Pellucid's engine in float32. w and b of the layers are shared variables that scripts may read and set
at any time. The same seed of `numpy.random` gives the originals' first weights.
Source: M. Nielsen, Neural Networks and Deep Learning, chapter 6.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.checks import at_least_zero
from pellucid.compat.nielsen.columns import check_training, sigmoid
from pellucid.compat.nielsen.image_layers import (
    ConvPoolLayer,
    FullyConnectedLayer,
    ReLU,
    SoftmaxLayer,
    dropout_layer,
    linear,
    tanh,
)
from pellucid.compat.nielsen.image_twin import ImageTwin
from pellucid.compat.nielsen.shared import Shared, load_data_shared, size, values
from pellucid.compat.nielsen.symbols import Known, Symbol
from pellucid.compat.switch import is_faithful
from pellucid.engines import Data

_SAY_EVERY = 1000

Predictions = Callable[[int], NDArray[np.int64]]


class Network:
    """Layers that are trained by stochastic gradient descent, the last one a SoftmaxLayer.

    Attributes: layers, mini_batch_size, params; after SGD test_mb_predictions(i), the class numbers that the network
    gives the i-th mini-batch of the test data. x and layers[-1].y_out stand for the input and its class numbers where a
    script makes a theano.function of them.
    """

    test_mb_predictions: Predictions

    def __init__(self, layers: Sequence[Any], mini_batch_size: int) -> None:
        self.layers = layers
        self.mini_batch_size = mini_batch_size
        self._twin = ImageTwin(layers)
        self.x = Symbol()
        layers[-1].y_out = _Classes(self)
        self.params: list[Shared] = [param for layer in layers for param in layer.params]

    def SGD(
        self,
        training_data: Any,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        validation_data: Any,
        test_data: Any,
        lmbda: float = 0.0,
    ) -> None:
        """Trains on mini-batches in the order of the data, and prints accuracies after each epoch.

        Each mini-batch makes w ← w − eta (g + lmbda / batches · w) and b ← b − eta g, with g the mean gradient and
        batches the number of mini-batches in an epoch. The data are pairs (x, y) of shared variables or arrays; without
        test_data (None) the lines about it are left out. Where the data do not fill the last mini-batch it is shorter;
        faithful to the original, it is left out, in the accuracies too.

        Raises:
            InputError: data or numbers that do not fit. NotFiniteError: NaN or infinity came up.
        """
        check_training(epochs, mini_batch_size, eta)
        training = self._data(training_data, "training_data")
        validation = self._data(validation_data, "validation_data")
        tested = None if test_data is None else self._data(test_data, "test_data")
        if tested is not None:
            self.test_mb_predictions = self._predictions(test_data, mini_batch_size)
        batches = -(-training.rows // mini_batch_size)
        decay = _decay(lmbda, training.rows / mini_batch_size)
        best = _Best()
        self._twin.read()
        try:
            for epoch in range(epochs):
                self._epoch(training, mini_batch_size, batches, epoch, eta, decay)
                accuracy = self._twin.accuracy(validation)
                print(f"Epoch {epoch}: validation accuracy {accuracy:.2%}")
                if accuracy >= best.validation:
                    best.found(self._twin, accuracy, batches * (epoch + 1) - 1, tested)
        finally:
            self._twin.write()
        best.summary(tested is not None)

    def _epoch(self, data: Data, batch_size: int, batches: int, epoch: int, eta: float, decay: float) -> None:
        """One pass over the data, cut where a line is to be printed."""
        first = 0
        while first < batches:
            iteration = batches * epoch + first
            if iteration % _SAY_EVERY == 0:
                print(f"Training mini-batch number {iteration}")
            last = min(batches, first + _SAY_EVERY - iteration % _SAY_EVERY)
            self._twin.train(data, batch_size, range(first, last), eta, decay)
            first = last

    def _data(self, pair: Any, name: str) -> Data:
        if is_faithful() and isinstance(pair, Sequence) and len(pair) == 2:
            whole = size(pair) // self.mini_batch_size * self.mini_batch_size
            pair = tuple(values(part)[:whole] for part in pair)
        return self._twin.data(pair, name)

    def _predictions(self, test_data: Any, batch_size: int) -> Predictions:
        x = values(test_data[0])
        return lambda i: self._classes(x[i * batch_size : (i + 1) * batch_size])

    def _classes(self, x: Any) -> NDArray[np.int64]:
        self._twin.read()
        return self._twin.classes(values(x))

    def __getstate__(self) -> dict[str, Any]:
        # The twin holds the engine's own memory, and the predictions hold the twin.
        return {name: value for name, value in self.__dict__.items() if name not in ("_twin", "test_mb_predictions")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._twin = ImageTwin(self.layers)


class _Classes(Symbol):
    """The class numbers that a network gives its input x."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network

    def at(self, known: Known) -> Any:
        return self._network._classes(self._network.x.at(known))


class _Best:
    """The best validation accuracy so far, where it was reached, and the test accuracy there."""

    validation, test, iteration = 0.0, 0.0, 0

    def found(self, twin: ImageTwin, accuracy: float, iteration: int, tested: Data | None) -> None:
        """Notes and prints a new best."""
        self.validation, self.iteration = accuracy, iteration
        print("This is the best validation accuracy to date.")
        if tested is not None:
            self.test = twin.accuracy(tested)
            print(f"The corresponding test accuracy is {self.test:.2%}")

    def summary(self, tested: bool) -> None:
        print("Finished training network.")
        print(f"Best validation accuracy of {self.validation:.2%} obtained at iteration {self.iteration}")
        if tested:
            print(f"Corresponding test accuracy of {self.test:.2%}")


def _decay(lmbda: Any, batches: float) -> float:
    at_least_zero("lmbda", lmbda)
    return float(lmbda) / batches


__all__ = [
    "ConvPoolLayer",
    "FullyConnectedLayer",
    "Network",
    "ReLU",
    "Shared",
    "SoftmaxLayer",
    "dropout_layer",
    "linear",
    "load_data_shared",
    "sigmoid",
    "size",
    "tanh",
]
