"""The second text's functions: activations, errors, and their derivatives by the total input u or by the output y.

d is the wanted output and y the network's, one sample (K,) or a batch (N, K); class numbers (N,) may stand for d in
softmax's cross-entropy. Errors are means over the samples. Where the original has a fault, ours is right unless
`faithful` is asked for; docs/compat.md says where.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.compat.switch import is_faithful
from pellucid.errors import InputError

_SMALLEST = float(np.finfo(np.float64).tiny)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)"""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def relu(x: Any) -> Any:
    """max(0, x)"""
    return np.maximum(0, x)


def step_function(x: Any) -> Any:
    """1 where x > 0, else 0"""
    return np.where(x > 0, 1, 0)


step = step_function


def softmax(x: Any) -> Any:
    """e^xₖ / Σ e^xⱼ, for one sample (K,) or each row of (N, K); no x is too large"""
    x = np.asarray(x)
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def mean_squared_error(d: Any, y: Any) -> Any:
    """½ mean (d − y)², over all entries"""
    _check_alike("mean_squared_error", d, y)
    return np.mean(np.square(d - y)) / 2


def cross_entropy_error(d: Any, y: Any) -> Any:
    """− mean ln y of the right class; for a single output − mean (d ln y + (1 − d) ln(1 − y))

    Faithful: a single output's label is ignored, and 1e-7 is added to y before the logarithm.
    """
    d, y = np.asarray(d), np.asarray(y)
    if y.ndim == 1:
        d, y = d.reshape(1, -1), y.reshape(1, -1)
    if y.shape[-1] == 1 and not is_faithful():
        d = d.reshape(y.shape)
        return -np.sum(d * _log(y) + (1 - d) * _log(1 - y)) / len(y)
    return -np.sum(_log(y[np.arange(len(y)), _right_classes(d, y)])) / len(y)


def softmax_with_loss(d: Any, x: Any) -> Any:
    """The cross-entropy of softmax(x)"""
    return cross_entropy_error(d, softmax(x))


def d_sigmoid(x: Any) -> Any:
    """σ′(x) = σ(x) (1 − σ(x)), at the total input x: not at the output, and not where the activation was another"""
    return (1.0 - sigmoid(x)) * sigmoid(x)


def d_relu(x: Any) -> Any:
    """1 where x > 0, else 0"""
    return np.where(x > 0, 1, 0)


def d_step_function(x: Any) -> Any:
    """0"""
    return 0


def d_mean_squared_error(d: Any, y: Any) -> Any:
    """∂/∂y of mean_squared_error: (y − d) / number of entries. Faithful: / number of samples"""
    _check_alike("d_mean_squared_error", d, y)
    return (y - d) / (len(d) if is_faithful() and np.ndim(d) else np.size(d))


def d_softmax_with_loss(d: Any, y: Any) -> Any:
    """∂/∂x of the mean cross-entropy of y = softmax(x): (y − d) / samples

    Faithful: divided by the number of outputs where y is one sample (K,).
    """
    d, y = np.asarray(d), np.asarray(y)
    if d.size == y.size:
        return (y - d) / (len(d) if is_faithful() else _samples(y))
    rows = y.reshape(-1, y.shape[-1]).copy()
    rows[np.arange(len(rows)), _right_classes(d, rows)] -= 1
    return rows.reshape(y.shape) / len(rows)


def d_sigmoid_with_loss(d: Any, y: Any) -> Any:
    """∂/∂x of the mean cross-entropy of y = σ(x): (y − d) / samples. Faithful: not divided"""
    _check_alike("d_sigmoid_with_loss", d, y)
    return y - d if is_faithful() else (y - d) / _samples(y)


def numerical_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    """∂f/∂x by central differences, (f(x + h) − f(x − h)) / 2h with h = 1e-4, for a float array x of any shape

    f is called with x itself, one entry moved at a time; x is as before afterwards.
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        raise InputError("numerical_gradient takes an array of floating-point numbers as x, such as x.astype(float).")
    h = 1e-4
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + h
        above = f(x)
        x[index] = value - h
        gradient[index] = (above - f(x)) / (2 * h)
        x[index] = value
    return gradient


def print_vec(text: str, vec: Any) -> None:
    """Prints a name, the numbers, and for arrays the shape."""
    print("*** " + text + " ***")
    print(vec)
    if isinstance(vec, np.ndarray):
        print("shape: " + str(vec.shape))
    print("")


def _log(p: Any) -> Any:
    """ln p, finite for p = 0. Faithful: ln(p + 1e-7)"""
    return np.log(p + 1e-7) if is_faithful() else np.log(np.maximum(p, _SMALLEST))


def _right_classes(d: Any, y: Any) -> Any:
    """The class numbers (N,) that d stands for, given as such or as one-hot rows."""
    if d.size == y.size:
        return d.reshape(y.shape).argmax(axis=1)
    numbers = np.ravel(d)
    if len(numbers) != len(y) or numbers.dtype.kind not in "iu":
        raise InputError(
            f"d has the shape {d.shape}, but y has {y.shape}; give one-hot rows like y, or {len(y)} class numbers."
        )
    return numbers


def _samples(y: Any) -> int:
    return len(y) if np.ndim(y) > 1 else 1


def _check_alike(name: str, d: Any, y: Any) -> None:
    if np.shape(d) != np.shape(y):
        raise InputError(
            f"{name} takes d and y of one shape, got {np.shape(d)} and {np.shape(y)}; NumPy would spread one over the "
            "other."
        )
