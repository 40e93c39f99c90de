"""What comes from outside, checked and brought into form: samples, targets and weights.

Checked once for a whole data set, before the first step; afterwards the engines trust it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.checks import at_least_zero, is_whole
from pellucid.engines.accepted import LONG, PROBABILITIES, is_number, largest
from pellucid.engines.model import Model
from pellucid.errors import InputError
from pellucid.losses import Loss
from pellucid.ops import Array


@dataclass(frozen=True)
class Data:
    """Samples x (N, ...), targets t and weights (N,) or None for all 1.

    t is (N,) int32 class numbers where `labels`, else (N, K) values. `classes` holds the right class numbers where an
    accuracy can be given. No number of x is larger than `bound`; infinity says that it is not known.
    """

    x: Array
    t: Array
    weight: NDArray[np.float64] | None
    labels: bool
    classes: NDArray[np.int32] | None
    bound: float = math.inf

    @property
    def rows(self) -> int:
        return len(self.x)


def check_samples(x: Any, model: Model, name: str = "x") -> Array:
    """Returns x as an array of numbers, (N, *input_shape); raises InputError where it cannot be that."""
    return _samples(x, model, name)[0]


def _samples(x: Any, model: Model, name: str) -> tuple[Array, float]:
    array = _numbers(x, name)
    expected = model.input_shape
    if array.shape[1:] != expected:
        if array.shape == expected and array.ndim:
            raise InputError(
                f"{name} has the shape {array.shape}, which is one sample; give a batch, {name}[None] for one."
            )
        count = int(np.prod(array.shape[1:])) if array.ndim > 1 else 0
        mend = f"; {name}.reshape(-1, {', '.join(map(str, expected))}) would fit" if count == np.prod(expected) else ""
        raise InputError(
            f"{name} has the shape {array.shape}, but the network takes (N, {', '.join(map(str, expected))}){mend}."
        )
    return array, _check_finite(array, name, model.dtype)


def check_data(x: Any, t: Any, model: Model, sample_weight: Any = None, class_weight: Any = None) -> Data:
    """Returns a data set ready for the engines; raises InputError naming what does not fit."""
    samples, bound = _samples(x, model, "x")
    if len(samples) == 0:
        raise InputError("x has no rows; at least one sample is needed.")
    if model.loss is None:
        raise InputError("this network has no loss; give one, such as loss=SoftmaxCrossEntropy(), when making it.")
    targets, labels, classes = _targets(t, len(samples), model, model.loss)
    weight = _sample_weight(sample_weight, len(samples), model)
    if class_weight is not None:
        weight = _with_class_weight(weight, class_weight, classes, model.output_shape[0])
    return Data(samples, targets, weight, labels, classes, bound)


def batch_of(data: Data, rows: Any, model: Model) -> tuple[Array, Array, Array]:
    """Returns x, t (one-hot where t are class numbers) and weight (N, 1) of some rows, in the network's type."""
    t = data.t[rows]
    # What is too large for float32 becomes infinity here, and is found as such in the first pass.
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(data.x[rows], dtype=model.dtype)
        if not data.labels:
            t = t.astype(model.dtype, copy=False)
    weight = np.ones((len(x), 1), model.dtype) if data.weight is None else data.weight[rows, None].astype(model.dtype)
    return x, t, weight


def _numbers(value: Any, name: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} cannot be made an array: {error}; give rows of one length.") from None
    if not is_number(array.dtype):
        raise InputError(
            f"{name} has the type {array.dtype!s:.80}; float32, float64 or integers are expected: "
            f"{name}.astype('float32')."
        )
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _check_finite(array: Array, name: str, dtype: np.dtype[Any]) -> float:
    """Returns a bound on all absolute values.

    Raises:
        InputError: at the first number that is not finite in the type that the network computes in.
    """
    if array.size == 0:
        return 0.0
    if array.dtype.kind != "f":
        return float(np.iinfo(array.dtype).max) + 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        if array.flags.c_contiguous:
            # One pass at the memory's speed: NaN and infinity survive in the sum of squares.
            flat = array.reshape(-1)
            bound = 1.001 * math.sqrt(square) if (square := float(np.dot(flat, flat))) >= 0 else math.nan
            if bound <= largest(dtype):
                return bound
        bound = float(max(-array.min(), array.max()))
        if bound <= largest(dtype):
            return bound
        _name_first_not_finite(array, name, dtype)
    return math.inf


