"""Sums, means and largest numbers: over the rows of a batch, along the last axis, of each channel, of all there is."""

import numpy as np

from pellucid.ops.arrays import ROWS, Array, Shape
from pellucid.ops.elementwise import divide, exp
from pellucid.ops.op import op, reduction


def _over_rows(x: Shape) -> Shape | None:
    return x[1:] if len(x) >= 2 else None


def _along_last(x: Shape) -> Shape | None:
    return (*x[:-1], 1) if len(x) >= 2 else None


def _all(x: Shape) -> Shape:
    return ()


def _weights(weight: Shape) -> Shape | None:
    return weight if weight == (ROWS, 1) else None


def _channels(x: Shape) -> Shape | None:
    return x[1:2] or None


@op(reduction, shape=_over_rows)
def sum_rows(x: Array) -> Array:
    """Σₙ x[n]: the sum over the batch        x (N, ...) -> (...)"""
    total: Array = x.sum(axis=0)
    return total


@op(reduction, shape=_along_last)
def sum_columns(x: Array) -> Array:
    """Σₖ x[..., k]: the sum along the last axis       x (N, ..., K) -> (N, ..., 1)"""
    total: Array = x.sum(axis=-1, keepdims=True)
    return total


@op(reduction, shape=_along_last)
def mean_columns(x: Array) -> Array:
    """1/K Σₖ x[..., k]: the mean along the last axis       x (N, ..., K) -> (N, ..., 1)"""
    mean: Array = x.mean(axis=-1, keepdims=True)
    return mean


@op(reduction, shape=_along_last)
def max_columns(x: Array) -> Array:
    """the largest along the last axis        x (N, ..., K) -> (N, ..., 1)"""
    largest: Array = x.max(axis=-1, keepdims=True)
    return largest


@op(reduction, shape=_all)
def sum_all(x: Array) -> Array:
    """the sum of all elements        x (any shape) -> ()"""
    return np.asarray(x.sum(), dtype=x.dtype)


@op(reduction, shape=_channels)
def sum_channels(x: Array) -> Array:
    """the sum of each channel, over the batch and all positions        x (N, C, ...) -> (C,)"""
    total: Array = x.sum(axis=(0, *range(2, x.ndim)))
    return total


@op(reduction, shape=_channels)
def mean_channels(x: Array) -> Array:
    """the mean of each channel, over the batch and all positions        x (N, C, ...) -> (C,)"""
    mean: Array = x.mean(axis=(0, *range(2, x.ndim)))
    return mean


@op(reduction, shape=_weights)
def mean_weights(weight: Array) -> Array:
    """c = w / Σₙ w: what turns a sum over the rows into their weighted mean; 0 where all weights are 0   (N, 1)"""
    total = weight.sum()
    return weight / total if total != 0 else np.zeros_like(weight)


def softmax(u: Array) -> Array:
    """y = eᵘ / Σₖ eᵘ along the last axis, with the largest u taken off first, which changes nothing.

    So it cannot overflow. u (N, ..., K), y the same, in [0, 1]. A composition: a plan has the steps it is made of.
    """
    e = exp(u - max_columns(u))
    return divide(e, sum_columns(e))
