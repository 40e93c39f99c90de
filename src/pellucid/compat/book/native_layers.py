"""Dropout and batch normalisation as the book has them, as Pellucid layers, so that its networks run natively.

In training the masks of dropout come with the samples, in columns after them, since the book draws them by np.random.
What batch normalisation measured comes out as the gradient of two parameters that nothing reads.
"""

import math
from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.initializers import Zeros
from pellucid.layers import BatchNorm
from pellucid.layers.base import Join, Layer, Mode, Parameter, Shape
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


@final
@dataclass(frozen=True)
class BatchStatistics(Layer):
    """BatchNorm as in training, by the batch's own mean and variance        x, y (N, K)   γ, β (K,)

    The "gradients" of the parameters mean and variance, which change nothing, are what was measured.
    """

    epsilon: float

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        return {name: Parameter(input_shape, Zeros()) for name in ("gamma", "beta", "mean", "variance")}

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return BatchNorm(epsilon=self.epsilon).forward(p, x, Mode(training=True))

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        dx, gradients = BatchNorm(epsilon=self.epsilon).backward(p, saved, dy)
        return dx, Named(**gradients, mean=saved.mean, variance=saved.variance)


@final
@dataclass(frozen=True)
class Samples(Layer):
    """y = the first columns of x, as samples of the given shape        x (N, K) -> y (N, *shape)

    dx = dy in these columns, 0 in those behind them.
    """

    shape: Shape

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.shape

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        first = ops.slice_channels(x, first=0, last=math.prod(self.shape))
        return ops.reshape(first, shape=self.shape) if len(self.shape) > 1 else first, Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        width = math.prod(self.shape)
        flat = ops.reshape(dy, shape=(width,)) if len(self.shape) > 1 else dy
        rest = ops.slice_channels(saved.x, first=width, last=int(saved.x.shape[1])) * 0.0
        return ops.concatenate(flat, rest), Named()


@final
@dataclass(frozen=True)
class Masked(Join):
    """y = x · mask, mask the columns from `first` on of a second value        x (N, ...)   second value (N, J)

    dx = dy · mask; the second value gets 0, since masks are drawn and not learnt.
    """

    first: int

    def output_shape(self, input_shapes: tuple[Shape, ...]) -> Shape:  # type: ignore[override]
        return input_shapes[0]

    def forward(self, p: Named, xs: tuple[Array, ...], mode: Mode) -> tuple[Array, Named]:  # type: ignore[override]
        x, given = xs
        shape: Shape = tuple(x.shape[1:])
        mask = ops.slice_channels(given, first=self.first, last=self.first + math.prod(shape))
        if len(shape) > 1:
            mask = ops.reshape(mask, shape=shape)
        return x * mask, Named(mask=mask, given=given)

    def backward(  # type: ignore[override]
        self, p: Named, saved: Named, dy: Array
    ) -> tuple[tuple[Array, ...], Named]:
        return (dy * saved.mask, saved.given * 0.0), Named()
