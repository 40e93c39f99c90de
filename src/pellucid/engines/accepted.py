"""What x and t may be: one description for both ways into an engine.

The long way, `data.py`, takes all of it and says in words what is wrong. The quick ways in the core take a part of it,
the forms in which few rows mostly come, and decline everything else, so that the long way decides. Hence two rules:
what a quick way takes, the long way takes; and where both answer, they answer the same bits.
"""

from typing import Any, NamedTuple

import numpy as np


class Accepted(NamedTuple):
    """Which arrays a way takes.

    numbers: the types of x, and of t where these are values, as NumPy's letters. labels: those of class numbers.
    most_rows, most_bytes: of one call, the bytes those of all that the rows leave behind in an arena; None for any.
    any_layout: whether other orders than C's, other byte orders and Python's lists are brought into form.
    sum_tolerance: by how much the sum of a row of probabilities may be off 1.
    """

    numbers: str
    labels: str
    most_rows: int | None
    most_bytes: int | None
    any_layout: bool
    sum_tolerance: float


LONG = Accepted("?bBhHiIlLqQfd", "?bBhHiIlLqQfd", None, None, True, 1e-3 + 1e-5)
"""`sum_tolerance` is the quick ways' and some more: a sum of float32 is itself off by a little."""

QUICK = Accepted("fdB", "il", 32, 8 << 20, False, 1e-3)
"""As `core/bindings/quick.cpp` has it; tests/engines/test_accepted.py holds the two against each other."""

PROBABILITIES = (0.0, 1.0)
"""The least and the most that a probability may be, on both ways."""


def is_number(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of a type are taken as numbers: whole ones, truth values, and float32 and float64."""
    return dtype.newbyteorder("=").char in LONG.numbers


def largest(dtype: np.dtype[Any]) -> float:
    """Returns the largest number that is finite in the type a network computes in: no more is taken, on both ways."""
    return float(np.finfo(dtype).max)
