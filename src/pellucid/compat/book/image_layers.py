"""Chapter 7's layers: convolution and pooling, each handing the maths to Pellucid's layer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid import layers
from pellucid.compat.book.book_layer import BookLayer
from pellucid.compat.book.common.util import im2col
from pellucid.errors import InputError
from pellucid.initializers import Zeros
from pellucid.layers.base import Layer, Mode
from pellucid.named import Named
from pellucid.ops import Array

_MODE = Mode()
_NONE = Named()


class Convolution(BookLayer):
    """y = x ∗ W + b        x (N, C, H, W)   W (FN, C, FH, FW)   b (FN,) or a number   y (N, FN, H', W')

    H' = ⌊(H + 2 pad − FH) / stride⌋ + 1. backward leaves the gradients in dW and db, and returns dx.

    Raises:
        InputError: x that is not images of C channels, or smaller than the filters.
    """

    learns = ("W", "b")

    def __init__(self, W: Array, b: Any, stride: int = 1, pad: int = 0, faithful: bool | None = None) -> None:
        super().__init__(faithful)
        self.W, self.b = W, b
        self.stride, self.pad = stride, pad
        self.dW: Array | None = None
        self.db: Array | None = None

    def native(self) -> layers.Conv2D:
        """Returns Pellucid's Conv2D."""
        filters, _, high, wide = self.W.shape
        return layers.Conv2D(filters, (high, wide), stride=self.stride, padding=self.pad, weights=Zeros())

    def values(self) -> Mapping[str, Array]:
        """Returns W, and b for each filter."""
        return {"W": self.W, "b": self.b if np.ndim(self.b) else np.full(len(self.W), self.b)}

    @property
    def x(self) -> Array:
        """The last input."""
        x: Array = self._saved().x
        return x

    @property
    def col(self) -> Array:
        """The last input as im2col gives it, (N·H'·W', C·FH·FW); made when asked for."""
        high, wide = self.W.shape[2:]
        return im2col(self.x, high, wide, self.stride, self.pad)

    @property
    def col_W(self) -> Array:
        """The filters as columns, (C·FH·FW, FN)."""
        return self.W.reshape(len(self.W), -1).T

    def forward(self, x: Array) -> Array:
        """Returns y."""
        if x.ndim != 4 or x.shape[1] != self.W.shape[1]:
            raise InputError(
                f"x has the shape {x.shape}, but the filters {self.W.shape} take images (N, {self.W.shape[1]}, H, W)."
            )
        layer = self.native()
        layer.output_shape(x.shape[1:])
        y, saved = layer.forward(Named(self.values()), x, _MODE)
        self._keep(saved)
        return y

    def backward(self, dout: Array) -> Array:
        """Returns dx."""
        dx, gradients = self.native().backward(Named(self.values()), self._saved(), dout)
        self.dW, self.db = gradients.W, gradients.b
        return dx


class Pooling(BookLayer):
    """y = the largest of each window        x (N, C, H, W)   y (N, C, H', W')

    H' = ⌊(H + 2 pad − pool_h) / stride⌋ + 1. dx: each dy goes to the first cell that holds the largest; the padding
    never does.

    Raises:
        InputError: x that is not images, or smaller than the window.
    """

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0, faithful: bool | None = None) -> None:
        super().__init__(faithful)
        self.pool_h, self.pool_w = pool_h, pool_w
        self.stride, self.pad = stride, pad

    def native(self) -> Layer:
        """Returns Pellucid's MaxPool2D."""
        return layers.MaxPool2D((self.pool_h, self.pool_w), stride=self.stride, padding=self.pad)

    @property
    def x(self) -> Array:
        """The last input."""
        x: Array = self._saved().x
        return x

    @property
    def arg_max(self) -> Array:
        """For each window, in the order (n, row, column, channel), the place of its largest: i·pool_w + j."""
        places: Array = self._saved().places.transpose(0, 2, 3, 1)
        return places.astype(np.int64).reshape(-1)

    def forward(self, x: Array) -> Array:
        """Returns y."""
        if x.ndim != 4:
            raise InputError(f"x has the shape {x.shape}; Pooling takes images (N, C, H, W).")
        layer = self.native()
        layer.output_shape(x.shape[1:])
        y, saved = layer.forward(_NONE, x, _MODE)
        self._keep(Named(x=x, **saved))
        return y

    def backward(self, dout: Array) -> Array:
        """Returns dx."""
        return self.native().backward(_NONE, self._saved(), dout)[0]


__all__ = ["Convolution", "Pooling"]
