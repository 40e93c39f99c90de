"""Five images from one: the data set that chapter 6 of Nielsen's book trains on."""

import math

import numpy as np

from pellucid.datasets.dataset import Array
from pellucid.errors import InputError

MOVES = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Pixels down and to the right: the image itself, then moved down, up, right and left."""


def expanded(
    images: Array, labels: Array, *, image_shape: tuple[int, int, int] | None = None, fill: float = 0
) -> tuple[Array, Array]:
    """Returns five times the images and labels: each image, then it moved down, up, right and left by one pixel.

    images (N, C, H, W), or rows (N, C·H·W) of `image_shape` (C, H, W), by default one channel and square; labels
    (N, ...). Returns (5N, ...) of the same shapes and types; the five of an image stand together. The pixels that
    come in are `fill`.
    Raises InputError where shapes do not fit.
    Source: M. Nielsen, Neural Networks and Deep Learning, chapter 6, expand_mnist.py.
    """
    x, t = np.asarray(images), np.asarray(labels)
    shape = x.shape[1:] if x.ndim == 4 else _row_shape(x, image_shape)
    if t.ndim == 0 or len(t) != len(x):
        raise InputError(f"labels has the shape {t.shape} for {len(x)} images; one label per image was expected.")
    height, width = shape[-2:]
    many = np.full((len(x), len(MOVES), *shape), fill, x.dtype)
    planes = x.reshape(len(x), *shape)
    for number, (down, right) in enumerate(MOVES):
        to_rows, from_rows = _overlap(down, height)
        to_columns, from_columns = _overlap(right, width)
        many[:, number, :, to_rows, to_columns] = planes[:, :, from_rows, from_columns]
    return many.reshape(-1, *x.shape[1:]), np.repeat(t, len(MOVES), axis=0)


def _overlap(move: int, length: int) -> tuple[slice, slice]:
    """Where the pixels of a row go to, and where they come from."""
    return slice(max(move, 0), length + min(move, 0)), slice(max(-move, 0), length - max(move, 0))


def _row_shape(x: Array, image_shape: tuple[int, int, int] | None) -> tuple[int, ...]:
    if x.ndim == 2:
        side = math.isqrt(x.shape[1])
        shape = (1, side, side) if image_shape is None else tuple(image_shape)
        if len(shape) == 3 and math.prod(shape) == x.shape[1] > 0:
            return shape
    raise InputError(
        f"images has the shape {x.shape}; (N, C, H, W), or (N, C*H*W) with image_shape=(C, H, W), was expected."
    )
