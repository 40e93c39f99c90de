"""Layer normalisation: each sample is brought to mean 0 and variance 1, measured over its own numbers."""

import math
from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.checks import keep, positive
from pellucid.initializers import Constant, Zeros
from pellucid.layers.base import Layer, Mode, Parameter, Shape
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class LayerNorm(Layer):
    """y = γ z + β,  z = (x − mean) / √(variance + ε)        x, y (N, K) or (N, C, H, W)   γ, β (K,) or (C·H·W,)

    dx = 1 / √(variance + ε) · (g − mean of g − z · mean of g z),  g = γ dy    dγ = Σₙ dy z    dβ = Σₙ dy

    Mean and variance are those of all K numbers of a sample, the variance divided by K: the same in training and in
    prediction, and for any batch. Each number has a γ and a β of its own. epsilon is above 0.
    Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        keep(self, positive, "epsilon")

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        every = (math.prod(input_shape),)
        return {
            "gamma": Parameter(every, Constant(1.0), decay=False),
            "beta": Parameter(every, Zeros(), decay=False),
        }

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        inner: Shape = tuple(x.shape[1:])
        centred = ops.reshape(x, shape=(math.prod(inner),))
        centred = centred - _mean(centred)
        scale = ops.divide(1.0, ops.sqrt(_mean(ops.square(centred)) + self.epsilon))
        z = centred * scale
        return ops.reshape(z * p.gamma + p.beta, shape=inner), Named(z=z, scale=scale, shape=inner)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        z = saved.z
        dy = ops.reshape(dy, shape=tuple(z.shape[1:]))
        g = dy * p.gamma
        dx = saved.scale * (g - _mean(g) - z * _mean(g * z))
        return ops.reshape(dx, shape=saved.shape), Named(gamma=ops.sum_rows(dy * z), beta=ops.sum_rows(dy))


def _mean(x: Array) -> Array:
    """The mean of each row        x (N, K) -> (N, 1)"""
    return ops.multiply(ops.sum_columns(x), 1 / x.shape[1])


__all__ = ["LayerNorm"]
