"""Values as network3's scripts hold them: shared variables, of data and of what layers learn."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.compat.nielsen import mnist_loader
from pellucid.compat.nielsen.symbols import Symbol, has_symbol, value_of
from pellucid.datasets.nielsen_pickle import read_nielsen_pickle
from pellucid.errors import InputError

FLOAT = np.dtype(np.float32)
"""The type in which network3 computes; the original's with its flag GPU, which is set when one downloads it."""


class Shared:
    """An array that several hold, with the methods of a Theano shared variable that scripts call."""

    def __init__(self, value: Any, name: str | None = None) -> None:
        self.name = name
        self._value = np.asarray(value)

    def get_value(self, borrow: bool = False) -> NDArray[Any]:
        """Returns the array: a copy, or with borrow the one that is held."""
        return self._value if borrow else self._value.copy()

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Puts another array in its place: a copy, or with borrow that very one."""
        self._value = np.asarray(new_value) if borrow else np.array(new_value)

    def eval(self) -> NDArray[Any]:
        """Returns a copy of the array."""
        return self._value.copy()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._value.dtype

    def __len__(self) -> int:
        return len(self._value)

    def __getitem__(self, rows: Any) -> Any:
        if has_symbol(rows):
            return Symbol(lambda known: self._value[value_of(rows, known)])
        return self._value[rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._value, dtype=dtype) if copy else np.asarray(self._value, dtype=dtype)


Pair = tuple[Shared, Shared]


def load_data_shared(filename: str | Path = "../data/mnist.pkl.gz") -> list[Pair]:
    """Returns training, validation and test data, each (images (N, 784) as float32, digits (N,) as int32).

    Where mnist.pkl.gz is not where the originals have it, MNIST comes from `pellucid.datasets`.

    Raises:
        FormatError: the file holds anything but such arrays. InputError: another file, which is not there.
    """
    if str(filename) in mnist_loader.PLACES:
        parts = mnist_loader.load_data()
    elif Path(filename).name == "mnist_expanded.pkl.gz" and not Path(filename).exists():
        raise InputError(
            f"there is no {str(filename)!r}; make it first: "
            f"from pellucid.compat.nielsen import expand_mnist; expand_mnist.main({str(filename)!r})."
        )
    else:
        parts = mnist_loader.three_parts(read_nielsen_pickle(Path(filename)), Path(filename))
    return [(Shared(np.asarray(x, dtype=FLOAT)), Shared(np.asarray(y, dtype=np.int32))) for x, y in parts]


def size(data: Any) -> int:
    """Returns the number of samples of (x, y)."""
    return len(values(data[0]))


def values(held: Any) -> NDArray[Any]:
    """Returns the array of a shared variable, or what was given as an array."""
    return held.get_value(borrow=True) if hasattr(held, "get_value") else np.asarray(held)
