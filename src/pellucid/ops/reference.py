"""The vocabulary in plain NumPy: the specification that every fast path is tested against.

N is the number of rows of the batch, I and O the widths before and after a product, K any width. Nothing here casts:
float32 in gives float32 out, float64 gives float64. Functions named `..._update` write into their first arguments;
all others return new arrays. A CuPy array takes the same lines, because NumPy hands its functions on to it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import philox
from pellucid.ops.arrays import Array, Scalar
from pellucid.ops.images import IMAGE_OPS

# Products ------------------------------------------------------------------------------------------------------------


def affine(x: Array, W: Array, b: Array) -> Array:
    """u = x·W + b        x (N, I)   W (I, O)   b (O,)   u (N, O)"""
    return x @ W + b


def matmul(a: Array, b: Array) -> Array:
    """c = a·b        a (N, I)   b (I, O)   c (N, O)"""
    return a @ b


def matmul_nt(a: Array, b: Array) -> Array:
    """c = a·bᵀ       a (N, O)   b (I, O)   c (N, I)"""
    return a @ b.T


def matmul_tn(a: Array, b: Array) -> Array:
    """c = aᵀ·b       a (N, I)   b (N, O)   c (I, O)"""
    return a.T @ b


# Elementwise: (N, K) with (N, K), (K,) down the rows, (N, 1) along the columns, or a number ---------------------------


def add(a: Array, b: Scalar) -> Array:
    """a + b"""
    return a + b


def subtract(a: Scalar, b: Scalar) -> Array:
    """a − b"""
    return np.subtract(a, b)


def multiply(a: Array, b: Scalar) -> Array:
    """a · b, element by element"""
    return a * b


def divide(a: Scalar, b: Scalar) -> Array:
    """a / b"""
    return np.divide(a, b)


def maximum(a: Array, b: Scalar) -> Array:
    """the larger of a and b; NaN where either is NaN"""
    return np.maximum(a, b)


def minimum(a: Array, b: Scalar) -> Array:
    """the smaller of a and b; NaN where either is NaN"""
    return np.minimum(a, b)


def greater(a: Array, b: Scalar) -> Array:
    """1 where a > b, else 0, in the type of a"""
    return np.greater(a, b).astype(a.dtype)


def greater_equal(a: Array, b: Scalar) -> Array:
    """1 where a ≥ b, else 0, in the type of a"""
    return np.greater_equal(a, b).astype(a.dtype)


def where(condition: Array, a: Scalar, b: Scalar) -> Array:
    """a where the condition is not 0, else b"""
    return np.where(condition != 0, a, b).astype(condition.dtype, copy=False)


def negative(x: Array) -> Array:
    """−x"""
    return -x


def absolute(x: Array) -> Array:
    """|x|"""
    return np.abs(x)


def sign(x: Array) -> Array:
    """−1, 0 or 1"""
    return np.sign(x)


def square(x: Array) -> Array:
    """x²"""
    return x * x


def sqrt(x: Array) -> Array:
    """√x"""
    return np.sqrt(x)


def exp(x: Array) -> Array:
    """eˣ"""
    return np.exp(x)


def expm1(x: Array) -> Array:
    """eˣ − 1, exact near 0"""
    return np.expm1(x)


def log(x: Array) -> Array:
    """ln x"""
    return np.log(x)


def log1p(x: Array) -> Array:
    """ln(1 + x), exact near 0"""
    return np.log1p(x)


def tanh(x: Array) -> Array:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"""
    return np.tanh(x)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), written so that e never has a positive exponent and cannot overflow"""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softplus(x: Array) -> Array:
    """ln(1 + eˣ), written so that it cannot overflow"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Array) -> Array:
    """2/√π ∫₀ˣ e^(−s²) ds"""
    return np.asarray(_erf(x), dtype=x.dtype)


# Reductions ----------------------------------------------------------------------------------------------------------


def sum_rows(x: Array) -> Array:
    """Σₙ x[n]: the sum over the batch        x (N, K) -> (K,)"""
    total: Array = x.sum(axis=0)
    return total


def sum_columns(x: Array) -> Array:
    """Σₖ x[n, k]: the sum within each row       x (N, K) -> (N, 1)"""
    total: Array = x.sum(axis=1, keepdims=True)
    return total


def max_columns(x: Array) -> Array:
    """the largest of each row        x (N, K) -> (N, 1)"""
    largest: Array = x.max(axis=1, keepdims=True)
    return largest


def sum_all(x: Array) -> Array:
    """the sum of all elements        x (any shape) -> ()"""
    return np.asarray(x.sum(), dtype=x.dtype)


# Shapes, targets and weights -----------------------------------------------------------------------------------------


def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """the same numbers, each row in another shape        x (N, ...) -> (N, *shape)"""
    return x.reshape(x.shape[0], *shape)


def one_hot(t: Array, *, classes: int, dtype: DTypeLike) -> Array:
    """y[n, t[n]] = 1, else 0        t (N,) class numbers -> (N, classes)"""
    y = np.zeros((t.shape[0], classes), dtype=dtype)
    y[np.arange(t.shape[0]), t] = 1
    return y


