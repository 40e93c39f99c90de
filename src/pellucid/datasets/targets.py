"""Targets of a file: class numbers with the classes' names, or values."""

import numpy as np
from numpy.typing import DTypeLike

from pellucid.datasets.dataset import Array
from pellucid.errors import FormatError, InputError, suggest

MAX_CLASSES = 1000
_FEW_CLASSES = 20
_TASKS = ("classification", "regression")


def check_task(task: str | None) -> None:
    """InputError unless task is 'classification', 'regression' or None (to be judged from the targets)."""
    if task is not None and task not in _TASKS:
        raise InputError(f"task is {task!r}, which is not known; {suggest(task, _TASKS)}")


def encode_targets(
    values: Array, task: str | None, dtype: DTypeLike, where: str
) -> tuple[Array, tuple[str, ...] | None]:
    """Targets ready for a loss, and the classes' names (None for regression).

    values (N,) or (N, K) numbers. Classification: (N,) int64 numbers of the classes in ascending order.
    Regression: (N, K) of `dtype`. With task None, whole numbers of at most 20 kinds, each standing for two rows or more
    on average, are classes; so is a one-hot (N, K) array. `where` begins the sentence of a FormatError.
    """
    if values.dtype.kind not in "biuf":
        raise FormatError(f"{where} has targets of type {values.dtype}; numbers were expected.")
    if not np.isfinite(values).all():
        raise FormatError(f"{where} has a target that is NaN or infinite; remove those rows or fill them in.")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.shape[1] > 1 and task != "regression" and _is_one_hot(values):
        values = values.argmax(axis=1)
        return values.astype(np.int64), _full_names(int(values.max()) + 1, where)
    if values.ndim == 1 and task != "regression" and (task == "classification" or _look_like_classes(values)):
        return _classes(values, where)
    if task == "classification":
        raise FormatError(f"{where} has targets of shape {values.shape}; class numbers (N,) or one-hot were expected.")
    if values.ndim not in (1, 2):
        raise FormatError(f"{where} has targets of shape {values.shape}; (N,) or (N, K) was expected.")
    return values.reshape(len(values), -1).astype(_float(dtype)), None


def class_names_of_texts(texts: list[str], where: str) -> tuple[str, ...]:
    """The sorted different texts as class names; FormatError when there is one, or too many."""
    return _checked_names(tuple(sorted(set(texts))), where)


def _classes(values: Array, where: str) -> tuple[Array, tuple[str, ...]]:
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        raise FormatError(f"{where} has targets that are not whole numbers, so they are no classes; use regression.")
    kinds, numbers = np.unique(values, return_inverse=True)
    names = _checked_names(tuple(str(int(kind)) for kind in kinds), where)
    return numbers.reshape(-1).astype(np.int64), names


def _checked_names(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    if len(names) < 2:
        raise FormatError(f"{where} has only one class, {names[0]!r}; at least two are needed to learn to tell apart.")
    if len(names) > MAX_CLASSES:
        raise FormatError(f"{where} has {len(names):,} different targets, more than {MAX_CLASSES:,} classes.")
    return names


def _full_names(count: int, where: str) -> tuple[str, ...]:
    return _checked_names(tuple(map(str, range(count))), where)


def _look_like_classes(values: Array) -> bool:
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        return False
    kinds = len(np.unique(values))
    return kinds <= _FEW_CLASSES and 2 * kinds <= len(values)


def _is_one_hot(values: Array) -> bool:
    return bool(((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all())


def _float(dtype: DTypeLike) -> np.dtype[np.generic]:
    """The type of values: the one asked for, but never whole numbers."""
    return np.dtype("float64" if np.dtype(dtype) == np.float64 else "float32")
