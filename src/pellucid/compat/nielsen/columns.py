"""What network.Network and network2.Network share: the attributes, feedforward, backprop, and one step.

The numbers live in the lists `weights` and `biases`, as in the originals, so that scripts may replace or change them at
any time; they are copied into the twin before each call that computes with it, and new arrays come out.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.checks import finite, is_whole
from pellucid.compat.nielsen.samples import Pairs, Samples, classes_of, samples
from pellucid.compat.nielsen.twin import Columns, Twin, twin_sizes
from pellucid.errors import InputError
from pellucid.losses import Loss


def sigmoid(z: Any) -> Any:
    """The sigmoid function, 1 / (1 + e⁻ᶻ), elementwise; never overflows aloud."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z: Any) -> Any:
    """Derivative of the sigmoid function, σ(z) (1 − σ(z)), elementwise."""
    return sigmoid(z) * (1 - sigmoid(z))


class ColumnNetwork:
    """Layers of sigmoid neurons: a ← σ(w·a + b) with w (out, in), and a and b columns.

    sizes: the numbers of neurons, first the inputs, such as [784, 30, 10].
    """

    weights: Columns
    biases: Columns
    # Here, not in __init__, because a script's subclass may not call ours.
    _twin: Twin | None = None

    def __init__(self, sizes: Sequence[int]) -> None:
        self.num_layers = len(_checked_sizes(sizes))
        self.sizes = sizes

    def feedforward(self, a: Any) -> Any:
        """Returns the output of the network if ``a`` is input: a column (n, 1), or several side by side."""
        for b, w in zip(self.biases, self.weights, strict=True):
            if np.shape(a)[:1] != w.shape[1:]:
                raise InputError(f"the input has the shape {np.shape(a)}, but the layer takes ({w.shape[1]}, 1).")
            a = sigmoid(np.dot(w, a) + b)
        return a

    def backprop(self, x: Any, y: Any) -> tuple[Columns, Columns]:
        """Returns (nabla_b, nabla_w), the gradient of one sample's cost, layer by layer like biases and weights."""
        twin = self._current_twin()
        return twin.gradient(*Samples([(x, y)]).arrays(twin.sizes[0], twin.sizes[-1]))

    def __getstate__(self) -> dict[str, Any]:
        # The twin holds the engine's own memory, which a copy or a pickle makes anew.
        return self.__dict__ | {"_twin": None}

    # For the two modules ---------------------------------------------------------------------------------------------

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _plain(self, *names: str) -> bool:
        """Whether none of these methods is the script's own."""
        return all(
            name not in self.__dict__ and getattr(type(self), name).__module__.startswith("pellucid.compat.nielsen")
            for name in names
        )

    def _current_twin(self) -> Twin:
        """Returns the twin with the numbers of this moment."""
        sizes, loss = twin_sizes(self.weights, self.biases), self._loss()
        twin = self._twin
        if twin is None or twin.sizes != sizes or twin.loss != loss:
            twin = self._twin = Twin(sizes, loss)
        twin.read(self.weights, self.biases)
        return twin

    def _train(self, data: Samples, order: Sequence[int] | None, batch_size: int, eta: float, decay: float) -> None:
        """Takes a step per batch on the engine: all of the epoch's, or one where `order` is None."""
        twin = self._current_twin()
        try:
            twin.train(twin.data(data), None if order is None else np.asarray(order), batch_size, eta, decay)
        finally:
            self.weights, self.biases = twin.weights(), twin.biases()

    def _step(self, mini_batch: Pairs, eta: float, decay: float) -> None:
        """One step from one batch; through the script's own backprop where it has one."""
        batch = samples(mini_batch, "mini_batch")
        if self._plain("backprop"):
            self._train(batch, None, len(batch), eta, decay)
            return
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            delta_b, delta_w = self.backprop(x, y)
            nabla_b = [nb + db for nb, db in zip(nabla_b, delta_b, strict=True)]
            nabla_w = [nw + dw for nw, dw in zip(nabla_w, delta_w, strict=True)]
        rate = eta / len(batch)
        self.weights = [(1 - eta * decay) * w - rate * nw for w, nw in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - rate * nb for b, nb in zip(self.biases, nabla_b, strict=True)]

    def _epoch(
        self,
        data: Samples,
        order: list[int],
        batch_size: int,
        eta: float,
        decay: float,
        update: Callable[[list[tuple[Any, Any]]], object],
    ) -> None:
        """One pass over the data in a new order, drawn by `random` as theirs is."""
        random.shuffle(order)
        if self._plain("update_mini_batch", "backprop"):
            self._train(data, order, batch_size, eta, decay)
            return
        for start in range(0, len(order), batch_size):
            update([data[index] for index in order[start : start + batch_size]])

    def _outputs(self, data: Samples) -> NDArray[Any]:
        """Returns the output activations (N, K); through the script's own feedforward where it has one."""
        if not self._plain("feedforward"):
            return np.stack([np.ravel(self.feedforward(x)) for x, _ in data])
        return self._current_twin().activations(data)

    def _right(self, data: Samples) -> int:
        """How many samples the network gives the right class: its largest output, the first of equals."""
        if not data:
            return 0
        _, y = data.arrays(self.weights[0].shape[1], len(self.weights[-1]))
        return int((np.argmax(self._outputs(data), axis=1) == classes_of(y)).sum())


def check_training(epochs: Any, mini_batch_size: Any, eta: Any) -> None:
    """Raises InputError where an argument of SGD cannot be used."""
    for name, value, least in (("epochs", epochs, 0), ("mini_batch_size", mini_batch_size, 1)):
        if not is_whole(value) or value < least:
            raise InputError(f"{name} must be a whole number of {least} or more, got {value!r}.")
    finite("eta", eta)


def _checked_sizes(sizes: Any) -> Sequence[int]:
    whole = hasattr(sizes, "__len__") and all(hasattr(n, "__index__") and n >= 1 for n in sizes)
    if not whole or len(sizes) < 2:
        raise InputError(f"sizes must hold two or more whole numbers of 1 or more, such as [784, 30, 10]: {sizes!r}.")
    checked: Sequence[int] = sizes
    return checked
