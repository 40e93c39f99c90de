"""Nielsen's mnist_loader: MNIST as pairs of arrays, or as lists of (x, y) with columns.

A file mnist.pkl.gz is read where the originals look for it, by a reader that makes nothing but arrays; where there is
none, MNIST comes from `pellucid.datasets`, which downloads it once. Pixels are float32 from 0 to 255/256, as in that
file. Source: M. Nielsen, Neural Networks and Deep Learning, chapter 1.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import datasets
from pellucid.datasets.nielsen_pickle import read_nielsen_pickle
from pellucid.errors import FormatError, InputError

Part = tuple[NDArray[Any], NDArray[Any]]

PLACES = ("mnist.pkl.gz", "../data/mnist.pkl.gz", "data/mnist.pkl.gz")
"""Where the originals have the file, seen from the folder that the script runs in."""


class Pairs(list[tuple[Any, Any]]):
    """A list of (x, y) that also answers to next(), as the zip does that DeepLearningPython35 gives."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        super().__init__(pairs)
        self._coming = iter(tuple(self))

    def __next__(self) -> tuple[Any, Any]:
        return next(self._coming)


def load_data() -> tuple[Part, Part, Part]:
    """Returns training, validation and test data, each (images (N, 784), digits (N,)), of 50,000, 10,000 and 10,000.

    Raises:
        FormatError: the file holds anything but such arrays. InputError: no file, and no way to get one.
    """
    for place in map(Path, PLACES):
        if place.exists():
            return three_parts(read_nielsen_pickle(place), place)
    data = datasets.mnist(dtype="uint8")
    training, validation, test = ((_as_in_the_file(x), t) for x, t in (data.train, data.validation, data.test))
    return training, validation, test


def load_data_wrapper() -> tuple[Pairs, Pairs, Pairs]:
    """Returns training, validation and test data as lists of (x, y): x a column (784, 1).

    y is a unit column (10, 1) in the training data, and a digit in the other two.
    """
    (x, digits), *others = load_data()
    if len(digits) and not 0 <= digits.min() <= digits.max() <= 9:
        raise FormatError(f"the training data have digits from {digits.min()} to {digits.max()}; 0 to 9 are expected.")
    training = Pairs(zip(_columns(x), _columns(np.eye(10)[digits]), strict=True))
    validation, test = (Pairs(zip(_columns(images), numbers, strict=True)) for images, numbers in others)
    return training, validation, test


def vectorized_result(j: Any) -> NDArray[np.float64]:
    """Returns the unit column (10, 1) with a 1.0 in place j."""
    if not hasattr(j, "__index__") or not -10 <= j < 10:
        raise InputError(f"vectorized_result takes a digit from 0 to 9, got {j!r}.")
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e


def _as_in_the_file(x: NDArray[Any]) -> NDArray[np.float32]:
    return x.astype(np.float32) / np.float32(256)


def _columns(x: NDArray[Any]) -> list[NDArray[Any]]:
    return list(x.reshape(len(x), -1, 1))


def three_parts(parts: list[Part], place: Path) -> tuple[Part, Part, Part]:
    """Returns training, validation and test data of a file; raises FormatError where they are no images and digits."""
    if len(parts) != 3:
        raise FormatError(f"{str(place)!r} holds {len(parts)} parts; training, validation and test are expected.")
    for x, t in parts:
        if x.ndim != 2 or t.ndim != 1 or len(x) != len(t):
            raise FormatError(
                f"{str(place)!r} holds arrays of the shapes {x.shape} and {t.shape}, not images and digits."
            )
    training, validation, test = parts
    return training, validation, test


__all__ = ["load_data", "load_data_wrapper", "vectorized_result"]
