"""The book's functions, chapters 3 and 4: activations and errors as plain functions of arrays.

Where the originals have a fault, these are right; docs/compat-book.md says which, and `--faithful` gives theirs.
"""

from typing import Any

import numpy as np

from pellucid import ops
from pellucid.compat.switch import is_faithful
from pellucid.errors import InputError
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.ops import Array

_TINY = float(np.finfo(np.float64).tiny)


def identity_function(x: Any) -> Any:
    """y = x"""
    return x


def step_function(x: Any) -> Array:
    """y = 1 where x > 0, else 0, as whole numbers"""
    return np.array(x > 0, dtype=int)


def sigmoid(x: Any) -> Any:
    """y = 1 / (1 + e⁻ˣ), without overflow for any x"""
    if is_faithful():
        return 1 / (1 + np.exp(-x))
    return ops.sigmoid(np.asarray(x))[()]


def sigmoid_grad(x: Any) -> Any:
    """dy/dx = (1 − y) y with y = sigmoid(x)"""
    y = sigmoid(x)
    return (1.0 - y) * y


def relu(x: Any) -> Any:
    """y = max(0, x)"""
    return ops.maximum(x, 0)


def relu_grad(x: Array) -> Array:
    """dy/dx = 1 where x > 0, else 0: the slope that the layer Relu uses; the original's function has 1 at x = 0"""
    return ops.greater_equal(x, 0) if is_faithful() else ops.greater(x, 0)


def softmax(x: Any) -> Array:
    """y = eˣ / Σₖ eˣ along the last axis        x (K,) or (..., K)"""
    x = np.asarray(x)
    return ops.softmax(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def sum_squared_error(y: Any, t: Any) -> Any:
    """E = ½ Σ (y − t)², summed over everything, not averaged over the batch.

    Raises:
        InputError: y and t of different shapes, which would be spread over each other.
    """
    if np.shape(y) != np.shape(t) and not is_faithful():
        raise InputError(f"y has the shape {np.shape(y)} and t has {np.shape(t)}; sum_squared_error needs them equal.")
    return 0.5 * np.sum((y - t) ** 2)


def cross_entropy_error(y: Array, t: Any) -> Any:
    """E = − 1/N Σₙ Σₖ t ln y        y (N, K) or (K,) probabilities   t rows like y's, or class numbers (N,)

    With one output per row, y is the probability of a yes and t is 1 or 0: E = − 1/N Σₙ t ln y + (1 − t) ln(1 − y).
    A probability that was rounded to 0 counts as the smallest number above 0.

    Raises:
        InputError: t that is neither rows like y's nor class numbers for them.
    """
    y = np.atleast_2d(y)
    if is_faithful():
        return original_cross_entropy(y, np.asarray(t).reshape(len(y), -1) if np.ndim(t) != 1 else np.asarray(t))
    rows = target_rows(t, y.shape)
    error = rows * np.log(np.maximum(y, _TINY))
    if y.shape[1] == 1:
        error += (1 - rows) * np.log(np.maximum(1 - y, _TINY))
    return -np.sum(error) / len(y)


def original_cross_entropy(y: Array, t: Array) -> Any:
    """E = − 1/N Σₙ ln(y[n, t[n]] + 10⁻⁷), as the book has it: never above 16.12, and 0 with a single output"""
    numbers = t.reshape(y.shape).argmax(axis=1) if t.size == y.size else t
    return -np.sum(np.log(y[np.arange(len(y)), numbers] + 1e-7)) / len(y)


def softmax_loss(X: Any, t: Any) -> Any:
    """E = cross_entropy_error(softmax(X), t), from the logits, so that no probability is rounded before its ln"""
    if is_faithful():
        return cross_entropy_error(softmax(X), t)
    logits = np.atleast_2d(X)
    errors, _ = SoftmaxCrossEntropy().forward(logits, target_rows(t, logits.shape))
    return np.sum(errors) / len(logits)


def target_rows(t: Any, shape: tuple[int, ...]) -> Array:
    """Returns t as one row per sample, (N, K): class numbers (N,) or (N, 1) become one-hot rows.

    Raises:
        InputError: another number of targets, or class numbers outside 0 to K − 1.
    """
    t = np.asarray(t)
    rows, outputs = shape
    if t.size == rows * outputs and (t.ndim != 1 or rows == 1 or outputs == 1) and (outputs > 1 or _are_yes_or_no(t)):
        rows_of_t: Array = t.reshape(shape)
        return rows_of_t
    if t.size != rows:
        raise InputError(f"t has the shape {t.shape}, but y has {shape}; give ({rows}, {outputs}) or ({rows},).")
    return ops.one_hot(class_numbers(t, outputs), classes=outputs, dtype=np.float64)


def class_numbers(t: Array, outputs: int) -> Array:
    """Returns class numbers (N,), int32, checked to be whole and from 0 to outputs − 1."""
    numbers = t.reshape(-1)
    if numbers.dtype.kind not in "iu" and not np.array_equal(numbers, np.floor(numbers)):
        raise InputError(
            f"t holds {numbers[numbers != np.floor(numbers)][0]} among its class numbers; give whole ones."
        )
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < outputs:
        raise InputError(
            f"t holds class numbers from {numbers.min()} to {numbers.max()}; 0 to {outputs - 1} are known."
        )
    return numbers.astype(np.int32)


def _are_yes_or_no(t: Array) -> bool:
    if t.size and not 0 <= t.min() <= t.max() <= 1:
        raise InputError(f"with one output, t is the probability of a yes, 0 to 1; got {t.min()} to {t.max()}.")
    return True


__all__ = [
    "np",
    "identity_function",
    "step_function",
    "sigmoid",
    "sigmoid_grad",
    "relu",
    "relu_grad",
    "softmax",
    "sum_squared_error",
    "cross_entropy_error",
    "softmax_loss",
]
