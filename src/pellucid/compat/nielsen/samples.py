"""Nielsen's data: lists or zips of (x, y), with x a column (n, 1) and y a column (k, 1) or a class number."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError

Pairs = Iterable[tuple[Any, Any]]


class Samples(list[tuple[Any, Any]]):
    """A list of (x, y) that also keeps them as two arrays, made when first asked for.

    held: whose checked data these are, and the data; for the twin that trains on them. checked: whether x holds
    numbers only.
    """

    def __init__(self, pairs: Pairs, name: str = "data") -> None:
        try:
            super().__init__(pairs)
        except TypeError:
            raise InputError(f"{name} must be a list or zip of pairs (x, y), got {type(pairs).__name__}.") from None
        self.name = name
        self._arrays: tuple[NDArray[Any], NDArray[Any]] | None = None
        self.held: tuple[object, Any] | None = None
        self.checked = False

    def arrays(self, inputs: int, outputs: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns x (N, inputs) and y: (N, outputs), or (N,) class numbers.

        Raises:
            InputError: a sample that is no pair, or whose shape is not the network's, naming it.
        """
        if self._arrays is None or self._arrays[0].shape[1] != inputs:
            self._check_pairs()
            x = _stacked([pair[0] for pair in self], inputs, self.name, "inputs")
            numbers = [pair[1] for pair in self]
            if np.ndim(numbers[0]) == 0:
                y = _class_numbers(numbers, self.name)
            else:
                y = _stacked(numbers, outputs, self.name, "outputs")
            self._arrays = x, y
        return self._arrays

    def _check_pairs(self) -> None:
        if not self:
            raise InputError(f"{self.name} is empty; a zip can be gone through only once: make it a list.")
        for index, pair in enumerate(self):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise InputError(f"{self.name}[{index}] is no pair (x, y) but {_described(pair)}.")


def samples(pairs: Pairs, name: str) -> Samples:
    """Returns the pairs as Samples: themselves where they are already."""
    return pairs if isinstance(pairs, Samples) else Samples(pairs, name)


def _stacked(columns: Sequence[Any], width: int, name: str, what: str) -> NDArray[Any]:
    arrays = [column if type(column) is np.ndarray else np.asarray(column) for column in columns]
    fitting = ((width, 1), (width,))
    if not {array.shape for array in arrays} <= set(fitting):
        index = next(i for i, array in enumerate(arrays) if array.shape not in fitting)
        raise InputError(
            f"{name}[{index}] has {what} of the shape {arrays[index].shape}, but the network takes ({width}, 1)."
        )
    dtypes = {array.dtype for array in arrays}
    if any(dtype.kind not in "fiub" for dtype in dtypes):
        raise InputError(f"{name} has {what} that are no real numbers; give arrays of floating-point numbers.")
    block = _block(arrays, width) if len(dtypes) == 1 else None
    return np.concatenate(arrays, axis=None).reshape(-1, width) if block is None else block


def _block(arrays: Sequence[NDArray[Any]], width: int) -> NDArray[Any] | None:
    """Returns the rows (N, width) of one array that these columns are views of, as mnist_loader's are; else None.

    Copying 50,000 columns together takes as long as several epochs.
    """
    base, dtype = arrays[0].base, arrays[0].dtype
    if not isinstance(base, np.ndarray) or not base.flags.c_contiguous:
        return None
    if not all(array.base is base for array in arrays):
        return None
    if not {array.strides for array in arrays} <= {(dtype.itemsize,), (dtype.itemsize, dtype.itemsize)}:
        return None
    places = np.array([array.__array_interface__["data"][0] for array in arrays])
    if (np.diff(places) != width * dtype.itemsize).any():
        return None
    offset = int(places[0]) - base.__array_interface__["data"][0]
    return np.ndarray((len(arrays), width), dtype, base.data, offset)


def _class_numbers(values: Sequence[Any], name: str) -> NDArray[Any]:
    try:
        numbers = np.asarray(values)
    except ValueError:
        numbers = np.empty(0, object)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iufb":
        raise InputError(f"{name} holds class numbers and columns, or something else, as y; give one kind.")
    return numbers


def one_hot(y: NDArray[Any], outputs: int) -> NDArray[Any]:
    """Returns y as rows (N, outputs): those themselves, or a 1 in the place of each class number."""
    if y.ndim == 2:
        return y
    if not ((y >= 0) & (y < outputs) & (y == np.floor(y))).all():
        raise InputError(f"the class numbers must be whole and from 0 to {outputs - 1}, got {y.min()} to {y.max()}.")
    return np.eye(outputs)[y.astype(np.int64)]


def _described(value: object) -> str:
    return f"an array of the shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


def classes_of(y: NDArray[Any]) -> NDArray[Any]:
    """Returns the class numbers (N,) of y: those themselves, or each row's largest entry."""
    return y if y.ndim == 1 else np.argmax(y, axis=1)
