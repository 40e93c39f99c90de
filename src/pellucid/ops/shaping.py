"""Ops that move numbers and compute nothing: other shapes, parts, joins, rows chosen by number, one-hot rows."""

import numpy as np
from numpy.typing import DTypeLike

from pellucid.ops.arrays import Array, Dimension, Shape, Whole, over, times
from pellucid.ops.op import op, shaping


def _count(shape: Shape) -> Dimension:
    count: Dimension = 1
    for length in shape:
        count = times(count, length)
    return count


def _reshape(x: Shape, *, shape: tuple[int, ...]) -> Shape | None:
    if not x or min(shape, default=0) < -1 or shape.count(-1) > 1:
        return None
    if -1 in shape:
        rest = over(_count(x[1:]), _count(tuple(n for n in shape if n != -1)))
        return None if rest is None else (x[0], *(rest if n == -1 else n for n in shape))
    return (x[0], *shape) if _count(x[1:]) == _count(shape) else None


def _merge_positions(x: Shape) -> Shape | None:
    return (times(x[0], x[1]), *x[2:]) if len(x) >= 3 else None


def _split_positions(x: Shape, *, positions: int) -> Shape | None:
    rows = over(x[0], positions) if len(x) >= 2 and positions > 0 else None
    return None if rows is None else (rows, positions, *x[1:])


def _transpose(x: Shape) -> Shape | None:
    return (*x[:-2], x[-1], x[-2]) if len(x) >= 2 else None


def _joined(axis: int, *shapes: Shape) -> Shape | None:
    first = shapes[0]
    at = axis if axis >= 0 else len(first) - 1
    if not 0 < at < len(first) or len({(len(s), *s[:at], *s[at + 1 :]) for s in shapes}) > 1:
        return None
    if not all(isinstance(s[at], int) for s in shapes):
        return None
    return (*first[:at], sum(int(s[at]) for s in shapes), *first[at + 1 :])


def _part(axis: int, x: Shape, first: int, last: int) -> Shape | None:
    at = axis if axis >= 0 else len(x) - 1
    if len(x) < 2 or not isinstance(x[at], int) or not 0 <= first < last <= int(x[at]):
        return None
    return (*x[:at], last - first, *x[at + 1 :])


def _concatenate(*xs: Shape) -> Shape | None:
    return _joined(1, *xs)


def _slice_channels(x: Shape, *, first: int, last: int) -> Shape | None:
    return _part(1, x, first, last)


def _concatenate_columns(*xs: Shape) -> Shape | None:
    return _joined(-1, *xs)


def _slice_columns(x: Shape, *, first: int, last: int) -> Shape | None:
    return _part(-1, x, first, last)


def _take_rows(W: Shape, index: Shape) -> Shape | None:
    return (*index, W[1]) if len(W) == 2 and index else None


def _add_rows(g: Shape, index: Shape, *, rows: int) -> Shape | None:
    return (rows, g[-1]) if index and g[:-1] == index and rows > 0 else None


def _one_hot(t: Shape, *, classes: int, dtype: DTypeLike) -> Shape | None:
    return (*t, classes) if t and classes > 0 else None


@op(shaping, shape=_reshape)
def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """the same numbers, each row in another shape; one length may be -1        x (N, ...) -> (N, *shape)"""
    return x.reshape(x.shape[0], *shape)


@op(shaping, shape=_merge_positions)
def merge_positions(x: Array) -> Array:
    """every position as a row of its own        x (N, T, ...) -> (N·T, ...)"""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


@op(shaping, shape=_split_positions)
def split_positions(x: Array, *, positions: int) -> Array:
    """rows as positions of fewer samples, the reverse of merge_positions        x (N·T, ...) -> (N, T, ...)"""
    return x.reshape(x.shape[0] // positions, positions, *x.shape[1:])


@op(shaping, shape=_transpose)
def transpose(x: Array) -> Array:
    """the last two axes exchanged        x (..., A, B) -> (..., B, A)"""
    return np.ascontiguousarray(np.swapaxes(x, -1, -2))


@op(shaping, shape=_concatenate)
def concatenate(*xs: Array) -> Array:
    """one array after the other along axis 1        x (N, K₁, ...), (N, K₂, ...), ... -> (N, K₁ + K₂ + ..., ...)"""
    return np.concatenate(xs, axis=1)


@op(shaping, shape=_slice_channels)
def slice_channels(x: Array, *, first: int, last: int) -> Array:
    """x[:, first:last]        x (N, K, ...) -> (N, last − first, ...)"""
    return x[:, first:last].copy()


@op(shaping, shape=_concatenate_columns)
def concatenate_columns(*xs: Array) -> Array:
    """one array after the other along the last axis        x (..., K₁), (..., K₂), ... -> (..., K₁ + K₂ + ...)"""
    return np.concatenate(xs, axis=-1)


@op(shaping, shape=_slice_columns)
def slice_columns(x: Array, *, first: int, last: int) -> Array:
    """x[..., first:last]        x (..., K) -> (..., last − first)"""
    return x[..., first:last].copy()


@op(shaping, shape=_take_rows)
def take_rows(W: Array, index: Whole) -> Array:
    """y[..., :] = W[index[...]]; a row of NaN where W has no such row        W (V, D)   index (N, ...) -> (N, ..., D)

    Its derivative by W is `add_rows`. Fractions of an index are cut off.
    """
    chosen, known = _known(index, len(W))
    y = W[chosen]
    y[~known] = np.nan
    return y


@op(shaping, shape=_add_rows)
def add_rows(g: Array, index: Whole, *, rows: int) -> Array:
    """dW[v] = Σ g[n, ...] over the places where index is v, in their order        g (N, ..., D) -> (rows, D)"""
    chosen, known = _known(index, rows)
    dW = np.zeros((rows, g.shape[-1]), g.dtype)
    np.add.at(dW, chosen[known], g[known])
    return dW


@op(shaping, shape=_one_hot, dtype="dtype")
def one_hot(t: Whole, *, classes: int, dtype: DTypeLike) -> Array:
    """y[..., t[...]] = 1, else 0; a row of zeros where there is no such class        t (N, ...) -> (N, ..., classes)"""
    chosen, known = _known(t, classes)
    y = np.zeros((*t.shape, classes), dtype=dtype)
    np.put_along_axis(y, chosen[..., None], known[..., None], axis=-1)
    return y


def _known(index: Array, count: int) -> tuple[Array, Array]:
    """The index as integers from 0 to count − 1, and where it was one."""
    index = np.asarray(index)
    known = (index >= 0) & (index < count)
    return np.where(known, index, 0).astype(np.int64), known
