"""Nielsen's mnist.pkl.gz: nested tuples of arrays, read by an unpickler that can make nothing else."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pellucid.datasets.allowed_pickle import SEQUENCES, array_of, read_pickle
from pellucid.errors import FormatError


def read_nielsen_pickle(path: Path) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """The (x, t) pairs of a pickle such as mnist.pkl.gz: training, validation and test; Python 2's pickles too.

    Raises InputError for a file that cannot be opened and FormatError for anything but nested tuples or lists of
    NumPy arrays; what was refused is named.
    Source of the format: M. Nielsen, Neural Networks and Deep Learning, chapter 1 (mnist_loader.py).
    """
    return read_pickle(path, SEQUENCES, "arrays in tuples", _pairs)


def _pairs(parts: object) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    if not isinstance(parts, (tuple, list)) or not 1 <= len(parts) <= 3:
        raise FormatError("the pickle does not hold one to three pairs of arrays (training, validation, test).")
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in parts):
        raise FormatError("the pickle's parts are not pairs of inputs and targets.")
    return [(array_of(x), array_of(t)) for x, t in parts]
