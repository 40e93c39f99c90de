"""The book's helpers: a smoothed curve, a shuffle, and images as rows of windows (im2col) and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pellucid.errors import InputError
from pellucid.ops import Array


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


def im2col(input_data: Array, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """A row for each place of the filter, with what it sees there        (N, C, H, W) -> (N·H'·W', C·h·w)

    Raises:
        InputError: no images, or a filter that is larger than they are.
    """
    if input_data.ndim != 4:
        raise InputError(f"input_data has the shape {input_data.shape}; images (N, C, H, W) are expected.")
    N, C, _, _ = input_data.shape
    high, wide = _places(input_data.shape, filter_h, filter_w, stride, pad)
    padded = np.pad(input_data, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    windows = sliding_window_view(padded, (filter_h, filter_w), axis=(2, 3))[:, :, ::stride, ::stride]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * high * wide, C * filter_h * filter_w)


def col2im(
    col: Array, input_shape: Sequence[int], filter_h: int, filter_w: int, stride: int = 1, pad: int = 0
) -> Array:
    """Adds the rows of im2col where they came from        (N·H'·W', C·h·w) -> input_shape (N, C, H, W)

    Raises:
        InputError: a shape that im2col does not give, or a filter larger than the images.
    """
    N, C, H, W = input_shape
    high, wide = _places(input_shape, filter_h, filter_w, stride, pad)
    if np.size(col) != N * high * wide * C * filter_h * filter_w:
        raise InputError(
            f"col has the shape {col.shape}; ({N * high * wide}, {C * filter_h * filter_w}) is expected for images of "
            f"the shape {tuple(input_shape)}."
        )
    cells = col.reshape(N, high, wide, C, filter_h, filter_w)
    image = np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype=col.dtype)
    for i, j in np.ndindex(filter_h, filter_w):
        rows, columns = slice(i, i + stride * high, stride), slice(j, j + stride * wide, stride)
        image[:, :, rows, columns] += cells[..., i, j].transpose(0, 3, 1, 2)
    return image[:, :, pad : H + pad, pad : W + pad]


def _places(shape: Sequence[int], filter_h: int, filter_w: int, stride: int, pad: int) -> tuple[int, int]:
    """At how many places the filter lies, down and across."""
    if stride < 1 or pad < 0:
        raise InputError(f"stride must be 1 or more and pad 0 or more, got {stride} and {pad}.")
    high, wide = ((n + 2 * pad - f) // stride + 1 for n, f in zip(shape[2:], (filter_h, filter_w), strict=True))
    if high < 1 or wide < 1:
        raise InputError(
            f"the filter of {filter_h} by {filter_w} is larger than the images of the shape {tuple(shape[2:])} with "
            f"pad={pad}; take a smaller filter or more pad."
        )
    return high, wide


__all__ = ["np", "smooth_curve", "shuffle_dataset", "conv_output_size", "im2col", "col2im"]
