"""Pooling layers: each window of an image becomes one number, and nothing is learnt."""

from dataclasses import dataclass, field
from typing import final

from pellucid import ops
from pellucid.checks import keep, plain
from pellucid.errors import InputError
from pellucid.layers.base import Layer, Mode, Shape
from pellucid.layers.checks import image
from pellucid.layers.windows import Windows
from pellucid.named import Named
from pellucid.ops import Array
from pellucid.ops.arrays import Pair

MOST_CELLS = 256
"""The place of the largest is kept in one byte."""


@dataclass(frozen=True)
class _Pooling(Layer):
    """What the windows of pooling layers have in common."""

    window: int | Pair = 2
    stride: int | Pair | None = field(default=None, kw_only=True)
    padding: str | int | tuple[int, ...] = field(default="valid", kw_only=True)

    def __post_init__(self) -> None:
        keep(self, plain, "window", "stride", "padding")
        windows = self._windows
        if windows.padding is None:
            return
        high, wide = windows.window
        if max(windows.padding[:2]) >= high or max(windows.padding[2:]) >= wide:
            raise InputError(
                f"padding={self.padding!r} is as large as the window of {high}x{wide}, so that a window could lie "
                "outside the image; take less, or padding='same'."
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, _, _ = image(input_shape)
        return (channels, *self._windows.on(input_shape))

    @property
    def _windows(self) -> Windows:
        return Windows.read(self.window, self.window if self.stride is None else self.stride, self.padding)


@final
@dataclass(frozen=True)
class MaxPool2D(_Pooling):
    """y = the largest of each window        x (N, C, H, W)   y (N, C, H', W')

    dx: each dy goes to the first cell that holds the largest.

    window (KH, KW) or one number for both, at most 256 cells; stride likewise, by default the window, so that windows
    do not overlap; padding as of Conv2D, less than the window, and never the largest. Raises InputError where x is not
    images, the window is larger than they are or has too many cells, or the padding is not less than the window.
    Source: Nielsen, ch. 6; Deep Learning from Scratch, 7.3.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        high, wide = self._windows.window
        if high * wide > MOST_CELLS:
            raise InputError(
                f"window={self.window!r} has {high * wide} cells, and MaxPool2D takes at most {MOST_CELLS}; "
                "take a smaller one, or several of these layers."
            )

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        size = (x.shape[2], x.shape[3])
        placed = self._windows.placed(size)
        return ops.max_pool2d(x, **placed), Named(places=ops.max_pool2d_places(x, **placed), size=size)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        placed = self._windows.placed(saved.size)
        return ops.max_pool2d_backward(dy, saved.places, shape=saved.size, **placed), Named()


@final
@dataclass(frozen=True)
class AveragePool2D(_Pooling):
    """y = the mean of each window        x (N, C, H, W)   y (N, C, H', W')

    dx: each dy goes to the cells of its window in equal shares.

    window, stride and padding as of MaxPool2D, a window of any number of cells; the mean is over those that lie in the
    image. Raises InputError where x is not images, the window is larger than they are, or the padding is not less than
    the window. Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        size = (x.shape[2], x.shape[3])
        return ops.average_pool2d(x, **self._windows.placed(size)), Named(size=size)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        placed = self._windows.placed(saved.size)
        return ops.average_pool2d_backward(dy, shape=saved.size, **placed), Named()


@final
@dataclass(frozen=True)
class GlobalAveragePool2D(Layer):
    """y = the mean of each channel of an image        x (N, C, H, W)   y (N, C)

    dx = dy / (H·W) at every position

    Raises InputError where x is not images. Source: Lin, Chen and Yan, "Network in network", 2014.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return image(input_shape)[:1]

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        channels, high, wide = x.shape[1:]
        y = ops.average_pool2d(x, window=(high, wide), stride=(1, 1), padding=(0, 0, 0, 0))
        return ops.reshape(y, shape=(channels,)), Named(size=(high, wide))

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        high, wide = saved.size
        return ops.spread2d(dy * (1 / (high * wide)), shape=saved.size), Named()


__all__ = ["AveragePool2D", "GlobalAveragePool2D", "MaxPool2D"]
