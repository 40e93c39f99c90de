"""Checks of hyperparameters that several layers share."""

import math
from collections.abc import Sequence
from typing import Any

from pellucid.errors import InputError
from pellucid.initializers import Initializer


def initializer(name: str, value: Any) -> None:
    """Raises InputError unless the value is an initializer."""
    if not isinstance(value, Initializer):
        raise InputError(f"{name} must be an initializer, such as Normal(0.1), got {value!r}.")


def image(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Returns (channels, height, width); raises InputError unless the shape of a sample is that of an image."""
    if len(input_shape) == 3:
        return input_shape[0], input_shape[1], input_shape[2]
    shape = _likely_image(tuple(input_shape))
    if shape is None:
        mend = "put it before Flatten() and Affine, or give the network input_shape=(channels, height, width)"
    else:
        rows = f"(N, {', '.join(map(str, shape))})"
        mend = f"give the network input_shape={shape} and reshape x to {rows}, or put it before Flatten() and Affine"
    raise InputError(f"takes images (channels, height, width) per sample, not {tuple(input_shape)}; {mend}.")


def _likely_image(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """What a sample of another rank most likely is: a grey image, or all numbers of a square one, grey or in colour."""
    if len(shape) == 2:
        return 1, shape[0], shape[1]
    if len(shape) != 1:
        return None
    for channels in (1, 3):
        side = math.isqrt(shape[0] // channels)
        if side > 1 and channels * side * side == shape[0]:
            return channels, side, side
    return None
