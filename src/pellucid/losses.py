"""Losses: how wrong the outputs are, one number per sample, with the derivative beside it.

Every loss is summed over the outputs of a sample and averaged over the batch, weighted by the sample weights w:
L = Σₙ wₙ lₙ / Σₙ wₙ. A loss gives lₙ and dlₙ/dy; the weighting is the same for all and happens outside. A weight of
2 counts like the sample twice. Class weights are sample weights that follow the sample's class.

y (N, K) are the network's outputs, t (N, K) the targets; class numbers arrive here as one-hot rows.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from pellucid import ops
from pellucid.checks import keep, positive
from pellucid.named import Named
from pellucid.ops import Array


class Loss(ABC):
    """A measure of error with its derivative.

    `probabilities` says what t may be: None for any values, "rows" for rows that sum to 1, "entries" for numbers
    from 0 to 1 each.
    """

    probabilities: ClassVar[str | None] = None
    threshold: ClassVar[float] = 0.5
    """With a single output: the class is 1 where the output is above this, else 0."""

    @abstractmethod
    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        """Returns the loss of each sample, (N, 1), and by name what `backward` will need."""

    @abstractmethod
    def backward(self, saved: Named) -> Array:
        """Returns dl/dy, (N, K)."""

    def link(self, y: Array) -> Array:
        """Returns the outputs as predictions: probabilities where the loss is about probabilities, else y itself."""
        return y

    def classes(self, y: Array) -> Array:
        """Returns the class numbers (N,) that the outputs stand for: the largest output, the first of equals."""
        if y.shape[1] == 1:
            return np.asarray(y[:, 0] > self.threshold, dtype=np.int64)
        numbers: Array = np.argmax(y, axis=1)
        return numbers


@final
@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """l = ½ Σₖ (y − t)²,  dl/dy = y − t. Source: Nielsen, ch. 1, equation 6; Deep Learning from Scratch, 4.2.1."""

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        d = y - t
        return 0.5 * ops.sum_columns(d * d), Named(d=d)

    def backward(self, saved: Named) -> Array:
        d: Array = saved.d
        return d


@final
@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """l = Σₖ |y − t|,  dl/dy = sign(y − t): less moved by outliers than squares are."""

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        d = y - t
        return ops.sum_columns(ops.absolute(d)), Named(d=d)

    def backward(self, saved: Named) -> Array:
        return ops.sign(saved.d)


@final
@dataclass(frozen=True)
class Huber(Loss):
    """l = Σₖ h(y − t) with h(d) = ½ d² where |d| ≤ δ, else δ (|d| − ½ δ);  dl/dy = d, cut to ±δ.

    delta > 0, in the units of y. Source: Huber, 1964.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        keep(self, positive, "delta")

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        d = y - t
        cut = ops.minimum(ops.maximum(d, -self.delta), self.delta)
        return ops.sum_columns(cut * (d - 0.5 * cut)), Named(cut=cut)

    def backward(self, saved: Named) -> Array:
        cut: Array = saved.cut
        return cut


@final
@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """l = − Σₖ t ln p with p = softmax(y),  dl/dy = p − t. The network's outputs y are logits, of any size.

    Computed as ln Σ e^(y−max) − Σ t (y − max): no probability is ever rounded to 0 before its logarithm is taken.
    Rows of t sum to 1. Source: Nielsen, ch. 3; Deep Learning from Scratch, 5.6.3.
    """

    probabilities = "rows"

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        z = y - ops.max_columns(y)
        e = ops.exp(z)
        total = ops.sum_columns(e)
        return ops.log(total) - ops.sum_columns(t * z), Named(p=e / total, t=t)

    def backward(self, saved: Named) -> Array:
        d: Array = saved.p - saved.t
        return d

    def link(self, y: Array) -> Array:
        return ops.softmax(y)


@final
@dataclass(frozen=True)
class SigmoidCrossEntropy(Loss):
    """l = − Σₖ t ln p + (1 − t) ln(1 − p) with p = σ(y),  dl/dy = p − t. The outputs y are logits, of any size.

    Computed as softplus(y) − t y. Each entry of t is a probability of its own, from 0 to 1: one output for two
    classes, or several for labels that do not exclude each other. Source: Nielsen, ch. 3, equation 63.
    """

    probabilities = "entries"
    threshold = 0.0

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        return ops.sum_columns(ops.softplus(y) - t * y), Named(p=ops.sigmoid(y), t=t)

    def backward(self, saved: Named) -> Array:
        d: Array = saved.p - saved.t
        return d

    def link(self, y: Array) -> Array:
        return ops.sigmoid(y)


@final
@dataclass(frozen=True)
class Poisson(Loss):
    """l = Σₖ eʸ − t y + t ln t − t,  dl/dy = eʸ − t: half the Poisson deviance of counts t with the rate eʸ.

    The outputs y are logarithms of rates; `link` gives the rates. t are 0 or more; t ln t is 0 for t = 0, and a perfect
    rate has the loss 0. Source: McCullagh and Nelder, "Generalized Linear Models", 1989, ch. 2.
    """

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        rate = ops.exp(y)
        at_best = t * (ops.log(ops.maximum(t, 1e-30)) - 1.0)
        return ops.sum_columns(rate - t * y + at_best), Named(rate=rate, t=t)

    def backward(self, saved: Named) -> Array:
        d: Array = saved.rate - saved.t
        return d

    def link(self, y: Array) -> Array:
        return ops.exp(y)


__all__ = [
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
]
