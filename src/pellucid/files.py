"""Writing files so that a reader, a crash or a full disk never meets half of one; reading small ones back."""

import contextlib
import glob
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pellucid.errors import InputError

_MAX_JSON = 10_000_000


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Puts what `write` writes to the stream it is given in the place of `path`: all of it, or nothing.

    The bytes go to a temporary file beside it, to the disk, and only then under the name; a file that was there
    before is whole until that moment, and stays where anything fails.

    Raises:
        InputError: the file cannot be written: no such folder, no permission, no space left.
    """
    target = Path(path)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}.tmp"
    try:
        _write_whole(temporary, write)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) or "\0" in str(path):
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot write {str(path)!r}: {reason}; check the folder and the space on it.") from error
        raise


def write_json(path: str | Path, values: Any) -> None:
    """Puts plain values in a file, as `write_atomically` does."""
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda stream: stream.write(text.encode()))


def read_json(path: str | Path) -> Any:
    """Returns the plain values of a file of at most 10 MB; InputError where it has none."""
    try:
        if os.path.getsize(path) > _MAX_JSON:
            raise ValueError("it is larger than 10 MB")
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {str(path)!r}: {reason}; give another one, or remove it.") from error


def remove_leftovers(path: str | Path) -> None:
    """Removes the temporary files that writers of `path` left when they were killed; call it where none is at work."""
    target = Path(path)
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)


def make_folder(path: str | Path) -> None:
    """Makes a folder and those above it where they are missing; InputError where that cannot be done."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot make the folder {str(path)!r}: {reason}; give another one.") from error


def _write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with open(path, "xb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself durable; where folders cannot be opened (Windows), the system does so by itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
