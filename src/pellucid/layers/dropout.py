"""Dropout: in training, each number, or each channel, is silenced with a given probability."""

from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.checks import fraction, keep
from pellucid.layers.base import Layer, Mode, Shape
from pellucid.layers.checks import image
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class Dropout(Layer):
    """y = x · mask in training, y = x otherwise; mask is 0 with probability rate, else 1 / (1 − rate).

    dx = dy · mask

    The scaling in training ("inverted" dropout) leaves prediction untouched. rate in [0, 1). The mask is drawn by
    address (seed, layer, step), so a resumed run sees the same ones. Source: Srivastava et al., 2014.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        keep(self, fraction, "rate")

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        if not mode.training or self.rate == 0:
            return x, Named()
        mask = ops.dropout_mask(x, rate=self.rate, seed=mode.seed, layer=mode.layer, step=mode.step)
        return x * mask, Named(mask=mask)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return (dy * saved.mask if "mask" in saved else dy), Named()


@final
@dataclass(frozen=True)
class Dropout2D(Layer):
    """y = x · mask in training, else y = x; for each channel, mask is 0 with probability rate, else 1 / (1 − rate).

    x, y (N, C, H, W)    mask (N, C)    dx = dy · mask

    Neighbouring pixels say much the same, so that silencing single ones, as Dropout does, would hide little. rate in
    [0, 1). Raises InputError where x is not images. Source: Tompson et al., "Efficient object localization using
    convolutional networks", 2015.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        keep(self, fraction, "rate")

    def output_shape(self, input_shape: Shape) -> Shape:
        return image(input_shape)

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        if not mode.training or self.rate == 0:
            return x, Named()
        channels = (x.shape[1],)
        mask = ops.dropout_mask(x, rate=self.rate, seed=mode.seed, layer=mode.layer, step=mode.step, shape=channels)
        return x * ops.spread2d(mask, shape=tuple(x.shape[2:])), Named(mask=mask)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return (dy * ops.spread2d(saved.mask, shape=tuple(dy.shape[2:])) if "mask" in saved else dy), Named()


__all__ = ["Dropout", "Dropout2D"]
