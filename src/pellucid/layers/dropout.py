"""Dropout: in training, each number is silenced with a given probability."""

from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.layers.base import Layer, Mode
from pellucid.layers.checks import fraction
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
        fraction("rate", self.rate)

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        if not mode.training or self.rate == 0:
            return x, Named()
        mask = ops.dropout_mask(x, rate=self.rate, seed=mode.seed, layer=mode.layer, step=mode.step)
        return x * mask, Named(mask=mask)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return (dy * saved.mask if "mask" in saved else dy), Named()
