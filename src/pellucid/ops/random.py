"""Random numbers by their address, so that no state is kept: the mask of dropout."""

import math

import numpy as np

from pellucid import philox
from pellucid.ops.arrays import Array, Scalar, Shape
from pellucid.ops.op import op, random


def _mask(x: Shape, step: Shape, *, shape: tuple[int, ...] | None = None, **_: object) -> Shape | None:
    return (x[:1] + shape if shape is not None else x) if x and step == () else None


@op(random, shape=_mask)
def dropout_mask(
    x: Array, step: Scalar, *, rate: float, seed: int, layer: int, shape: tuple[int, ...] | None = None
) -> Array:
    """0 with probability `rate`, else 1 / (1 − rate); element i is decided by word i at (seed, layer, step)

    The mask is as large as x, or (N, *shape) where a shape is given: (C,) silences whole channels.
    """
    address = philox.purpose_of(philox.DROPOUT, layer)
    whole = x.shape if shape is None else (len(x), *shape)
    words = philox.words(seed, address, int(step), math.prod(whole)).reshape(whole)
    return np.where(words < np.uint32(int(rate * 2.0**32)), 0.0, 1.0 / (1.0 - rate)).astype(x.dtype)
