"""Numeric differentiation as in the book, 4.3 and 4.4: central differences with h = 10⁻⁴, one number at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.compat.switch import is_faithful
from pellucid.errors import InputError
from pellucid.ops import Array

_H = 1e-4


def numerical_gradient(f: Callable[[Any], Any], x: Array) -> Array:
    """∂f/∂xᵢ = (f(x + h eᵢ) − f(x − h eᵢ)) / 2h for every number of x, changed in place and put back.

    x (any shape) -> (the same shape). f is called with x itself.

    Raises:
        InputError: x of whole numbers, in which a change of h would be rounded away.
    """
    if x.dtype.kind != "f" and not is_faithful():
        raise InputError(f"x has the type {x.dtype}, in which x + 0.0001 is x; give x.astype(float).")
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        try:
            x[index] = kept + _H
            above = f(x)
            x[index] = kept - _H
            below = f(x)
        finally:
            x[index] = kept
        gradient[index] = (above - below) / (2 * _H)
    return gradient


def numerical_gradient_2d(f: Callable[[Any], Any], X: Array) -> Array:
    """numerical_gradient of each row of X on its own: f takes one row.        X (N, K) or (K,) -> the same shape"""
    if X.ndim == 1:
        return numerical_gradient(f, X)
    return np.array([numerical_gradient(f, row) for row in X])


__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]
