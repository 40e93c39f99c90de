"""IDX, the format of the MNIST files: a magic number, the sizes, then the numbers, big-endian."""

import itertools
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.files import content_bound, pieces
from pellucid.errors import FormatError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 4


def read_idx(path: Path) -> NDArray[Any]:
    """The array of an IDX file, plain or gzip, in the machine's own byte order.

    Layout: two zero bytes, a type code, the number of dimensions D, D sizes of 4 bytes, the data.
    Raises InputError for a file that cannot be opened and FormatError for one that is not IDX, too short or too long.
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database, "File formats".
    """
    content = pieces(path)
    start = b""
    needed = 4
    for piece in content:
        start += piece
        if len(start) >= 4:
            needed = 4 + 4 * start[3]
        if len(start) >= needed:
            break
    dtype, shape = _header(path, start, needed)
    size = math.prod(shape) * dtype.itemsize
    if size > content_bound(path) - needed:
        raise FormatError(f"{str(path)!r} claims an array of shape {shape}, more than the file can hold.")
    data = np.empty(size, np.uint8)
    filled = 0
    for piece in itertools.chain([start[needed:]], content):
        if filled + len(piece) > size:
            raise FormatError(f"{str(path)!r} has bytes left over after its array of shape {shape}.")
        data[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
    if filled < size:
        raise FormatError(f"{str(path)!r} ends after {filled:,} of the {size:,} bytes of its array of shape {shape}.")
    array: NDArray[Any] = data.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(path: Path, start: bytes, needed: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise FormatError(f"{str(path)!r} is not an IDX file: it begins with {start[:4].hex(' ') or 'nothing'}.")
    if not 1 <= start[3] <= _MAX_DIMENSIONS:
        raise FormatError(f"{str(path)!r} claims {start[3]} dimensions; 1 to {_MAX_DIMENSIONS} were expected.")
    if len(start) < needed:
        raise FormatError(f"{str(path)!r} ends inside its header.")
    shape = struct.unpack(f">{start[3]}I", start[4:needed])
    return np.dtype(_TYPES[start[2]]), shape
