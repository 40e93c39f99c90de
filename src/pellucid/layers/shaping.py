"""Layers that change how numbers are laid out or scaled, and learn nothing."""

import math
from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.checks import finite, keep, plain
from pellucid.layers.base import Layer, Mode, Shape
from pellucid.layers.checks import image
from pellucid.layers.windows import around
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
        keep(self, finite, "scale", "offset")

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return x * self.scale + self.offset, Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * self.scale, Named()


@final
@dataclass(frozen=True)
class ZeroPad2D(Layer):
    """Sets zeros around each image        x (N, C, H, W) -> y (N, C, top + H + bottom, left + W + right)

    dx = dy without its border

    padding is a number, (vertical, horizontal) or (top, bottom, left, right), each 0 or more. Raises InputError where x
    is not images.
    """

    padding: int | tuple[int, ...]

    def __post_init__(self) -> None:
        keep(self, plain, "padding")
        around("padding", self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = image(input_shape)
        top, bottom, left, right = around("padding", self.padding)
        return channels, top + height + bottom, left + width + right

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.pad2d(x, padding=around("padding", self.padding)), Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return ops.crop2d(dy, padding=around("padding", self.padding)), Named()


__all__ = ["Flatten", "Rescale", "ZeroPad2D"]
