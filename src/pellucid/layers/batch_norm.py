"""Batch normalisation: each channel is brought to mean 0 and variance 1, measured over the batch."""

from dataclasses import dataclass
from typing import final

from pellucid import ops
from pellucid.checks import fraction, keep, positive
from pellucid.errors import InputError
from pellucid.initializers import Constant, Zeros
from pellucid.layers.base import Layer, Mode, Parameter, Shape
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = γ z + β,  z = (x − mean) / √(variance + ε)        x, y (N, K) or (N, C, H, W)   γ, β (K,) or (C,)

    dx = γ / √(variance + ε) · (dy − mean of dy − z · mean of dy z)    dγ = Σ dy z    dβ = Σ dy

    In training, mean and variance are those of each feature over the batch, of each channel over the batch and all
    positions, the variance divided by N or N·H·W. In prediction they are running ones, counted and saved but not
    learned: after each batch, running ← momentum · running + (1 − momentum) · the batch's. momentum, in [0, 1), is thus
    the share that is kept, as in Keras (PyTorch's momentum is 1 − this one). epsilon is above 0.
    Raises InputError where x is neither vectors nor images, and for training batches with one number per channel.
    Source: Ioffe and Szegedy, 2015; Deep Learning from Scratch, 6.3.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        keep(self, fraction, "momentum")
        keep(self, positive, "epsilon")

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        if len(input_shape) not in (1, 3):
            raise InputError(
                f"takes vectors or images (channels, height, width), not {input_shape}; put a Flatten() before it."
            )
        channels = input_shape[:1]
        return {
            "gamma": Parameter(channels, Constant(1.0), decay=False),
            "beta": Parameter(channels, Zeros(), decay=False),
            "running_mean": Parameter(channels, Zeros(), decay=False, learned=False),
            "running_variance": Parameter(channels, Constant(1.0), decay=False, learned=False),
        }

    def least_rows(self, input_shape: Shape) -> int:
        return 2 if all(size == 1 for size in input_shape[1:]) else 1

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        if mode.training:
            mean = ops.mean_channels(x)
            centred = x - _spread(mean, x)
            variance = ops.mean_channels(ops.square(centred))
            measured = Named(mean=mean, variance=variance)
        else:
            variance = p.running_variance
            centred = x - _spread(p.running_mean, x)
            measured = Named()
        scale = ops.divide(1.0, ops.sqrt(variance + self.epsilon))
        z = centred * _spread(scale, x)
        return z * _spread(p.gamma, x) + _spread(p.beta, x), Named(z=z, scale=scale, **measured)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        z, scale = saved.z, _spread(p.gamma * saved.scale, dy)
        product = dy * z
        gradients = Named(gamma=ops.sum_channels(product), beta=ops.sum_channels(dy))
        if "mean" not in saved:
            return dy * scale, gradients
        offset, slope = ops.mean_channels(dy), ops.mean_channels(product)
        return scale * (dy - _spread(offset, dy) - z * _spread(slope, dy)), gradients

    def after_step(self, p: Named, saved: Named) -> Named:
        kept, rest = self.momentum, 1.0 - self.momentum
        return Named(
            running_mean=kept * p.running_mean + rest * saved.mean,
            running_variance=kept * p.running_variance + rest * saved.variance,
        )


def _spread(v: Array, x: Array) -> Array:
    """One number per channel, laid out to meet x, which holds vectors or images."""
    return ops.per_channel(v) if x.ndim == 4 else v


__all__ = ["BatchNorm"]
