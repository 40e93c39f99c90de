"""What is computed: a network, its data, its first weights and the order of its batches, the same for all."""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layers = list[tuple[Array, Array]]
"""(W (I, O), b (O,)) per layer."""

SEED = 0
SQUARED_ERROR = "sigmoid outputs, squared error"
SOFTMAX = "softmax cross-entropy"
SIGMOID_CROSS_ENTROPY = "sigmoid cross-entropy"


class Unsupported(Exception):
    """A contender does not have this problem; the message says what it lacks."""


@dataclass(frozen=True)
class Problem:
    """kind: "train" (an epoch of `steps` batches), "step" (`steps` calls of one sample) or "predict" (the same)."""

    kind: str
    sizes: tuple[int, ...]
    hidden: str = "relu"
    loss: str = SOFTMAX
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    batch: int = 1
    steps: int = 1000

    @property
    def rows(self) -> int:
        return self.steps * self.batch

    @property
    def flop(self) -> int:
        """The multiplications and additions of one step's matrix products, without dx of the first layer."""
        pairs = list(pairwise(self.sizes))
        forward = sum(2 * self.batch * i * o for i, o in pairs)
        if self.kind == "predict":
            return forward
        return 2 * forward + sum(2 * self.batch * i * o for i, o in pairs[1:])

    def shortened(self, steps: int) -> "Problem":
        return replace(self, steps=min(steps, self.steps))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Problem":
        return cls(**(values | {"sizes": tuple(values["sizes"])}))

    def __str__(self) -> str:
        shape = "-".join(map(str, self.sizes))
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
        arrays = [np.load(folder / f"{name}.npy") for name in ("x", "labels", "order")]
        return cls(*arrays, load_layers(folder / "layers.npz"))

    def restarted(self, sizes: tuple[int, ...], seed: int) -> "Data":
        """Returns the same data with other first weights."""
        return replace(self, layers=first_layers(sizes, seed))

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


def first_layers(sizes: tuple[int, ...], seed: int = SEED) -> Layers:
    """Returns weights with a standard deviation of 1/√inputs, and small biases so that a lost bias shows."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.normal(0, i**-0.5, (i, o)).astype(np.float32),
            rng.normal(0, 0.1, o).astype(np.float32),
        )
        for i, o in pairwise(sizes)
    ]


def outputs(problem: Problem, layers: Layers, x: Array) -> Array:
    """Returns the logits in float64."""
    a = x.astype(np.float64)
    for index, (w, b) in enumerate(layers):
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
