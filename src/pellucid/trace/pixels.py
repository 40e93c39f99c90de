"""Numbers as colours, and pixels as a PNG inside a page: no library for pictures is needed."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from pellucid.ops import Array

Colours = NDArray[np.uint8]

_NEGATIVE = np.array([33, 94, 168], np.float64)
_ZERO = np.array([250, 250, 247], np.float64)
_POSITIVE = np.array([196, 68, 28], np.float64)
_NOT_FINITE = np.array([214, 0, 170], np.uint8)


def heat(values: Array, limit: float | None = None) -> Colours:
    """Returns (..., 3) colours: blue below 0, nearly white at 0, red above; full at ±limit, the largest size there is.

    NaN and infinity are magenta.
    """
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    if limit is None:
        limit = float(np.abs(numbers[finite]).max()) if finite.any() else 0.0
    share = np.where(finite, numbers, 0.0) / (limit or 1.0)
    # The root lets small numbers show beside large ones.
    strength = np.sqrt(np.clip(np.abs(share), 0, 1))[..., None]
    towards = np.where((share < 0)[..., None], _NEGATIVE, _POSITIVE)
    colours: Colours = np.rint(_ZERO + strength * (towards - _ZERO)).astype(np.uint8)
    colours[~finite] = _NOT_FINITE
    return colours


def ink(values: Array) -> Colours:
    """Returns (..., 3) greys of an image: the least number white, the largest nearly black."""
    numbers = np.nan_to_num(np.asarray(values, dtype=np.float64))
    span = np.ptp(numbers)
    share = (numbers - numbers.min()) / (span or 1.0)
    greys: Colours = np.rint(252 - 232 * share)[..., None].repeat(3, axis=-1).astype(np.uint8)
    return greys


def png(colours: Colours) -> bytes:
    """Returns the bytes of a PNG of (height, width, 3) colours. Source: PNG specification, W3C, 2003."""
    height, width, _ = colours.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = colours.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = zlib.compress(rows.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", content), (b"IEND", b""))
    )


def data_uri(colours: Colours) -> str:
    """Returns the picture as the address of an <img>, with everything in it."""
    return "data:image/png;base64," + base64.b64encode(png(colours)).decode("ascii")
