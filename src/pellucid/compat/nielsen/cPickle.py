"""Python 2's cPickle, as far as Nielsen's scripts use it: data sets of arrays, and nothing else."""

import pickle
from pathlib import Path
from typing import Any, BinaryIO

from pellucid.datasets.nielsen_pickle import read_nielsen_pickle
from pellucid.errors import InputError


def load(file: BinaryIO) -> tuple[Any, ...]:
    """Returns the pairs of arrays in an opened file such as mnist.pkl.gz, without running what the pickle asks for.

    Raises:
        FormatError: the pickle holds anything but arrays.
    """
    name = getattr(file, "name", None)
    if not isinstance(name, str):
        raise InputError("cPickle.load takes a file opened by its name, such as gzip.open('../data/mnist.pkl.gz').")
    return tuple(read_nielsen_pickle(Path(name)))


def dump(obj: Any, file: BinaryIO, protocol: int = 2) -> None:
    """Writes an object as pickle.dump does."""
    pickle.dump(obj, file, protocol)


__all__ = ["dump", "load"]
