"""Chapter 3's network2.py: costs, regularisation, better initial weights, monitors, early stopping, save and load.

The names, arguments, printed lines and results of M. Nielsen's module and of DeepLearningPython35. `SGD` runs on
Pellucid's engine; methods that a script overrides and costs of its own are followed. Where DeepLearningPython35 has a
fault, ours is right unless `faithful` is asked for; docs/compat.md says where.
Source: M. Nielsen, Neural Networks and Deep Learning, chapter 3.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.checks import at_least_zero
from pellucid.compat.nielsen.columns import ColumnNetwork, check_training, sigmoid, sigmoid_prime
from pellucid.compat.nielsen.costs import CrossEntropyCost, QuadraticCost
from pellucid.compat.nielsen.mnist_loader import vectorized_result
from pellucid.compat.nielsen.samples import Pairs, Samples, one_hot, samples
from pellucid.compat.nielsen.twin import Columns, ScriptsDelta, twin_sizes
from pellucid.compat.switch import faithful as faithfully
from pellucid.compat.switch import is_faithful
from pellucid.errors import FormatError, InputError
from pellucid.files import write_atomically
from pellucid.losses import Loss, MeanSquaredError, SigmoidCrossEntropy

MAX_FILE = 2**30
"""The most bytes of a saved network that `load` reads."""

Monitored = tuple[list[float], list[int], list[float], list[int]]


class Network(ColumnNetwork):
    """A network of sigmoid neurons with a cost of choice.

    sizes: the numbers of neurons, first the inputs. cost: QuadraticCost, CrossEntropyCost, or a class with static
    methods fn(a, y) and delta(z, a, y). faithful: True for the original's faults, None as `pellucid.compat.faithful`
    says. Attributes: num_layers, sizes, weights (out, in), biases (n, 1), cost.
    """

    _script_loss: ScriptsDelta | None = None
    faithful: bool | None = None

    def __init__(self, sizes: Sequence[int], cost: Any = CrossEntropyCost, faithful: bool | None = None) -> None:
        super().__init__(sizes)
        self.default_weight_initializer()
        self.cost = cost
        self.faithful = faithful

    def default_weight_initializer(self) -> None:
        """Draws weights from the normal distribution with deviation 1/√inputs, and biases with deviation 1."""
        self.biases = [np.random.randn(y, 1) for y in self.sizes[1:]]
        self.weights = [np.random.randn(y, x) / np.sqrt(x) for x, y in pairwise(self.sizes)]

    def large_weight_initializer(self) -> None:
        """Draws weights and biases from the normal distribution with deviation 1, as in chapter 1."""
        self.biases = [np.random.randn(y, 1) for y in self.sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in pairwise(self.sizes)]

    def SGD(
        self,
        training_data: Pairs,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Pairs | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
    ) -> Monitored:
        """Trains on mini-batches of (x, y), with weight decay lmbda, and prints and returns what is monitored.

        Returns four lists, one number per epoch each: cost and accuracy on the evaluation data, cost and accuracy on
        the training data; empty where not asked for. early_stopping_n: where above 0, training ends once the accuracy
        on the evaluation data has not risen for so many epochs, with the weights of the best epoch.
        """
        check_training(epochs, mini_batch_size, eta)
        data = Samples(training_data, "training_data")
        evaluated = Samples(evaluation_data, "evaluation_data") if evaluation_data is not None else None
        if evaluated is None and (monitor_evaluation_cost or monitor_evaluation_accuracy):
            raise InputError("evaluation_data is missing; the monitors of the evaluation need it.")
        monitors = _Monitors(
            (monitor_evaluation_cost, monitor_evaluation_accuracy, monitor_training_cost, monitor_training_accuracy)
        )
        stopping = _EarlyStopping(early_stopping_n)
        order = list(range(len(data)))
        for epoch in range(epochs):
            self._epoch(
                data,
                order,
                mini_batch_size,
                eta,
                _decay(lmbda, len(data)),
                lambda mini_batch: self.update_mini_batch(mini_batch, eta, lmbda, len(data)),
            )
            print(f"Epoch {epoch} training complete")
            monitors.look(self, data, evaluated, lmbda)
            if early_stopping_n > 0 and stopping.looked(self, monitors, evaluated or data):
                break
        if not is_faithful(self.faithful):
            stopping.restore(self)
        return monitors.lists

    def update_mini_batch(self, mini_batch: Pairs, eta: float, lmbda: float, n: int) -> None:
        """Takes one step from a list of (x, y): w ← (1 − eta lmbda/n) w − eta/m Σ ∇Cₓ; n is the size of all data."""
        self._step(mini_batch, eta, _decay(lmbda, n))

    def accuracy(self, data: Pairs, convert: bool = False) -> int:
        """Returns how many inputs have their largest output where y says.

        Whether y are class numbers or columns is seen in the data; `convert`, which told so, is not needed.
        """
        return self._right(samples(data, "data"))

    def total_cost(self, data: Pairs, lmbda: float, convert: bool = False) -> float:
        """Returns the mean cost plus lmbda/2n Σ w²; y may be columns or class numbers, whatever `convert` says.

        Faithful to DeepLearningPython35, the second term is added once for each sample.
        """
        given = samples(data, "data")
        if not given:
            raise InputError("data is empty; a zip can be gone through only once: make it a list.")
        squares = sum(float(np.linalg.norm(w)) ** 2 for w in self.weights)
        times = len(given) if is_faithful(self.faithful) else 1
        return self._mean_cost(given) + times * 0.5 * (lmbda / len(given)) * squares

    def save(self, filename: str | Path) -> None:
        """Writes sizes, weights, biases and the cost's name as JSON; all of it or nothing."""
        data = {
            "sizes": [int(n) for n in self.sizes],
            "weights": [w.tolist() for w in self.weights],
            "biases": [b.tolist() for b in self.biases],
            "cost": _class_of(self.cost).__name__,
        }
        write_atomically(filename, lambda stream: stream.write(json.dumps(data).encode("utf-8")))

    def _loss(self) -> Loss:
        kind = _class_of(self.cost)
        if kind is QuadraticCost:
            return MeanSquaredError()
        if kind is CrossEntropyCost:
            return SigmoidCrossEntropy()
        if self._script_loss is None or self._script_loss.delta != self.cost.delta:
            self._script_loss = ScriptsDelta(self.cost.delta)
        return self._script_loss

    def _mean_cost(self, data: Samples) -> float:
        own = _class_of(self.cost) not in (QuadraticCost, CrossEntropyCost)
        faithful = is_faithful(self.faithful)
        if not (own or faithful) and self._plain("feedforward"):
            return self._current_twin().cost(data)
        _, y = data.arrays(self.weights[0].shape[1], len(self.weights[-1]))
        wanted = one_hot(y, len(self.weights[-1]))
        with faithfully(faithful):
            return float(_sum_of_costs(self.cost, self._outputs(data), wanted, column_by_column=own)) / len(data)


