"""Dividing rows into training, validation and test parts, the same way on every machine."""

import math

import numpy as np

from pellucid import philox
from pellucid.datasets.dataset import Array
from pellucid.errors import InputError

SPLIT_STREAM = 0
"""The stream of philox.DATA that orders the rows; the synthetic data sets draw from streams 1 and up."""


def split_rows(
    n: int, *, classes: Array | None, validation_fraction: float, test_fraction: float, seed: int
) -> tuple[Array, Array, Array]:
    """The row numbers of the training, validation and test parts: shuffled, disjoint, together all n.

    The rows are put in philox's order for `seed`. With `classes` (n,) the parts are stratified: each class gives each
    part its share, rounded so that the parts' sizes come out right, and keeps at least one row for training.
    Raises InputError for a seed that is no whole number, or fractions outside [0, 1) or that leave nothing to train on.
    """
    for name, fraction in (("validation_fraction", validation_fraction), ("test_fraction", test_fraction)):
        if not (isinstance(fraction, (int, float)) and 0 <= fraction < 1):
            raise InputError(f"{name} is {fraction!r}, but a number from 0 to less than 1 was expected.")
    if validation_fraction + test_fraction >= 1:
        raise InputError("validation_fraction and test_fraction add up to 1 or more, which leaves nothing to train on.")
    check_seed(seed)
    order = philox.permutation(seed, philox.DATA, SPLIT_STREAM, n)
    grouped = order if classes is None else order[np.argsort(classes[order], kind="stable")]
    sizes = [n] if classes is None else np.unique(classes, return_counts=True)[1].tolist()
    part = np.zeros(n, np.int8)
    low = 0
    for size in sizes:
        high = low + size
        test = min(_share(low, high, test_fraction), size - 1)
        validation = min(_share(low, high, validation_fraction), size - 1 - test)
        part[grouped[low : low + test]] = 2
        part[grouped[low + test : low + test + validation]] = 1
        low = high
    train, held_out, test_rows = (order[part[order] == number] for number in range(3))
    return train, held_out, test_rows


def check_seed(seed: int) -> None:
    """InputError unless seed is a whole number."""
    if not isinstance(seed, (int, np.integer)):
        raise InputError(f"seed is {seed!r}, but a whole number was expected.")


def _share(low: int, high: int, fraction: float) -> int:
    """How many of the rows low..high-1 a part gets: over all groups these add up to round(n·fraction)."""
    return math.floor(high * fraction + 0.5) - math.floor(low * fraction + 0.5)
