"""What dropout and batch normalisation are outside training, as Pellucid layers, so that prediction runs natively."""

from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.initializers import Zeros
from pellucid.layers.base import Layer, Mode, Parameter, Shape
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class Scale(Layer):
    """y = factor · x,  dx = factor · dy: dropout in prediction, as the book and its source have it."""

    factor: float = 1.0

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return x * self.factor, Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * self.factor, Named()


@final
@dataclass(frozen=True)
class ScaleAndShift(Layer):
    """y = scale x + shift, per column        x (N, K)   scale, shift (K,)

    dx = scale dy,  dscale = Σₙ x dy,  dshift = Σₙ dy: batch normalisation with means and variances that stand still.
    """

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        return {"scale": Parameter(input_shape, Zeros()), "shift": Parameter(input_shape, Zeros())}

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.add(x * p.scale, p.shift), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * p.scale, Named(scale=ops.sum_rows(saved.x * dy), shift=ops.sum_rows(dy))