def _name_first_not_finite(array: Array, name: str, dtype: np.dtype[Any]) -> None:
    for start in range(0, len(array), 1024):
        wrong = np.argwhere(~np.isfinite(array[start : start + 1024].astype(dtype)))
        if len(wrong):
            where = (int(wrong[0][0]) + start, *map(int, wrong[0][1:]))
            value = array[where]
            if np.isfinite(value):
                raise InputError(
                    f"{name} holds {value} at {list(where)}, too large for a network in {dtype}; scale it."
                )
            raise InputError(
                f"{name} holds {value} at {list(where)}; NaN and infinity cannot be learnt from: drop or fill them."
            )


def _targets(t: Any, rows: int, model: Model, loss: Loss) -> tuple[Array, bool, NDArray[np.int32] | None]:
    targets = _numbers(t, "t")
    if targets.ndim == 0 or len(targets) != rows:
        raise InputError(
            f"t has {len(targets) if targets.ndim else 'no'} rows, but x has {rows}; one target per sample."
        )
    _check_finite(targets, "t", model.dtype)
    outputs = model.output_shape[0]
    if targets.ndim == 1 and outputs > 1:
        labels = _labels(targets, outputs)
        return labels, True, labels
    if targets.ndim == 1:
        targets = targets[:, None]
    if targets.shape != (rows, outputs):
        raise InputError(f"t has the shape {targets.shape}, but the network's outputs are ({rows}, {outputs}).")
    if loss.probabilities is not None:
        _check_probabilities(targets, loss)
    if outputs > 1 and _is_one_hot(targets):
        labels = np.argmax(targets, axis=1).astype(np.int32)
        return labels, True, labels
    two_classes = loss.probabilities == "entries" and outputs == 1 and np.isin(targets, (0, 1)).all()
    return targets, False, targets[:, 0].astype(np.int32) if two_classes else None


def _labels(targets: Array, outputs: int) -> NDArray[np.int32]:
    if targets.dtype.kind == "f" and not (targets == np.floor(targets)).all():
        raise InputError(
            f"t holds {targets[targets != np.floor(targets)][0]} among its class numbers; give whole numbers from 0 to "
            f"{outputs - 1}, or values of shape (N, {outputs})."
        )
    low, high = targets.min(), targets.max()
    if low < 0 or high >= outputs:
        wrong = low if low < 0 else high
        raise InputError(
            f"t holds the class number {int(wrong)}, but the network has {outputs} outputs, for 0 to {outputs - 1}."
        )
    return targets.astype(np.int32)


def _check_probabilities(targets: Array, loss: Loss) -> None:
    kind = type(loss).__name__
    least, most = PROBABILITIES
    if targets.min() < least or targets.max() > most:
        raise InputError(f"{kind} takes probabilities from 0 to 1 as t, got {targets.min()} to {targets.max()}.")
    if loss.probabilities == "rows" and not np.allclose(targets.sum(axis=1), 1.0, rtol=0, atol=LONG.sum_tolerance):
        raise InputError(f"{kind} takes rows of t that sum to 1; for labels that overlap use SigmoidCrossEntropy().")


def _is_one_hot(targets: Array) -> bool:
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all())


def _sample_weight(sample_weight: Any, rows: int, model: Model) -> NDArray[np.float64] | None:
    if sample_weight is None:
        return None
    weight = _numbers(sample_weight, "sample_weight").astype(np.float64)
    if weight.shape != (rows,):
        raise InputError(f"sample_weight has the shape {weight.shape}, expected ({rows},): one number per sample.")
    _check_finite(weight, "sample_weight", model.dtype)
    if weight.min() < 0 or weight.sum() == 0:
        raise InputError("sample_weight must hold numbers of 0 or more, and not only zeros.")
    return weight


def _with_class_weight(
    weight: NDArray[np.float64] | None, class_weight: Any, classes: NDArray[np.int32] | None, outputs: int
) -> NDArray[np.float64]:
    if classes is None:
        raise InputError("class_weight needs class numbers or one-hot rows as t; use sample_weight for other targets.")
    count = max(outputs, 2)
    if class_weight != "balanced" and not isinstance(class_weight, Mapping):
        raise InputError(
            f"class_weight must be 'balanced' or a table of class number to weight, got {class_weight!r:.80}."
        )
    if isinstance(class_weight, str):
        found = np.bincount(classes, minlength=count)
        per_class = np.divide(len(classes), (found > 0).sum() * found, out=np.zeros(count), where=found > 0)
    else:
        per_class = np.ones(count)
        for number, value in class_weight.items():
            if not is_whole(number) or not 0 <= number < count:
                raise InputError(f"class_weight names the class {number!r:.80}; classes are numbered 0 to {count - 1}.")
            per_class[number] = at_least_zero(f"class_weight[{number}]", value)
    by_class: NDArray[np.float64] = per_class[classes]
    weight = by_class if weight is None else weight * by_class
    if not weight.any():
        raise InputError("class_weight leaves every sample of x with the weight 0; give a class that x has more.")
    return weight
