"""NPZ, NumPy's zip of arrays, read without pickle and without trusting any size it claims."""

import io
import math
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.files import MAX_BYTES, MAX_DEFLATE_RATIO, read_bytes
from pellucid.errors import FormatError

_MAX_ENTRIES = 64
_MAX_DIMENSIONS = 8
_MAX_HEADER = 10_000
_HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=][biuf]\d{1,2})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\dL, ]*)\),?\s*\}\s*"
)

# What zipfile raises on damaged bytes: its own error, and whatever a wrong offset, size, name or stream ends in,
# which differs between versions of Python. (Encryption and unknown versions are RuntimeErrors.)
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ file by name: whole numbers, floats and booleans; anything else is refused.

    Raises InputError for a file that cannot be opened and FormatError for damaged bytes, object arrays (pickle),
    or claims of more than the file can hold.
    """
    content = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_entries(path, archive.infolist(), len(content))
            return {
                info.filename.removesuffix(".npy"): _read_npy(path, info.filename, archive.read(info))
                for info in archive.infolist()
            }
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{str(path)!r} is not an undamaged NPZ file ({error}).") from None


def _check_entries(path: Path, entries: list[zipfile.ZipInfo], file_size: int) -> None:
    if len(entries) > _MAX_ENTRIES:
        raise FormatError(f"{str(path)!r} has {len(entries)} arrays; at most {_MAX_ENTRIES} are allowed.")
    if sum(entry.file_size for entry in entries) > min(MAX_BYTES, MAX_DEFLATE_RATIO * file_size):
        raise FormatError(f"{str(path)!r} claims to hold more than the file can.")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(f"{str(path)!r} compresses {entry.filename!r} in a way that NPZ files do not.")


def _read_npy(path: Path, name: str, content: bytes) -> NDArray[Any]:
    """The array of one NPY entry; its header is matched, never evaluated."""
    where = f"{name!r} in {str(path)!r}"
    if content[:6] != b"\x93NUMPY" or len(content) < 12 or content[6] not in (1, 2, 3):
        raise FormatError(f"{where} is not an NPY array.")
    length_format, start = ("<H", 10) if content[6] == 1 else ("<I", 12)
    (length,) = struct.unpack_from(length_format, content, 8)
    if length > min(_MAX_HEADER, len(content) - start):
        raise FormatError(f"{where} claims a header of {length} bytes, more than it can have.")
    header = content[start : start + length].decode("latin-1")
    match = _HEADER.fullmatch(header)
    if match is None:
        kind = "is an object array (pickle), which is refused" if "'|O'" in header else "has a header of another kind"
        raise FormatError(f"{where} {kind}: only arrays of whole numbers, floats and booleans are read.")
    try:
        dtype = np.dtype(match[1])
        shape = tuple(int(size.strip().rstrip("L")) for size in match[3].split(",") if size.strip())
    except (TypeError, ValueError):
        raise FormatError(f"{where} has a damaged type or shape in its header.") from None
    claimed = math.prod(shape) * dtype.itemsize
    if len(shape) > _MAX_DIMENSIONS or claimed != len(content) - start - length:
        raise FormatError(f"{where} claims shape {shape} of {dtype}, which is not what follows its header.")
    array: NDArray[Any] = np.frombuffer(content, dtype, offset=start + length)
    return array.reshape(shape, order="F" if match[2] == "True" else "C").astype(dtype.newbyteorder("="))
