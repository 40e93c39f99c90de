"""Initial values of parameters: where training starts from, drawn by address and so the same on every machine.

For a matrix W (I, O), fan_in = I and fan_out = O; for a convolution's W (O, C, H, W), fan_in = C·H·W and
fan_out = O·H·W.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid import philox
from pellucid.checks import at_least_zero, finite, keep
from pellucid.errors import InputError

Address = tuple[int, int, int]
"""Seed, purpose and stream of the random numbers, as `pellucid.philox` takes them."""


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns (fan_in, fan_out): how many numbers flow into one output, and out of one input."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    if len(shape) == 2:
        return shape
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


class Initializer(ABC):
    """Gives a parameter its first values."""

    @abstractmethod
    def draw(self, shape: tuple[int, ...], address: Address) -> NDArray[np.float64]:
        """Returns values in float64, a function of the shape and the address alone."""


class _Scaled(Initializer):
    """Draws with mean 0 and a standard deviation that follows from the shape."""

    distribution: str

    def __post_init__(self) -> None:
        if self.distribution not in ("normal", "uniform"):
            raise InputError(f"distribution must be 'normal' or 'uniform', got {self.distribution!r}.")

    @abstractmethod
    def standard_deviation(self, shape: tuple[int, ...]) -> float: ...

    def draw(self, shape: tuple[int, ...], address: Address) -> NDArray[np.float64]:
        deviation = self.standard_deviation(shape)
        if self.distribution == "normal":
            return deviation * philox.normal(*address, shape)
        limit = math.sqrt(3.0) * deviation
        return limit * (2.0 * philox.uniform(*address, shape) - 1.0)


@final
@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: the usual start of a bias."""

    def draw(self, shape: tuple[int, ...], address: Address) -> NDArray[np.float64]:
        return np.zeros(shape)


@final
@dataclass(frozen=True)
class Constant(Initializer):
    """The same value everywhere."""

    value: float = 0.0

    def __post_init__(self) -> None:
        keep(self, finite, "value")

    def draw(self, shape: tuple[int, ...], address: Address) -> NDArray[np.float64]:
        return np.full(shape, float(self.value))


@final
@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0 and the given standard deviation; 1.0 is Nielsen's chapter 1, 0.01 the book's chapter 4."""

    std: float = 0.01

    def __post_init__(self) -> None:
        keep(self, at_least_zero, "std")

    def draw(self, shape: tuple[int, ...], address: Address) -> NDArray[np.float64]:
        return self.std * philox.normal(*address, shape)


@final
@dataclass(frozen=True)
class LeCun(_Scaled):
    """Variance 1 / fan_in. Source: LeCun et al., "Efficient BackProp", 1998; Nielsen, chapter 3."""

    distribution: str = "normal"

    def standard_deviation(self, shape: tuple[int, ...]) -> float:
        return math.sqrt(1.0 / fans(shape)[0])


@final
@dataclass(frozen=True)
class Xavier(_Scaled):
    """Variance 2 / (fan_in + fan_out). Source: Glorot and Bengio, 2010."""

    distribution: str = "normal"

    def standard_deviation(self, shape: tuple[int, ...]) -> float:
        return math.sqrt(2.0 / sum(fans(shape)))


Glorot = Xavier


@final
@dataclass(frozen=True)
class He(_Scaled):
    """Variance 2 / fan_in, for ReLU, which silences half of its inputs. Source: He et al., 2015."""

    distribution: str = "normal"

    def standard_deviation(self, shape: tuple[int, ...]) -> float:
        return math.sqrt(2.0 / fans(shape)[0])


__all__ = ["Constant", "Glorot", "He", "Initializer", "LeCun", "Normal", "Xavier", "Zeros"]