def mean_weights(weight: Array) -> Array:
    """c = w / Σₙ w: what turns a sum over the rows into their weighted mean; 0 where all weights are 0   (N, 1)"""
    total = weight.sum()
    return weight / total if total != 0 else np.zeros_like(weight)


def dropout_mask(
    x: Array, *, rate: float, seed: int, layer: int, step: int, shape: tuple[int, ...] | None = None
) -> Array:
    """0 with probability `rate`, else 1 / (1 − rate); element i is decided by word i of the layer's address

    The mask is as large as x, or (N, *shape) where a shape is given: (C,) silences whole channels.
    """
    address = philox.purpose_of(philox.DROPOUT, layer)
    whole = x.shape if shape is None else (len(x), *shape)
    words = philox.words(seed, address, int(step), math.prod(whole)).reshape(whole)
    return np.where(words < np.uint32(int(rate * 2.0**32)), 0.0, 1.0 / (1.0 - rate)).astype(x.dtype)


# Updates: w and the slots are changed in place, g' = g + l2·w + l1·sign(w) -------------------------------------------


def _decayed(w: Array, g: Array, l2: Scalar, l1: float) -> Array:
    if l2:
        g = g + l2 * w
    if l1:
        g = g + l1 * np.sign(w)
    return g


def sgd_update(w: Array, g: Array, learning_rate: Scalar, *, l2: Scalar = 0.0, l1: float = 0.0) -> None:
    """w ← w − η g'"""
    w -= learning_rate * _decayed(w, g, l2, l1)


def momentum_update(
    w: Array, g: Array, v: Array, learning_rate: Scalar, *, momentum: float, l2: Scalar = 0.0, l1: float = 0.0
) -> None:
    """v ← μ v − η g'     w ← w + v"""
    v[...] = momentum * v - learning_rate * _decayed(w, g, l2, l1)
    w += v


def nesterov_update(
    w: Array, g: Array, v: Array, learning_rate: Scalar, *, momentum: float, l2: Scalar = 0.0, l1: float = 0.0
) -> None:
    """v ← μ v − η g'     w ← w + μ v − η g'"""
    step = learning_rate * _decayed(w, g, l2, l1)
    v[...] = momentum * v - step
    w += momentum * v - step


def adagrad_update(
    w: Array, g: Array, h: Array, learning_rate: Scalar, *, epsilon: float, l2: Scalar = 0.0, l1: float = 0.0
) -> None:
    """h ← h + g'²     w ← w − η g' / (√h + ε)"""
    g = _decayed(w, g, l2, l1)
    h += g * g
    w -= learning_rate * g / (np.sqrt(h) + epsilon)


def rmsprop_update(
    w: Array,
    g: Array,
    h: Array,
    learning_rate: Scalar,
    *,
    rho: float,
    epsilon: float,
    l2: Scalar = 0.0,
    l1: float = 0.0,
) -> None:
    """h ← ρ h + (1 − ρ) g'²     w ← w − η g' / (√h + ε)"""
    g = _decayed(w, g, l2, l1)
    h[...] = rho * h + (1 - rho) * (g * g)
    w -= learning_rate * g / (np.sqrt(h) + epsilon)


def adam_update(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    learning_rate: Scalar,
    root_correction: Scalar,
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
    l2: Scalar = 0.0,
    l1: float = 0.0,
) -> None:
    """m ← β₁ m + (1 − β₁) g'     v ← β₂ v + (1 − β₂) g'²     w ← w − η m / (√v · c + ε)

    η carries the first bias correction, 1 / (1 − β₁ᵗ), and c is the second, 1 / √(1 − β₂ᵗ).
    """
    g = _decayed(w, g, l2, l1)
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * (g * g)
    w -= learning_rate * (m / (np.sqrt(v) * root_correction + epsilon))


def adamw_update(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    learning_rate: Scalar,
    root_correction: Scalar,
    decay: Scalar,
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """w ← decay · w, with decay = 1 − η₀ λ, then Adam's update"""
    w *= decay
    adam_update(w, g, m, v, learning_rate, root_correction, beta1=beta1, beta2=beta2, epsilon=epsilon)


def running_update(w: Array, value: Array, *, momentum: float) -> None:
    """w ← μ w + (1 − μ) value: a mean in which older values count less and less"""
    w[...] = momentum * w + (1 - momentum) * value


VOCABULARY: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        (affine, matmul, matmul_nt, matmul_tn)
        + (add, subtract, multiply, divide, maximum, minimum, greater, greater_equal, where)
        + (negative, absolute, sign, square, sqrt, exp, expm1, log, log1p, tanh, sigmoid, softplus, erf)
        + (sum_rows, sum_columns, max_columns, sum_all, reshape, one_hot, mean_weights, dropout_mask)
        + (sgd_update, momentum_update, nesterov_update, adagrad_update, rmsprop_update, adam_update, adamw_update)
        + (running_update,)
        + IMAGE_OPS
    )
}
