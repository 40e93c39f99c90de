"""Checked samples on their way from scikit-learn's checks to the engine."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Data
from pellucid.estimators.rows import SparseRows, take
from pellucid.ops import Array


@dataclass(frozen=True)
class Targets:
    """y for the engine: values (n, K), or class numbers (n,) where `labels`; and y as `score` takes it."""

    values: Array
    labels: bool
    classes: NDArray[np.int32] | None
    given: Any

    def some(self, rows: Any) -> "Targets":
        classes = None if self.classes is None else self.classes[rows]
        return Targets(self.values[rows], self.labels, classes, self.given[rows])


@dataclass(frozen=True)
class Samples:
    """Checked samples with their targets and weights (None for all 1). No number of x is larger than `bound`."""

    x: Any
    targets: Targets
    weight: NDArray[np.float64] | None
    bound: float

    def some(self, rows: Any) -> "Samples":
        weight = None if self.weight is None else self.weight[rows]
        return Samples(take(self.x, rows), self.targets.some(rows), weight, self.bound)

    def data(self, dtype: Any) -> Data:
        t = self.targets.values if self.targets.labels else self.targets.values.astype(dtype, copy=False)
        return Data(self.x, t, self.weight, self.targets.labels, self.targets.classes, self.bound)


def bound_of(x: Any) -> float:
    """Returns a number that no |x| exceeds, at the cost of one quick pass; infinity where that is not to be had.

    A finite bound also says that all numbers are finite: NaN and infinity survive in a sum of squares.
    """
    values = x.matrix.data if isinstance(x, SparseRows) else x
    if not (values.flags.c_contiguous or values.flags.f_contiguous):
        return math.inf
    flat = values.reshape(-1, order="A")
    with np.errstate(over="ignore", invalid="ignore"):
        square = float(np.dot(flat, flat))
    return 1.001 * math.sqrt(square) if square < math.inf else math.inf
