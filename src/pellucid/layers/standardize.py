"""Standardisation: each column is brought to mean 0 and deviation 1, by numbers measured once, before training."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from pellucid import ops
from pellucid.errors import InputError
from pellucid.initializers import Constant, Zeros
from pellucid.layers.base import Layer, Mode, Parameter, Shape
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class Standardize(Layer):
    """y = (x − mean) / deviation        x, y (N, K)   mean, deviation (K,)

    dx = dy / deviation

    For columns of different units, as the first layer: the network is trained, saved and asked with the numbers as they
    are. mean and deviation are kept with the parameters and not learned. They start as 0 and 1, and are to be set
    before training: `for name, v in Standardize.measure(x).items(): net.parameters[f"0.{name}"] = v`.
    Raises InputError where x is not one vector per sample. Source: LeCun et al., "Efficient BackProp", 1998, 4.3.
    """

    @staticmethod
    def measure(x: ArrayLike) -> Named:
        """Returns the mean and the deviation (divided by N) of each column of x (N, K); of constant ones, 1.

        Raises InputError where x is not (N, K) with N > 0, or a deviation is not finite.
        """
        x = np.asarray(x)
        if x.ndim != 2 or not len(x) or x.dtype.kind not in "fiub":
            raise InputError(f"x has the shape {x.shape} and the type {x.dtype}; rows of numbers (N, K) were expected.")
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(deviation))
        if len(wrong):
            raise InputError(
                f"column {wrong[0]} of x has no finite deviation; leave out NaN and infinity, or scale the column down."
            )
        deviation[x.min(axis=0) == x.max(axis=0)] = 1.0
        # In float32, the deviation of many rows with a single tiny number might round to 0.
        return Named(mean=mean, deviation=np.maximum(deviation, np.finfo(np.float32).tiny))

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        if len(input_shape) != 1:
            raise InputError(f"takes one vector per sample, not {input_shape}; put a Flatten() before it.")
        return {
            "mean": Parameter(input_shape, Zeros(), decay=False, learned=False),
            "deviation": Parameter(input_shape, Constant(1.0), decay=False, learned=False),
        }

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.divide(x - p.mean, p.deviation), Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return ops.divide(dy, p.deviation), Named()


__all__ = ["Standardize"]
