"""The book's params.pkl: a dictionary of arrays in a pickle, read by an unpickler that can make nothing else.

The unpickler is that of `pellucid.datasets.nielsen_pickle`, which allows no dictionaries: with one, pickle's BUILD
could set attributes of the functions that stand in for NumPy's. Here these functions are sealed against that.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.datasets import nielsen_pickle
from pellucid.datasets.files import read_bytes
from pellucid.errors import FormatError
from pellucid.files import write_atomically
from pellucid.ops import Array

_DICTIONARY = frozenset({"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"})


def save_params(path: str | Path, params: Mapping[str, Array]) -> None:
    """Writes the arrays under their names as the book does, in a pickle; all of it or nothing."""
    content = pickle.dumps({key: np.array(value) for key, value in params.items()}, protocol=3)
    write_atomically(path, lambda stream: stream.write(content))


def load_params(path: str | Path) -> dict[str, Array]:
    """Returns the arrays of a pickle such as the book's params.pkl, under their names.

    Raises:
        InputError: the file cannot be read. FormatError: it holds anything but a dictionary of arrays.
    """
    content = read_bytes(Path(path), nielsen_pickle.MAX_CONTENT)
    try:
        _check_opcodes(content)
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(found, dict):
            raise FormatError(f"it holds a {type(found).__name__}, where a dictionary of arrays was expected.")
        return {_name(key): nielsen_pickle._array(value) for key, value in found.items()}
    except FormatError as error:
        raise FormatError(f"{str(path)!r}: {error}") from None
    except Exception as error:  # pickle's documentation leaves open which errors damaged bytes raise.
        raise FormatError(f"{str(path)!r} is not arrays by name in an undamaged pickle ({error}).") from None


def _check_opcodes(content: bytes) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in nielsen_pickle._OPCODES | _DICTIONARY:
            raise FormatError(f"the pickle uses {opcode.name}, which is refused: only arrays by name are read.")
        if max(count, int(argument or 0) if opcode.name.endswith("PUT") else 0) > nielsen_pickle._MAX_OPCODES:
            raise FormatError("the pickle has more parts than arrays by name need, which is refused.")


class _Sealed:
    """A function that can be called and not changed."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *given: object) -> object:
        return self._call(*given)

    def __setstate__(self, state: object) -> None:
        raise FormatError("the pickle changes a function, which is refused: only arrays are read.")


class _Unpickler(nielsen_pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        allowed = super().find_class(module, name)
        return allowed if isinstance(allowed, type) else _Sealed(allowed)


def _name(key: object) -> str:
    if not isinstance(key, str | bytes):
        raise FormatError(f"the pickle has an array under {key!r}, where a name was expected.")
    return key.decode("latin-1") if isinstance(key, bytes) else key