@dataclass
class _Monitors:
    """What is monitored: costs and accuracies, and which of the four are wanted."""

    wanted: tuple[bool, bool, bool, bool]
    lists: Monitored = field(default_factory=lambda: ([], [], [], []))

    def look(self, network: Network, data: Samples, evaluated: Samples | None, lmbda: float) -> None:
        """Prints and keeps this epoch's numbers, in the original's order."""
        costs, accuracies, training_costs, training_accuracies = self.lists
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy = self.wanted
        if training_cost:
            training_costs.append(network.total_cost(data, lmbda))
            print(f"Cost on training data: {training_costs[-1]}")
        if training_accuracy:
            training_accuracies.append(network.accuracy(data, convert=True))
            print(f"Accuracy on training data: {training_accuracies[-1]} / {len(data)}")
        if evaluated is not None and evaluation_cost:
            costs.append(network.total_cost(evaluated, lmbda, convert=True))
            print(f"Cost on evaluation data: {costs[-1]}")
        if evaluated is not None and evaluation_accuracy:
            accuracies.append(network.accuracy(evaluated))
            print(f"Accuracy on evaluation data: {accuracies[-1]} / {len(evaluated)}")


class _EarlyStopping:
    """The best accuracy so far with its weights, and how many epochs have passed without a better one."""

    def __init__(self, patience: int) -> None:
        self._patience, self._best, self._epochs = patience, 0, 0
        self._kept: tuple[Columns, Columns] | None = None

    def looked(self, network: Network, monitors: _Monitors, data: Samples) -> bool:
        """Takes note of this epoch, and returns whether training should end."""
        accuracies = monitors.lists[1]
        accuracy = accuracies[-1] if accuracies else network.accuracy(data)
        if accuracy > self._best or self._kept is None:
            self._best, self._epochs = accuracy, 0
            self._kept = [w.copy() for w in network.weights], [b.copy() for b in network.biases]
        else:
            self._epochs += 1
        return self._epochs >= self._patience

    def restore(self, network: Network) -> None:
        if self._kept is not None:
            network.weights, network.biases = self._kept


