"""The book's params.pkl: a dictionary of arrays in a pickle, read by an unpickler that can make nothing else."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pellucid.datasets.allowed_pickle import DICTIONARIES, array_of, read_pickle
from pellucid.errors import FormatError
from pellucid.files import write_atomically
from pellucid.ops import Array


def save_params(path: str | Path, params: Mapping[str, Array]) -> None:
    """Writes the arrays under their names as the book does, in a pickle; all of it or nothing."""
    content = pickle.dumps({key: np.array(value) for key, value in params.items()}, protocol=3)
    write_atomically(path, lambda stream: stream.write(content))


def load_params(path: str | Path) -> dict[str, Array]:
    """Returns the arrays of a pickle such as the book's params.pkl, under their names.

    Raises:
        InputError: the file cannot be read. FormatError: it holds anything but a dictionary of arrays.
    """
    return read_pickle(Path(path), DICTIONARIES, "arrays by name", _by_name)


def _by_name(found: object) -> dict[str, Array]:
    if not isinstance(found, dict):
        raise FormatError(f"it holds a {type(found).__name__}, where a dictionary of arrays was expected.")
    return {_name(key): array_of(value) for key, value in found.items()}


def _name(key: object) -> str:
    if not isinstance(key, str | bytes):
        raise FormatError(f"the pickle has an array under {key!r}, where a name was expected.")
    return key.decode("latin-1") if isinstance(key, bytes) else key
