"""Checks of hyperparameters that several layers share."""

import math
from typing import Any

from pellucid.errors import InputError
from pellucid.initializers import Initializer


def positive_integer(name: str, value: Any) -> None:
    """Raises InputError unless the value is a whole number of 1 or more."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise InputError(f"{name} must be an integer of 1 or more, got {value!r}.")


def finite_number(name: str, value: Any) -> None:
    """Raises InputError unless the value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name} must be a finite number, got {value!r}.")


def fraction(name: str, value: Any) -> None:
    """Raises InputError unless the value is at least 0 and less than 1."""
    finite_number(name, value)
    if not 0 <= value < 1:
        raise InputError(f"{name} must be at least 0 and less than 1, got {value!r}.")


def initializer(name: str, value: Any) -> None:
    """Raises InputError unless the value is an initializer."""
    if not isinstance(value, Initializer):
        raise InputError(f"{name} must be an initializer, such as Normal(0.1), got {value!r}.")
