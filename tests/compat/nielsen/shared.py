"""Small data in Nielsen's form, and numeric slopes to hold backprop against."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pairs = list[tuple[Any, Any]]


def pairs(count: int, labels: bool = False) -> Pairs:
    """(x, y): x a column of four numbers, y whether the first two outweigh the last two, as unit column or class."""
    draw = np.random.RandomState(5)
    made: Pairs = []
    for _ in range(count):
        x = draw.rand(4, 1)
        k = int(x[0, 0] + x[1, 0] > x[2, 0] + x[3, 0])
        made.append((x, k if labels else np.eye(2)[:, [k]]))
    return made


def slopes(cost: Callable[[], float], arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """∂cost/∂ every entry of the arrays, by central differences."""
    found = []
    for array in arrays:
        slope = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + 1e-5
            above = cost()
            array[index] = kept - 1e-5
            slope[index] = (above - cost()) / 2e-5
            array[index] = kept
        found.append(slope)
    return found
