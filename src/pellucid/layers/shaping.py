"""Layers that change how numbers are laid out or scaled, and learn nothing."""

import math
from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.layers.base import Layer, Mode, Shape
from pellucid.layers.checks import finite_number
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class Flatten(Layer):
    """Makes one vector of each sample        x (N, C, H, W) -> y (N, C·H·W)"""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        inner: Shape = tuple(x.shape[1:])
        return ops.reshape(x, shape=(math.prod(inner),)), Named(shape=inner)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return ops.reshape(dy, shape=saved.shape), Named()


@final
@dataclass(frozen=True)
class Rescale(Layer):
    """y = x · scale + offset, dx = dy · scale: by default brings the bytes of an image, 0 to 255, to 0 to 1."""

    scale: float = 1 / 255
    offset: float = 0.0

    def __post_init__(self) -> None:
        finite_number("scale", self.scale)
        finite_number("offset", self.offset)

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return x * self.scale + self.offset, Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * self.scale, Named()
