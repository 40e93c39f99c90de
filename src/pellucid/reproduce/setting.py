"""How an experiment is run: in full, or scaled down to what a test machine can do in about a minute."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets import Dataset, digits, expanded, mnist
from pellucid.errors import InputError
from pellucid.files import read_json, write_json

Rows = NDArray[Any]
Part = tuple[Rows, Rows]


@dataclass(frozen=True)
class Images:
    """Images of 784 numbers from 0 to 1 and their digits, in Nielsen's three parts."""

    train: Part
    validation: Part
    test: Part

    @classmethod
    def of(cls, data: Dataset) -> "Images":
        """Returns the three parts of a data set."""
        return cls(data.train, data.validation, data.test)

    @property
    def book_train(self) -> Part:
        """The 60,000 training images of Deep Learning from Scratch: training and validation part together."""
        x, t = (np.concatenate(pair) for pair in zip(self.train, self.validation, strict=True))
        return x, t


@dataclass(frozen=True)
class Setting:
    """Full size, or `fast`: few epochs, one seed, and the small digits that come with Pellucid in MNIST's place.

    In `folder`, parts of experiments that take hours are kept as soon as they are done.
    """

    fast: bool = False
    folder: Path | None = None

    def epochs(self, full: int) -> int:
        """Returns the number of epochs or steps to take where the book takes so many."""
        return max(2, full // 20) if self.fast else full

    def seeds(self, count: int) -> range:
        """Returns the seeds to run with: the first `count`, one when scaled down."""
        return range(1 if self.fast else count)

    def few(self, part: Part) -> Part:
        """Returns the part; scaled down, its first 300 rows, for networks that take long for each."""
        return (part[0][:300], part[1][:300]) if self.fast else part

    def expanded(self, part: Part) -> Part:
        """Returns five times the part, each image also moved by one pixel; scaled down, of its first 300 rows."""
        return expanded(*self.few(part))

    def once(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Returns the plain values that `work` returns; those that the folder has of an earlier run, where it has.

        Raises:
            InputError: the folder has a file of this name that holds something else, or cannot be written to.
        """
        if self.folder is None:
            return work()
        path = self.folder / f"{'fast-' if self.fast else ''}{name}.json"
        if not path.exists():
            write_json(path, work())
        values = read_json(path)
        if not isinstance(values, dict):
            raise InputError(f"{str(path)!r} is not a part of an experiment; remove it, and the part runs again.")
        return values

    def images(self) -> Images:
        """Returns MNIST; scaled down, 1,797 digits of 8 x 8 pixels enlarged to 28 x 28.

        Raises:
            InputError: MNIST's files cannot be had; FormatError: they are damaged.
        """
        return _enlarged_digits() if self.fast else _mnist()


@functools.lru_cache(maxsize=1)
def _mnist() -> Images:
    return Images.of(mnist())


@functools.lru_cache(maxsize=1)
def _enlarged_digits() -> Images:
    data = digits()

    def enlarged(part: Part) -> Part:
        images = part[0].reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2)
        return np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784), part[1]

    return Images(enlarged(data.train), enlarged(data.validation), enlarged(data.test))
