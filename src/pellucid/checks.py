"""Checks of the numbers that come as arguments: NumPy's scalars count as Python's, truth values not as numbers.

Each check returns the number as Python's own, so that what keeps it prints, compares and saves it as such.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.errors import InputError


def is_whole(value: Any) -> bool:
    """Whether the value is an integer, Python's or NumPy's."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether the value is a real number, Python's or NumPy's, that fits into a float."""
    if not is_whole(value) and not isinstance(value, float | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def integer(name: str, value: Any, least: int = 1) -> int:
    """Returns the number; raises InputError unless it is whole and not below `least`."""
    if not is_whole(value) or value < least:
        raise InputError(f"{name} must be an integer of {least} or more, got {value!r:.80}.")
    return int(value)


def finite(name: str, value: Any) -> float:
    """Returns the number; raises InputError unless it is real and finite."""
    if not is_finite(value):
        raise InputError(f"{name} must be a finite number, got {value!r:.80}.")
    return _plain(value)


def positive(name: str, value: Any) -> float:
    """Returns the number; raises InputError unless it is finite and above 0."""
    if not is_finite(value) or not value > 0:
        raise InputError(f"{name} must be a finite number above 0, got {value!r:.80}.")
    return _plain(value)


def at_least_zero(name: str, value: Any) -> float:
    """Returns the number; raises InputError unless it is finite and 0 or more."""
    if not is_finite(value) or not value >= 0:
        raise InputError(f"{name} must be a finite number of 0 or more, got {value!r:.80}.")
    return _plain(value)


def fraction(name: str, value: Any) -> float:
    """Returns the number; raises InputError unless it is at least 0 and less than 1."""
    if not is_finite(value) or not 0 <= value < 1:
        raise InputError(f"{name} must be at least 0 and less than 1, got {value!r:.80}.")
    return _plain(value)


def plain(name: str, value: Any) -> Any:
    """Returns NumPy's numbers as Python's, those in a tuple too, and anything else as it is."""
    if isinstance(value, tuple):
        return tuple(plain(name, entry) for entry in value)
    return _plain(value) if is_finite(value) else value


def keep(thing: object, check: Callable[[str, Any], Any], *names: str) -> None:
    """Puts what a check returns into fields of a frozen dataclass; for its __post_init__."""
    for name in names:
        object.__setattr__(thing, name, check(name, getattr(thing, name)))


def _plain(value: Any) -> float:
    return int(value) if is_whole(value) else float(value)
