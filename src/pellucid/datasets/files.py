"""Reading files without trusting them: every size is bounded before anything of that size is made."""

import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pellucid.errors import FormatError, InputError

MAX_BYTES = 2**32
"""The most bytes of content that one file may hold, decompressed."""

MAX_DEFLATE_RATIO = 1032
"""Deflate cannot make more than 1,032 bytes from one (zlib's technical notes), so a larger claim is false."""

_PIECE = 2**18


def open_file(path: Path) -> tuple[BinaryIO, int]:
    """Opens a regular file and gives its size in bytes; InputError in one sentence where that cannot be done."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise InputError(f"there is no file {str(path)!r}; check the spelling and the folder.") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name.
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {str(path)!r}: {reason}; check its permissions.") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise InputError(f"{str(path)!r} is not a plain file; give the path of a data file.")
    return os.fdopen(handle, "rb"), status.st_size


def is_gzip(start: bytes) -> bool:
    """Whether these first bytes are those of a gzip file."""
    return start[:2] == b"\x1f\x8b"


def pieces(path: Path, limit: int = MAX_BYTES) -> Iterator[bytes]:
    """The content of a plain or gzip file in order, a piece at a time, at most `limit` bytes in all.

    Raises InputError for a file that cannot be opened, FormatError for damaged gzip data or more than `limit` bytes.
    """
    stream, _ = open_file(path)
    with stream:
        start = stream.read(_PIECE)
        content = _inflated(path, stream, start) if is_gzip(start) else _plain(stream, start)
        total = 0
        for piece in content:
            total += len(piece)
            if total > limit:
                raise FormatError(f"{str(path)!r} holds more than the {limit:,} bytes that are allowed here.")
            yield piece


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The whole content of a plain or gzip file, at most `limit` bytes; raises as `pieces`."""
    return b"".join(pieces(path, limit))


def content_bound(path: Path) -> int:
    """The most bytes that `pieces` could give: the file's size, or what deflate could make of it."""
    stream, size = open_file(path)
    with stream:
        return min(MAX_BYTES, size * MAX_DEFLATE_RATIO if is_gzip(stream.read(2)) else size)


def _plain(stream: BinaryIO, piece: bytes) -> Iterator[bytes]:
    while piece:
        yield piece
        piece = stream.read(_PIECE)


def _inflated(path: Path, stream: BinaryIO, compressed: bytes) -> Iterator[bytes]:
    """The content of the gzip members one after another; zlib compares each one's CRC and length."""
    member = zlib.decompressobj(wbits=31)
    while compressed:
        try:
            # The cap keeps a piece small however well it compresses; the rest comes in the next round.
            piece = member.decompress(compressed, 16 * _PIECE)
        except zlib.error as error:
            raise FormatError(f"{str(path)!r} is damaged gzip data ({error}); fetch the file again.") from None
        if piece:
            yield piece
        if member.eof:
            compressed = member.unused_data.lstrip(b"\0") or stream.read(_PIECE).lstrip(b"\0")
            if compressed:
                member = zlib.decompressobj(wbits=31)
        else:
            compressed = member.unconsumed_tail or stream.read(_PIECE)
    if not member.eof:
        raise FormatError(f"{str(path)!r} ends in the middle of its gzip data; fetch the file again.")
