"""Whole-number pixels to floats in [0, 1]."""

import numpy as np
from numpy.typing import DTypeLike

from pellucid.datasets.dataset import Array
from pellucid.errors import InputError

_DTYPES = ("float32", "float64", "uint8")


def check_dtype(dtype: DTypeLike) -> np.dtype[np.generic]:
    """The dtype asked for; InputError unless it is float32, float64 or uint8 (the raw pixels)."""
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        resolved = None
    if resolved is None or resolved.name not in _DTYPES:
        raise InputError(f"dtype is {dtype!r}, but one of {', '.join(_DTYPES)} was expected.")
    return resolved


def scale_pixels(pixels: Array, white: int, dtype: DTypeLike) -> Array:
    """pixels / white as floats in [0, 1], or the pixels themselves for dtype uint8; same shape.

    Made in one pass without an array in between.
    """
    resolved = check_dtype(dtype)
    if resolved == np.uint8:
        return pixels
    scaled: Array = np.divide(pixels, resolved.type(white), dtype=resolved)
    return scaled
