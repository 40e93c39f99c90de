"""Activations: one table, a row each: name, function, derivative, and where it comes from.

All act on each number alone, but for Softmax, which acts on each row. u is what comes in, y what goes out.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.checks import finite, keep
from pellucid.errors import InputError
from pellucid.layers.base import Layer, Mode
from pellucid.named import Named
from pellucid.ops import Array


class Activation(Layer):
    """y = f(u), du = dy · f'(u), where f' may be written in u, in y, or in both."""

    @abstractmethod
    def function(self, u: Array) -> Array:
        """f(u)"""

    @abstractmethod
    def derivative(self, u: Array, y: Array) -> Array:
        """f'(u), given u and y = f(u)"""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        y = self.function(x)
        return y, Named(u=x, y=y)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * self.derivative(saved.u, saved.y), Named()


@final
@dataclass(frozen=True)
class Identity(Layer):
    """y = u, dy/du = 1: the output of a regression."""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return x, Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy, Named()


@final
@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ᵘ), dy/du = y (1 − y). Source: Nielsen, ch. 1; Deep Learning from Scratch, 3.2.4."""

    def function(self, u: Array) -> Array:
        return ops.sigmoid(u)

    def derivative(self, u: Array, y: Array) -> Array:
        return ops.multiply(y, 1 - y)


@final
@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh u, dy/du = 1 − y². Source: LeCun et al., "Efficient BackProp", 1998."""

    def function(self, u: Array) -> Array:
        return ops.tanh(u)

    def derivative(self, u: Array, y: Array) -> Array:
        return 1 - y * y


@final
@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(u, 0), dy/du = 1 where u > 0, else 0. Source: Nair, Hinton, 2010; Deep Learning from Scratch, 3.2.7."""

    def function(self, u: Array) -> Array:
        return ops.maximum(u, 0.0)

    def derivative(self, u: Array, y: Array) -> Array:
        return ops.greater(y, 0.0)


@final
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = u where u > 0, else slope · u; dy/du = 1 or slope. Source: Maas, Hannun and Ng, 2013."""

    slope: float = 0.01

    def __post_init__(self) -> None:
        keep(self, finite, "slope")

    def function(self, u: Array) -> Array:
        return u * self.derivative(u, u)

    def derivative(self, u: Array, y: Array) -> Array:
        return ops.where(ops.greater(u, 0.0), 1.0, self.slope)


@final
@dataclass(frozen=True)
class ELU(Activation):
    """y = u where u > 0, else α (eᵘ − 1); dy/du = 1 or α eᵘ. Source: Clevert, Unterthiner and Hochreiter, 2016."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        keep(self, finite, "alpha")

    def function(self, u: Array) -> Array:
        return ops.where(ops.greater(u, 0.0), u, self.alpha * ops.expm1(ops.minimum(u, 0.0)))

    def derivative(self, u: Array, y: Array) -> Array:
        return ops.where(ops.greater(u, 0.0), 1.0, self.alpha * ops.exp(ops.minimum(u, 0.0)))


@final
@dataclass(frozen=True)
class GELU(Activation):
    """y = u Φ(u), dy/du = Φ(u) + u φ(u): Φ the normal distribution, φ its density. Source: Hendrycks, Gimpel, 2016."""

    def function(self, u: Array) -> Array:
        return u * self._normal_distribution(u)

    def derivative(self, u: Array, y: Array) -> Array:
        density = ops.exp(-0.5 * (u * u)) * (1 / math.sqrt(2 * math.pi))
        return self._normal_distribution(u) + u * density

    @staticmethod
    def _normal_distribution(u: Array) -> Array:
        return 0.5 + 0.5 * ops.erf(u * math.sqrt(0.5))


@final
@dataclass(frozen=True)
class SiLU(Activation):
    """y = u σ(u), dy/du = σ(u) + y (1 − σ(u)). Source: Elfwing, Uchibe and Doya, 2018; also called swish."""

    def function(self, u: Array) -> Array:
        return ops.multiply(u, ops.sigmoid(u))

    def derivative(self, u: Array, y: Array) -> Array:
        s = ops.sigmoid(u)
        return ops.add(s, y * (1 - s))


@final
@dataclass(frozen=True)
class Softplus(Activation):
    """y = ln(1 + eᵘ), dy/du = σ(u). Source: Dugas et al., 2001."""

    def function(self, u: Array) -> Array:
        return ops.softplus(u)

    def derivative(self, u: Array, y: Array) -> Array:
        return ops.sigmoid(u)


@final
@dataclass(frozen=True)
class Softmax(Layer):
    """y = eᵘ / Σₖ eᵘ in each row, du = y (dy − Σₖ dy y). Source: Nielsen, ch. 3; Deep Learning from Scratch, 3.5.

    For a classifier, leave this layer out and train with SoftmaxCrossEntropy, which holds it already.
    """

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        y = ops.softmax(x)
        return y, Named(y=y)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return saved.y * (dy - ops.sum_columns(dy * saved.y)), Named()


@final
@dataclass(frozen=True)
class Step(Layer):
    """y = 1 where u > 0, else 0: the perceptron's; forward only. Source: Deep Learning from Scratch, 3.2.2.

    Raises InputError in training: its derivative is 0 wherever it exists, so nothing can be learnt through it.
    """

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.greater(x, 0.0), Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        raise InputError(
            "Step cannot be trained through: its derivative is 0 everywhere; use Sigmoid() while training."
        )


__all__ = [
    "ELU",
    "GELU",
    "Identity",
    "LeakyReLU",
    "ReLU",
    "Sigmoid",
    "SiLU",
    "Softmax",
    "Softplus",
    "Step",
    "Tanh",
]
