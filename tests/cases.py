"""The table of every layer and every loss, with odd shapes: from each row of it, most tests follow.

A new layer or loss is added here (and to `fixtures/make_cases.py`) and is thereby checked against numeric
differentiation, PyTorch, its own plan, row by row, through its description, and on every engine.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pellucid import philox
from pellucid.engines import Data, Model, check_data
from pellucid.initializers import Constant, LeCun, Normal, Xavier
from pellucid.layers import (
    ELU,
    GELU,
    Affine,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    ReLU,
    Rescale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Step,
    Tanh,
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
    """

    name: str
    layers: tuple[Layer, ...]
    loss: Loss
    input_shape: tuple[int, ...]
    targets: Targets = "values"
    weighted: bool = False
    trainable: bool = field(default=True)

    def model(self, dtype: str = "float64", seed: int = 3) -> Model:
        return Model(self.layers, self.loss, self.input_shape, seed, np.dtype(dtype))

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
    name = f"{layer!r} of {'x'.join(map(str, input_shape))}"
    loss = MeanSquaredError()
    layers = (layer,) if math.prod(input_shape) == input_shape[-1] else (layer, Flatten())
    return Case(name, layers, loss, input_shape, trainable=trainable)


def _loss(loss: Loss, outputs: int, targets: Targets, weighted: bool = False) -> Case:
    name = f"{loss} of {outputs} {targets}{', weighted' if weighted else ''}"
    return Case(name, (Affine(outputs),), loss, (3,), targets, weighted)


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
)

TABLE: tuple[Case, ...] = LAYERS + LOSSES + NETWORKS
TRAINABLE: tuple[Case, ...] = tuple(case for case in TABLE if case.trainable)


def named(case: Any) -> str:
    """The name of a case, for pytest's `ids`."""
    return str(case.name) if isinstance(case, Case) else str(case)
