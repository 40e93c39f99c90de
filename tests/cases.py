"""The table of every layer and every loss, with odd shapes: from each row of it, most tests follow.

A new layer or loss is added here, and its formula to `fixtures/make_cases.py`, and is thereby checked against numeric
differentiation, that formula, its own plan, row by row, through its description, and on every engine.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pellucid import Graph, Residual, philox
from pellucid.engines import Data, Model, check_data
from pellucid.initializers import Constant, LeCun, Normal, Xavier
from pellucid.layers import (
    ELU,
    GELU,
    Add,
    Affine,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAveragePool2D,
    Identity,
    Join,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Rescale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Step,
    Tanh,
    ZeroPad2D,
)
from pellucid.losses import (
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from pellucid.ops import Array

ROWS = (1, 7, 8, 9)

Targets = Literal["labels", "values", "entries", "rows"]


@dataclass(frozen=True)
class Case:
    """A small network about one layer or one loss, with data made for it.

    targets: "labels" are class numbers, "values" any numbers, "entries" probabilities each, "rows" rows that sum to 1.
    least_rows: how many rows a training batch must have.
    """

    name: str
    layers: tuple[Layer | Residual, ...] | Graph
    loss: Loss
    input_shape: tuple[int, ...]
    targets: Targets = "values"
    weighted: bool = False
    trainable: bool = field(default=True)

    def model(self, dtype: str = "float64", seed: int = 3) -> Model:
        model = Model(self.layers, self.loss, self.input_shape, seed, np.dtype(dtype))
        for stream, (name, p) in enumerate(model.parameters.items()):
            # A normalisation starts with ones and zeros, on which no mistake would show.
            if name.rpartition(".")[2] in ("gamma", "beta", "running_mean", "running_variance"):
                p[...] = 0.5 + np.abs(numbers(100 + stream, p.shape))
        return model

    @property
    def least_rows(self) -> int:
        return self.model().least_rows

    def x(self, rows: int, dtype: str = "float64") -> Array:
        return numbers(1, (rows, *self.input_shape)).astype(dtype)

    def t(self, rows: int, dtype: str = "float64") -> Array:
        width = self.model().output_shape[0]
        values = numbers(2, (rows, width))
        if self.targets == "labels":
            return np.argmax(values, axis=1).astype(np.int32)
        if self.targets == "entries":
            return (1 / (1 + np.exp(-values))).astype(dtype)
        if self.targets == "rows":
            return (np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)).astype(dtype)
        return values.astype(dtype)

    def weight(self, rows: int) -> Array | None:
        return 0.5 + np.abs(numbers(3, (rows,))) if self.weighted else None

    def data(self, rows: int, dtype: str = "float64") -> Data:
        model = self.model(dtype)
        return check_data(self.x(rows, dtype), self.t(rows, dtype), model, self.weight(rows))


def numbers(stream: int, shape: tuple[int, ...]) -> Array:
    """The same numbers on every machine, normally distributed."""
    return philox.normal(12, philox.DATA, stream, shape)


def _layer(layer: Layer, *input_shape: int, trainable: bool = True) -> Case:
    name = f"{layer} of {'x'.join(map(str, input_shape))}"
    loss = MeanSquaredError()
    layers = (layer,) if math.prod(input_shape) == input_shape[-1] else (layer, Flatten())
    return Case(name, layers, loss, input_shape, trainable=trainable)


def _loss(loss: Loss, outputs: int, targets: Targets, weighted: bool = False) -> Case:
    name = f"{loss} of {outputs} {targets}{', weighted' if weighted else ''}"
    return Case(name, (Affine(outputs),), loss, (3,), targets, weighted)


def _join(layer: Join, *branches: tuple[Layer, ...], input_shape: tuple[int, ...]) -> Case:
    """A join of x and of what each branch makes of it."""
    graph = Graph()
    ends = [graph.input]
    for branch in branches:
        ends.append(graph.input)
        for inner in branch:
            ends[-1] = graph.add(inner, ends[-1])
    graph.add(Flatten(), graph.add(layer, *ends))
    name = f"{layer} of {len(ends)} values of {'x'.join(map(str, input_shape))}"
    return Case(name, graph, MeanSquaredError(), input_shape)


LAYERS: tuple[Case, ...] = (
    _layer(Affine(1), 1),
    _layer(Affine(5), 3),
    _layer(Affine(17, weights=Xavier("uniform"), bias=Normal(0.5)), 33),
    _layer(Affine(3, weights=LeCun(), bias=Constant(-0.25)), 13),
    _layer(Identity(), 5),
    _layer(Sigmoid(), 1),
    _layer(Sigmoid(), 17),
    _layer(Tanh(), 7),
    _layer(ReLU(), 1),
    _layer(ReLU(), 17),
    _layer(LeakyReLU(), 9),
    _layer(LeakyReLU(slope=0.3), 5),
    _layer(ELU(), 9),
    _layer(ELU(alpha=0.7), 5),
    _layer(GELU(), 11),
    _layer(SiLU(), 11),
    _layer(Softplus(), 7),
    _layer(Softmax(), 1),
    _layer(Softmax(), 10),
    _layer(Step(), 9, trainable=False),
    _layer(Dropout(), 17),
    _layer(Dropout(rate=0.0), 3),
    _layer(Dropout(rate=0.9), 65),
    _layer(Flatten(), 5),
    _layer(Flatten(), 3, 1, 5),
    _layer(Rescale(), 3),
    _layer(Rescale(scale=-2.0, offset=0.5), 2, 3),
    _layer(Conv2D(3, 3), 2, 7, 5),
    _layer(Conv2D(4, (3, 2), stride=(2, 1), padding="same"), 3, 7, 6),
    _layer(Conv2D(2, 3, padding=2, dilation=2), 1, 6, 5),
    _layer(Conv2D(3, (2, 3), stride=(3, 2), dilation=(2, 1), padding=(0, 1)), 2, 8, 5),
    _layer(Conv2D(6, 3, stride=2, padding=(1, 0), groups=3), 3, 7, 8),
    _layer(Conv2D(4, 2, padding=(0, 1, 2, 0), groups=2, weights=Xavier(), bias=Normal(0.5)), 6, 4, 5),
    _layer(Conv2D(5, 1), 3, 3, 4),
    _layer(Conv2D(3, 1, stride=2), 17, 3, 5),
    _layer(Conv2D(17, 3, padding="same"), 16, 4, 3),
    _layer(Conv2D(3, (4, 5)), 2, 4, 5),
    _layer(Conv2D(2, 5, padding="same"), 1, 3, 2),
    _layer(MaxPool2D(), 2, 5, 7),
    _layer(MaxPool2D(3, stride=2), 3, 7, 6),
    _layer(MaxPool2D((2, 3), stride=1, padding=1), 1, 4, 5),
    _layer(MaxPool2D(3, stride=2, padding="same"), 17, 5, 4),
    _layer(MaxPool2D(2, stride=3), 2, 7, 8),
    _layer(MaxPool2D((4, 5)), 2, 4, 5),
    _layer(AveragePool2D(), 2, 5, 7),
    _layer(AveragePool2D(3, stride=2, padding=(1, 0, 2, 1)), 3, 7, 6),
    _layer(AveragePool2D((2, 3), stride=1, padding="same"), 17, 3, 4),
    _layer(GlobalAveragePool2D(), 3, 5, 4),
    _layer(BatchNorm(), 5),
    _layer(BatchNorm(momentum=0.5, epsilon=0.01), 17),
    _layer(BatchNorm(), 3, 4, 5),
    _layer(BatchNorm(epsilon=0.1), 17, 3, 1),
    _layer(LayerNorm(), 7),
    _layer(LayerNorm(epsilon=0.1), 2, 3, 5),
    _layer(Dropout2D(), 5, 3, 2),
    _layer(Dropout2D(rate=0.0), 2, 2, 3),
    _layer(ZeroPad2D(1), 2, 3, 4),
    _layer(ZeroPad2D((0, 1, 2, 3)), 1, 2, 3),
    _layer(Standardize(), 5),
)

JOINS: tuple[Case, ...] = (
    _join(Add(), (Affine(5), Tanh()), input_shape=(5,)),
    _join(Add(), (Conv2D(2, 3, padding="same"),), (Conv2D(2, 1), Tanh()), input_shape=(2, 3, 4)),
    _join(Concatenate(), (Affine(3),), (Affine(1), Tanh()), input_shape=(7,)),
    _join(Concatenate(), (Conv2D(3, 3, padding=1), Tanh()), input_shape=(2, 3, 5)),
)

LOSSES: tuple[Case, ...] = (
    _loss(MeanSquaredError(), 1, "values"),
    _loss(MeanSquaredError(), 5, "values", weighted=True),
    _loss(MeanSquaredError(), 5, "labels"),
    _loss(MeanAbsoluteError(), 3, "values"),
    _loss(MeanAbsoluteError(), 3, "labels", weighted=True),
    _loss(Huber(), 7, "values"),
    _loss(Huber(delta=0.3), 3, "values", weighted=True),
    _loss(SoftmaxCrossEntropy(), 10, "labels"),
    _loss(SoftmaxCrossEntropy(), 3, "labels", weighted=True),
    _loss(SoftmaxCrossEntropy(), 5, "rows"),
    _loss(SigmoidCrossEntropy(), 1, "entries"),
    _loss(SigmoidCrossEntropy(), 5, "entries", weighted=True),
    _loss(SigmoidCrossEntropy(), 5, "labels"),
    _loss(Poisson(), 1, "entries"),
    _loss(Poisson(), 3, "entries", weighted=True),
)

# No normalisation right behind weights: it takes their bias off again, and of the gradient only rounding is left.
NETWORKS: tuple[Case, ...] = (
    Case("one hidden layer", (Affine(7), Sigmoid(), Affine(3), Sigmoid()), MeanSquaredError(), (5,), "labels"),
    Case(
        "classifier of images",
        (Rescale(), Flatten(), Affine(11), ReLU(), Dropout(0.25), Affine(9), Tanh(), Affine(3)),
        SoftmaxCrossEntropy(),
        (1, 3, 5),
        "labels",
        weighted=True,
    ),
    Case("regression", (Affine(9), GELU(), Affine(5), SiLU(), Affine(1)), Huber(), (2,)),
    Case(
        "convolution",
        (Conv2D(5, 3), ReLU(), MaxPool2D(), Flatten(), Affine(7), Sigmoid(), Affine(3)),
        SoftmaxCrossEntropy(),
        (1, 8, 9),
        "labels",
    ),
    Case(
        "convolutions with batch normalisation",
        (Conv2D(4, 3, padding="same"), ReLU(), BatchNorm(epsilon=0.1), MaxPool2D(3, stride=2))
        + (Conv2D(17, 3, stride=2, padding=1), Tanh(), BatchNorm(epsilon=0.1))
        + (Dropout2D(0.3), GlobalAveragePool2D(), Affine(3)),
        SoftmaxCrossEntropy(),
        (2, 7, 8),
        "labels",
        weighted=True,
    ),
    Case(
        "residual",
        (Conv2D(3, 3, padding="same"), Residual((BatchNorm(), Tanh(), Conv2D(3, 3, padding="same"))))
        + (Residual((Conv2D(5, 3, stride=2, padding="same"),), (Conv2D(5, 1, stride=2),)),)
        + (Tanh(), GlobalAveragePool2D(), Affine(2)),
        MeanSquaredError(),
        (1, 5, 4),
    ),
    Case(
        "normalised vectors",
        (Affine(9), Sigmoid(), BatchNorm(epsilon=0.1), Affine(5), LayerNorm(epsilon=0.1), Tanh(), Affine(1)),
        Huber(),
        (3,),
    ),
)

TABLE: tuple[Case, ...] = LAYERS + JOINS + LOSSES + NETWORKS
TRAINABLE: tuple[Case, ...] = tuple(case for case in TABLE if case.trainable)


def named(case: Any) -> str:
    """The name of a case, for pytest's `ids`."""
    return str(case.name) if isinstance(case, Case) else str(case)
