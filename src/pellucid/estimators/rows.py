"""Rows of a sparse matrix that become dense when a batch asks for them; never the whole matrix."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from pellucid.engines import Data
from pellucid.ops import Array

BYTES_AT_ONCE = 8 << 20
"""How much is made dense at a time."""


class SparseRows:
    """A CSR matrix that gives dense rows, and otherwise passes for an array of samples."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix.tocsr()
        self.shape: tuple[int, int] = matrix.shape
        self.dtype: np.dtype[Any] = matrix.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        dense: Array = self.matrix[rows].toarray()
        return dense

    def take(self, rows: Any) -> "SparseRows":
        """Returns some of the rows, still sparse."""
        return SparseRows(self.matrix[rows])


def rows_of(x: Any) -> Any:
    """Returns an array as it is, and a sparse matrix as rows that become dense on demand."""
    return SparseRows(x) if sparse.issparse(x) else x


def take(x: Any, rows: Any) -> Any:
    """Returns some rows of what `rows_of` gave, of the same kind."""
    return x.take(rows) if isinstance(x, SparseRows) else x[rows]


def rows_at_once(x: Any) -> int:
    """Returns how many dense rows make up BYTES_AT_ONCE."""
    row_bytes: int = max(1, x.shape[1]) * x.dtype.itemsize
    return max(1, BYTES_AT_ONCE // row_bytes)


def parts_of(x: Any) -> Iterator[slice]:
    """Yields slices of rows: all rows of an array, and of a sparse matrix as many as are made dense at once."""
    count = rows_at_once(x) if isinstance(x, SparseRows) else max(1, len(x))
    for start in range(0, len(x), count):
        yield slice(start, min(start + count, len(x)))


def data_rows(data: Data, rows: Any) -> Data:
    """Returns some rows of a data set, dense."""
    return _some(data, rows, data.x[rows])


def data_part(data: Data, rows: Any) -> Data:
    """Returns some rows of a data set, sparse where it is sparse."""
    return _some(data, rows, take(data.x, rows))


def _some(data: Data, rows: Any, x: Any) -> Data:
    weight = None if data.weight is None else data.weight[rows]
    classes = None if data.classes is None else data.classes[rows]
    return Data(x, data.t[rows], weight, data.labels, classes, data.bound)
