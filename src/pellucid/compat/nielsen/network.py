"""Chapter 1's network.py: sigmoid neurons and the quadratic cost, trained by stochastic gradient descent.

The names, arguments, printed lines and results of M. Nielsen's module and of DeepLearningPython35's. `SGD` runs on
Pellucid's engine; a subclass that has its own update_mini_batch, backprop, cost_derivative, evaluate or feedforward is
followed. The same seeds of `random` and `numpy.random` give the originals' numbers, up to rounding.
Source: M. Nielsen, Neural Networks and Deep Learning, chapters 1 and 2.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pellucid.compat.nielsen.columns import ColumnNetwork, check_training, sigmoid, sigmoid_prime
from pellucid.compat.nielsen.samples import Pairs, Samples, samples
from pellucid.compat.nielsen.twin import ScriptsDelta
from pellucid.losses import Loss, MeanSquaredError


class Network(ColumnNetwork):
    """A network of sigmoid neurons, with weights and biases drawn from the normal distribution by np.random.

    sizes: the numbers of neurons, first the inputs, such as [784, 30, 10].
    Attributes: num_layers, sizes, weights (out, in), biases (n, 1).
    """

    _script_loss: ScriptsDelta | None = None

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in pairwise(sizes)]

    def SGD(
        self, training_data: Pairs, epochs: int, mini_batch_size: int, eta: float, test_data: Pairs | None = None
    ) -> None:
        """Trains on mini-batches of (x, y), and prints after each epoch how many of test_data come out right."""
        check_training(epochs, mini_batch_size, eta)
        data = Samples(training_data, "training_data")
        tested = Samples(test_data, "test_data") if test_data is not None else None
        order = list(range(len(data)))
        for epoch in range(epochs):
            self._epoch(
                data, order, mini_batch_size, eta, 0.0, lambda mini_batch: self.update_mini_batch(mini_batch, eta)
            )
            if tested:
                print(f"Epoch {epoch} : {self.evaluate(tested)} / {len(tested)}")
            else:
                print(f"Epoch {epoch} complete")

    def update_mini_batch(self, mini_batch: Pairs, eta: float) -> None:
        """Takes one step of gradient descent from a list of (x, y): w ← w − eta/m Σ ∇Cₓ."""
        self._step(mini_batch, eta, 0.0)

    def evaluate(self, test_data: Pairs) -> int:
        """Returns how many inputs have their largest output where y says: a class number, or a column."""
        return self._right(samples(test_data, "test_data"))

    def cost_derivative(self, output_activations: Any, y: Any) -> Any:
        """Returns the partial derivatives ∂Cₓ/∂a for the output activations: a − y."""
        return output_activations - y

    def _loss(self) -> Loss:
        if self._plain("cost_derivative"):
            return MeanSquaredError()
        if self._script_loss is None:
            self._script_loss = ScriptsDelta(self._script_delta)
        return self._script_loss

    def _script_delta(self, z: Any, a: Any, y: Any) -> Any:
        return self.cost_derivative(a, y) * sigmoid_prime(z)


__all__ = ["Network", "sigmoid", "sigmoid_prime"]
