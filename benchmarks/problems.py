"""What is computed: a network, its data, its first weights and the order of its batches, the same for all."""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import stages
from benchmarks.stages import Stage

Array = stages.Array
Layers = list[tuple[Array, Array]]
"""(W (I, O), b (O,)) per fully connected layer, (W (O, C, KH, KW), b (O,)) per convolution before them."""

SEED = 0
SQUARED_ERROR = "sigmoid outputs, squared error"
SOFTMAX = "softmax cross-entropy"
SIGMOID_CROSS_ENTROPY = "sigmoid cross-entropy"


class Unsupported(Exception):
    """A contender does not have this problem; the message says what it lacks."""


@dataclass(frozen=True)
class Problem:
    """kind: "train" (an epoch of `steps` batches), "step" (`steps` calls of one sample) or "predict" (the same).

    sizes: of the fully connected layers. stages: convolutions before them, whose output has sizes[0] numbers.
    """

    kind: str
    sizes: tuple[int, ...]
    hidden: str = "relu"
    loss: str = SOFTMAX
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    batch: int = 1
    steps: int = 1000
    stages: tuple[Stage, ...] = ()

    @property
    def rows(self) -> int:
        return self.steps * self.batch

    @property
    def flop(self) -> int:
        """The multiplications and additions of one step's matrix products, without dx of the first layer."""
        each = stages.forward_flop(self.stages) + [2 * i * o for i, o in pairwise(self.sizes)]
        if self.kind == "predict":
            return self.batch * sum(each)
        return self.batch * (3 * sum(each) - each[0])

    def shortened(self, steps: int) -> "Problem":
        return replace(self, steps=min(steps, self.steps))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Problem":
        found = tuple(Stage(*one) for one in values["stages"])
        return cls(**(values | {"sizes": tuple(values["sizes"]), "stages": found}))

    def __str__(self) -> str:
        shape = ", ".join([*map(str, self.stages), "-".join(map(str, self.sizes))])
        what = f"{shape}, {self.hidden}, {self.loss}"
        return what if self.kind == "predict" else f"{what}, {self.optimizer}, batch {self.batch}"


@dataclass(frozen=True)
class Data:
    """x (N, I) float32, labels (N,) int64, order (N,): row numbers in the order of training, layers: first weights."""

    x: Array
    labels: Array
    order: Array
    layers: Layers

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("x", "labels", "order"):
            np.save(folder / f"{name}.npy", getattr(self, name))
        save_layers(folder / "layers.npz", self.layers)

    @classmethod
    def load(cls, folder: Path) -> "Data":
        x, labels, order = (np.load(folder / f"{name}.npy") for name in ("x", "labels", "order"))
        return cls(x, labels, order, load_layers(folder / "layers.npz"))

    def restarted(self, problem: Problem, seed: int) -> "Data":
        """Returns the same data with other first weights."""
        return replace(self, layers=first_layers(problem, seed))

    def targets(self, outputs: int) -> Array:
        """Returns float32 targets (N, K): one-hot rows, or the label itself for a single output."""
        if outputs == 1:
            return self.labels[:, None].astype(np.float32)
        return np.eye(outputs, dtype=np.float32)[self.labels]


def save_layers(path: Path, layers: Layers) -> None:
    np.savez(path, *[array for layer in layers for array in layer])


def load_layers(path: Path) -> Layers:
    with np.load(path) as held:
        flat = [held[f"arr_{i}"] for i in range(len(held.files))]
    return list(zip(flat[::2], flat[1::2], strict=True))


def first_layers(problem: Problem, seed: int = SEED) -> Layers:
    """Returns weights with a standard deviation of 1/√inputs, and small biases so that a lost bias shows.

    A stage's have √(2/inputs), He's, as six of them would let the images fade away.
    """
    rng = np.random.default_rng(seed)
    found: Layers = []
    for shape in stages.weight_shapes(problem.stages):
        deviation = (2 / np.prod(shape[1:])) ** 0.5
        found.append((_normal(rng, deviation, shape), _normal(rng, 0.1, shape[:1])))
    for i, o in pairwise(problem.sizes):
        found.append((_normal(rng, i**-0.5, (i, o)), _normal(rng, 0.1, (o,))))
    return found


def _normal(rng: np.random.Generator, deviation: float, shape: tuple[int, ...]) -> Array:
    return rng.normal(0, deviation, shape).astype(np.float32)


def outputs(problem: Problem, layers: Layers, x: Array) -> Array:
    """Returns the logits in float64."""
    count = len(problem.stages)
    a = stages.features(problem.stages, layers[:count], x) if count else x.astype(np.float64)
    for index, (w, b) in enumerate(layers[count:], count):
        a = a @ w.astype(np.float64) + b
        if index < len(layers) - 1:
            a = np.maximum(a, 0) if problem.hidden == "relu" else sigmoid(a)
    return a


def sigmoid(u: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * u))


def loss_of(problem: Problem, layers: Layers, x: Array, t: Array) -> float:
    """Returns the mean loss in float64, computed the same way whoever trained the weights. t (N, K)."""
    u = outputs(problem, layers, x)
    if problem.loss == SQUARED_ERROR:
        rows = 0.5 * np.sum((sigmoid(u) - t) ** 2, axis=1)
    elif problem.loss == SOFTMAX:
        top = u.max(axis=1, keepdims=True)
        rows = np.log(np.sum(np.exp(u - top), axis=1)) + top[:, 0] - np.sum(u * t, axis=1)
    else:
        rows = np.sum(np.logaddexp(0, u) - u * t, axis=1)
    return float(rows.mean())
