"""The book's helpers: a smoothed curve, a shuffle, and the size of a convolution's output."""

from typing import Any

import numpy as np

from pellucid.compat.switch import NotProvided
from pellucid.ops import Array

WITH_CONVOLUTION = "comes with Pellucid's convolution layers; chapters 2 to 6 do without it"


def smooth_curve(x: Any) -> Array:
    """The curve as a moving average over 11 points, weighted by a Kaiser window (β = 2), mirrored at its ends."""
    mirrored = np.r_[x[10:0:-1], x, x[-1:-11:-1]]
    window = np.kaiser(11, 2)
    smooth = np.convolve(window / window.sum(), mirrored, mode="valid")
    return smooth[5 : len(smooth) - 5]


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """x and t in one new order, drawn by np.random.permutation."""
    order = np.random.permutation(x.shape[0])
    return x[order], t[order]


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> float:
    """(input + 2 pad − filter) / stride + 1"""
    return (input_size + 2 * pad - filter_size) / stride + 1


def im2col(*_: Any, **__: Any) -> Array:
    """Chapter 7's; raises NotProvided."""
    raise NotProvided(f"im2col {WITH_CONVOLUTION}.")


def col2im(*_: Any, **__: Any) -> Array:
    """Chapter 7's; raises NotProvided."""
    raise NotProvided(f"col2im {WITH_CONVOLUTION}.")


__all__ = ["np", "smooth_curve", "shuffle_dataset", "conv_output_size", "im2col", "col2im"]