def load(filename: str | Path) -> Network:
    """Returns the network that `Network.save` wrote, the originals' files included.

    Raises:
        InputError: the file cannot be read, or its cost is none of this module's. FormatError: it is no such network.
    """
    data = _read_json(Path(filename))
    missing = {"sizes", "weights", "biases", "cost"} - set(data)
    if missing:
        raise FormatError(f"{str(filename)!r} has no {', '.join(sorted(missing))}; it is no network saved by network2.")
    cost = globals().get(str(data["cost"]))
    if not isinstance(cost, type) or not hasattr(cost, "delta"):
        raise InputError(
            f"{str(filename)!r} has the cost {data['cost']!r}, which network2 does not have; set "
            "network2.<that name> to the script's class before loading."
        )
    try:
        weights = [np.array(w, dtype=np.float64) for w in data["weights"]]
        biases = [np.array(b, dtype=np.float64) for b in data["biases"]]
        sizes = [int(n) for n in data["sizes"]]
        if twin_sizes(weights, biases) != tuple(sizes):
            raise InputError(f"the sizes {sizes} are not those of the weights")
    except (ValueError, TypeError) as error:
        raise FormatError(f"{str(filename)!r} is no network saved by network2: {str(error).rstrip('.')}.") from None
    network = Network(sizes, cost=cost)
    network.weights, network.biases = weights, biases
    return network


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the network {str(path)!r}: {reason}; check the path.") from None
    if len(content) > MAX_FILE:
        raise FormatError(f"{str(path)!r} has more than {MAX_FILE:,} bytes; that is no network saved by network2.")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise FormatError(f"{str(path)!r} is no network saved by network2: a JSON object is expected.")
    return data


def _decay(lmbda: float, n: int) -> float:
    at_least_zero("lmbda", lmbda)
    if n < 1:
        raise InputError("training_data is empty; a zip can be gone through only once: make it a list.")
    return float(lmbda) / n


def _class_of(cost: Any) -> type:
    return cost if isinstance(cost, type) else type(cost)


def _sum_of_costs(cost: Any, a: NDArray[Any], y: NDArray[Any], column_by_column: bool) -> Any:
    """Σ fn(a, y): at once for our own costs, which add up all entries; column by column for a script's."""
    if not column_by_column:
        return cost.fn(a, y)
    return sum(cost.fn(one[:, None], wanted[:, None]) for one, wanted in zip(a, y, strict=True))


__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "load",
    "sigmoid",
    "sigmoid_prime",
    "vectorized_result",
]
