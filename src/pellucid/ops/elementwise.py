"""Elementwise ops: operands of one shape, or what NumPy spreads over it: (N, K) with (K,), with (N, 1), with numbers.

Nothing here casts: float32 in gives float32 out, float64 gives float64.
"""

import math

import numpy as np

from pellucid.ops.arrays import Array, Scalar
from pellucid.ops.op import elementwise, op


@op(elementwise)
def add(a: Scalar, b: Scalar) -> Array:
    """a + b"""
    return np.add(a, b)


@op(elementwise)
def subtract(a: Scalar, b: Scalar) -> Array:
    """a − b"""
    return np.subtract(a, b)


@op(elementwise)
def multiply(a: Scalar, b: Scalar) -> Array:
    """a · b, element by element"""
    return np.multiply(a, b)


@op(elementwise)
def divide(a: Scalar, b: Scalar) -> Array:
    """a / b"""
    return np.divide(a, b)


@op(elementwise)
def maximum(a: Scalar, b: Scalar) -> Array:
    """the larger of a and b; NaN where either is NaN"""
    return np.maximum(a, b)


@op(elementwise)
def minimum(a: Scalar, b: Scalar) -> Array:
    """the smaller of a and b; NaN where either is NaN"""
    return np.minimum(a, b)


@op(elementwise)
def greater(a: Scalar, b: Scalar) -> Array:
    """1 where a > b, else 0, in the type of the operands"""
    return np.greater(a, b).astype(np.result_type(a, b))


@op(elementwise)
def greater_equal(a: Scalar, b: Scalar) -> Array:
    """1 where a ≥ b, else 0, in the type of the operands"""
    return np.greater_equal(a, b).astype(np.result_type(a, b))


@op(elementwise)
def where(condition: Array, a: Scalar, b: Scalar) -> Array:
    """a where the condition is not 0, else b"""
    return np.where(condition != 0, a, b).astype(condition.dtype, copy=False)


@op(elementwise)
def negative(x: Array) -> Array:
    """−x"""
    return -x


@op(elementwise)
def absolute(x: Array) -> Array:
    """|x|"""
    return np.abs(x)


@op(elementwise)
def sign(x: Array) -> Array:
    """−1, 0 or 1"""
    return np.sign(x)


@op(elementwise)
def square(x: Array) -> Array:
    """x²"""
    return x * x


@op(elementwise)
def sqrt(x: Array) -> Array:
    """√x"""
    return np.sqrt(x)


@op(elementwise)
def exp(x: Array) -> Array:
    """eˣ"""
    return np.exp(x)


@op(elementwise)
def expm1(x: Array) -> Array:
    """eˣ − 1, exact near 0"""
    return np.expm1(x)


@op(elementwise)
def log(x: Array) -> Array:
    """ln x"""
    return np.log(x)


@op(elementwise)
def log1p(x: Array) -> Array:
    """ln(1 + x), exact near 0"""
    return np.log1p(x)


@op(elementwise)
def tanh(x: Array) -> Array:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"""
    return np.tanh(x)


@op(elementwise)
def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), written so that e never has a positive exponent and cannot overflow"""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


@op(elementwise)
def softplus(x: Array) -> Array:
    """ln(1 + eˣ), written so that it cannot overflow"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_erf = np.frompyfunc(math.erf, 1, 1)


@op(elementwise)
def erf(x: Array) -> Array:
    """2/√π ∫₀ˣ e^(−s²) ds"""
    return np.asarray(_erf(x), dtype=x.dtype)


@op(elementwise)
def sin(x: Array) -> Array:
    """sin x, x in radians"""
    return np.sin(x)


@op(elementwise)
def cos(x: Array) -> Array:
    """cos x, x in radians"""
    return np.cos(x)


def clip(x: Array, least: Scalar, most: Scalar) -> Array:
    """min(max(x, least), most); NaN stays NaN. A composition: in a plan it appears as its two steps."""
    return minimum(maximum(x, least), most)
