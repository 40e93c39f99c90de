"""The ops on images.

x is (N, C, H, W): N images of C channels, H high and W wide; O is the channels that come out. A window of (kh, kw)
cells stands at H'·W' places of the padded image, `stride` apart, its cells `dilation` apart; `padding` counts the rows
and columns around the image: (top, bottom, left, right).
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pellucid.ops import image_shapes as shapes
from pellucid.ops.arrays import Array, Padding, Pair, Places
from pellucid.ops.image_shapes import output_size
from pellucid.ops.op import image, op


def _padded(x: Array, padding: Padding, value: float = 0.0) -> Array:
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)


def _windows(x: Array, window: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Array:
    """A view of all windows, nothing copied        x (N, C, H, W), padded -> (N, C, H', W', kh, kw)"""
    span = dilation[0] * (window[0] - 1) + 1, dilation[1] * (window[1] - 1) + 1
    every = sliding_window_view(x, span, axis=(2, 3))
    return every[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _cells(window: Pair, stride: Pair, places: Pair, dilation: Pair = (1, 1)) -> Iterator[tuple[Pair, slice, slice]]:
    """Each cell (i, j) of the window, with the rows and columns of the padded image that it meets at all places."""
    for i, j in np.ndindex(*window):
        top, left = i * dilation[0], j * dilation[1]
        rows = slice(top, top + stride[0] * (places[0] - 1) + 1, stride[0])
        columns = slice(left, left + stride[1] * (places[1] - 1) + 1, stride[1])
        yield (i, j), rows, columns


# Convolution: by its definition, and as one product per group, by im2col ---------------------------------------------


def conv2d_by_definition(
    x: Array, W: Array, b: Array, *, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """u[n, o, r, s] = b[o] + Σ W[o, c, i, j] · x[n, first + c, sh r + dh i − top, sw s + dw j − left]

    The sum runs over c, i and j; first is the first channel of o's group. Too slow for use: it is what `conv2d` means.
    """
    x = _padded(x, padding)
    inside, kh, kw = W.shape[1:]
    high, wide = output_size(x.shape[2:], (kh, kw), stride, (0, 0, 0, 0), dilation)
    u = np.empty((len(x), len(W), high, wide), x.dtype)
    for n, o, r, s in np.ndindex(*u.shape):
        first = o // (len(W) // groups) * inside
        total = b[o]
        for c, i, j in np.ndindex(*W.shape[1:]):
            total += W[o, c, i, j] * x[n, first + c, stride[0] * r + dilation[0] * i, stride[1] * s + dilation[1] * j]
        u[n, o, r, s] = total
    return u


@op(image, shape=shapes.conv2d)
def conv2d(x: Array, W: Array, b: Array, *, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """u = x ∗ W + b        x (N, C, H, W)   W (O, C/groups, kh, kw)   b (O,)   u (N, O, H', W')

    The cross-correlation that everybody calls convolution: the kernel is not turned around.
    """
    columns, (high, wide) = _columns(x, W.shape[2:], stride, padding, dilation, groups)
    u = columns @ _matrices(W, groups).transpose(0, 2, 1)
    u = u.reshape(groups, len(x), high, wide, len(W) // groups).transpose(1, 0, 4, 2, 3)
    return u.reshape(len(x), len(W), high, wide) + b[:, None, None]


@op(image, shape=shapes.conv2d_input_gradient)
def conv2d_input_gradient(
    du: Array, W: Array, *, shape: tuple[int, int, int], stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """dx: each du, times the kernel, added where its window lay        du (N, O, H', W') -> (N, *shape)"""
    N, _, high, wide = du.shape
    (C, H, width), window = shape, W.shape[2:]
    columns = _rows_of(du, groups) @ _matrices(W, groups)
    cells = columns.reshape(groups, N, high, wide, C // groups, *window).transpose(1, 0, 4, 5, 6, 2, 3)
    cells = cells.reshape(N, C, *window, high, wide)
    top, bottom, left, right = padding
    dx = np.zeros((N, C, H + top + bottom, width + left + right), du.dtype)
    for (i, j), rows, across in _cells(window, stride, (high, wide), dilation):
        dx[:, :, rows, across] += cells[:, :, i, j]
    return crop2d(dx, padding=padding)


@op(image, shape=shapes.conv2d_weight_gradient)
def conv2d_weight_gradient(
    x: Array, du: Array, *, window: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """dW[o, c, i, j] = Σ du[n, o, r, s] · x[the cell that met W[o, c, i, j]]        -> (O, C/groups, kh, kw)"""
    columns, _ = _columns(x, window, stride, padding, dilation, groups)
    dW = _rows_of(du, groups).transpose(0, 2, 1) @ columns
    return dW.reshape(du.shape[1], x.shape[1] // groups, *window)


def _columns(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> tuple[Array, Pair]:
    """im2col: each row holds what one window sees        -> (groups, N·H'·W', C/groups·kh·kw) and (H', W')"""
    windows = _windows(_padded(x, padding), window, stride, dilation)
    N, C, high, wide = windows.shape[:4]
    grouped = windows.reshape(N, groups, C // groups, high, wide, *window).transpose(1, 0, 3, 4, 2, 5, 6)
    return grouped.reshape(groups, N * high * wide, -1), (high, wide)


def _rows_of(u: Array, groups: int) -> Array:
    """What comes out, a row for each window        u (N, O, H', W') -> (groups, N·H'·W', O/groups)"""
    N, out, high, wide = u.shape
    grouped = u.reshape(N, groups, out // groups, high, wide).transpose(1, 0, 3, 4, 2)
    return grouped.reshape(groups, N * high * wide, out // groups)


def _matrices(W: Array, groups: int) -> Array:
    """W (O, C/groups, kh, kw) -> (groups, O/groups, C/groups·kh·kw)"""
    return W.reshape(groups, len(W) // groups, -1)


# Pooling -------------------------------------------------------------------------------------------------------------


@op(image, shape=shapes.pool)
def max_pool2d(x: Array, *, window: Pair, stride: Pair, padding: Padding) -> Array:
    """the largest of each window; NaN where one is in it; padding never wins        x (N, C, H, W) -> (N, C, H', W')"""
    places = output_size(x.shape[2:], window, stride, padding)
    x = _padded(x, padding, -np.inf)
    largest = np.full((*x.shape[:2], *places), -np.inf, x.dtype)
    for _, rows, columns in _cells(window, stride, places):
        largest = np.maximum(largest, x[:, :, rows, columns])
    return largest


@op(image, shape=shapes.pool, dtype=np.uint8)
def max_pool2d_places(x: Array, *, window: Pair, stride: Pair, padding: Padding) -> Array:
    """where the first largest of each window lies: cell i·kw + j, as a byte        (N, C, H', W'), at most 256 cells"""
    largest = max_pool2d(x, window=window, stride=stride, padding=padding)
    inside = _padded(np.ones_like(x[:1, :1], dtype=bool), padding)
    x = _padded(x, padding)
    places = np.zeros_like(largest, dtype=np.uint8)
    # From the last cell to the first, so that the first is what stays.
    for (i, j), rows, columns in reversed(list(_cells(window, stride, (largest.shape[2], largest.shape[3])))):
        cell = x[:, :, rows, columns]
        places[((cell == largest) | np.isnan(cell)) & inside[:, :, rows, columns]] = i * window[1] + j
    return places


@op(image, shape=shapes.pool_backward)
def max_pool2d_backward(
    dy: Array, places: Places, *, shape: Pair, window: Pair, stride: Pair, padding: Padding
) -> Array:
    """dx: each dy goes to the cell that won        dy, places (N, C, H', W') -> (N, C, *shape)"""
    top, bottom, left, right = padding
    dx = np.zeros((*dy.shape[:2], shape[0] + top + bottom, shape[1] + left + right), dy.dtype)
    for (i, j), rows, columns in _cells(window, stride, (dy.shape[2], dy.shape[3])):
        dx[:, :, rows, columns] += np.where(places == i * window[1] + j, dy, 0)
    return crop2d(dx, padding=padding)


@op(image, shape=shapes.pool)
def average_pool2d(x: Array, *, window: Pair, stride: Pair, padding: Padding) -> Array:
    """the mean of those cells of each window that lie in the image        x (N, C, H, W) -> (N, C, H', W')"""
    places = output_size(x.shape[2:], window, stride, padding)
    count = _cells_inside(x, x.shape[2:], window, stride, padding)
    x = _padded(x, padding)
    total = np.zeros_like(x, shape=(*x.shape[:2], *places))
    for _, rows, columns in _cells(window, stride, places):
        total += x[:, :, rows, columns]
    return total / count


@op(image, shape=shapes.average_pool_backward)
def average_pool2d_backward(dy: Array, *, shape: Pair, window: Pair, stride: Pair, padding: Padding) -> Array:
    """dx: each dy in equal shares to the cells of its window        dy (N, C, H', W') -> (N, C, *shape)"""
    share = dy / _cells_inside(dy, shape, window, stride, padding)
    top, bottom, left, right = padding
    dx = np.zeros((*dy.shape[:2], shape[0] + top + bottom, shape[1] + left + right), dy.dtype)
    for _, rows, columns in _cells(window, stride, (dy.shape[2], dy.shape[3])):
        dx[:, :, rows, columns] += share
    return crop2d(dx, padding=padding)


def _cells_inside(like: Array, shape: Pair, window: Pair, stride: Pair, padding: Padding) -> Array:
    """How many cells of each window lie in the image, in the type of `like`        -> (1, 1, H', W')"""
    ones = np.ones_like(like, shape=(1, 1, *shape))
    count: Array = _windows(_padded(ones, padding), window, stride).sum(axis=(4, 5))
    return count


# Around, between and over channels -----------------------------------------------------------------------------------


@op(image, shape=shapes.pad2d)
def pad2d(x: Array, *, padding: Padding) -> Array:
    """zeros around each image        x (N, C, H, W) -> (N, C, top + H + bottom, left + W + right)"""
    return _padded(x, padding)


@op(image, shape=shapes.crop2d)
def crop2d(x: Array, *, padding: Padding) -> Array:
    """each image without its padding, the reverse of pad2d        x (N, C, top + H + bottom, ...) -> (N, C, H, W)"""
    top, bottom, left, right = padding
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right].copy()


@op(image, shape=shapes.per_channel)
def per_channel(v: Array) -> Array:
    """one number per channel, laid out to meet images        v (C,) -> (C, 1, 1)"""
    return v[:, None, None]


@op(image, shape=shapes.spread2d)
def spread2d(x: Array, *, shape: Pair) -> Array:
    """each number at every position        x (N, C) -> (N, C, *shape)"""
    return np.broadcast_to(x[:, :, None, None], (*x.shape, *shape)).copy()
