"""Compares derivatives by backpropagation with numeric ones, stepping around kinks."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid import philox
from pellucid.checks import is_whole, positive
from pellucid.engines import Model, check_data
from pellucid.engines.data import batch_of
from pellucid.errors import InputError, PellucidError
from pellucid.gradient_check.report import TOLERANCE, GradientReport, Row
from pellucid.gradient_check.subjects import Point, Subject, in_float64, subjects_of
from pellucid.ops import Array

DIRECTIONS = 2
STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Step sizes, tried from the largest: relative to the size of what is varied."""
NUDGES = 4
"""How often a point where the derivative jumps is stepped around before the report takes it as it is."""

_EPSILON = float(np.finfo(np.float64).eps)
_LOCATING = 64


def check_gradients(
    model: Model,
    x: Any,
    t: Any,
    *,
    sample_weight: Any = None,
    entries: int | Literal["all"] = 0,
    tolerance: float = TOLERANCE,
    training: bool = True,
    seed: int = 0,
) -> GradientReport:
    """Compares every gradient of a model with central differences, on a float64 copy of it.

    Each gradient g is checked along random directions v: a = Σ g·v against n = dL(p + s·v)/ds, extrapolated from
    differences at two step sizes. `entries` asks for entry by entry instead: so many of each gradient, sampled where
    it has more, or "all". The relative error is

        |a − n| / max(|a|, |n|, ‖g‖ (along directions only), 10⁸ ε |L| / h)

    where the last term is what rounding alone would make look like an error of 10⁻⁸ at the step size h: gradients
    near 0 are compared with that. Where the derivative jumps within reach of the smallest step (ReLU at 0), the point
    is moved a little, and counted. With `training`, Dropout's mask is that of step 0 and stays fixed; without, Dropout
    is off.

    What is counted and not learned, such as a running mean, has no gradient and stays as it is.

    Raises nothing on wrong gradients; InputError where x or t do not fit, or are too few rows for training.
    """
    if entries != "all" and (not is_whole(entries) or entries < 0):
        raise InputError(f"entries must be an integer of 0 or more, or 'all', got {entries!r}.")
    positive("tolerance", tolerance)
    copy = in_float64(model)
    data = check_data(x, t, model, sample_weight)
    if training:
        model.check_batches(data.rows, data.rows)
    batch = batch_of(data, slice(None), copy)
    check = _Check(entries, tolerance, seed)
    with np.errstate(all="ignore"):
        rows = [row for subject in subjects_of(copy, batch, training, seed) for row in check.rows(subject)]
    return GradientReport({row.name: row for row in rows}, tolerance)


@dataclass(frozen=True)
class _Compared:
    """One comparison: the derivative by backpropagation and the numeric one, and whether there is one at all."""

    error: float
    analytic: float
    numeric: float
    smooth: bool


@dataclass(frozen=True)
class _Check:
    entries: int | Literal["all"]
    tolerance: float
    seed: int

    def rows(self, subject: Subject) -> Iterator[Row]:
        for number, name in enumerate(subject.at):
            label, shape = subject.labels[name], subject.at[name].shape
            try:
                gradient = subject.gradients(subject.at).get(name)
                fault = _unusable(gradient, shape)
            except PellucidError:
                raise
            except Exception as error:  # whatever a wrong backward raises is a finding, not a crash
                fault = f"backward raised {type(error).__name__}: {error}"
            yield Row(label, shape, 0, False, math.inf, fault) if fault else self._row(subject, name, number)

    def _row(self, subject: Subject, name: str, number: int) -> Row:
        shape = subject.at[name].shape
        if self.entries:
            chosen = self._chosen(subject.at[name].size, number)
            found = [self._entry(subject, name, int(i)) for i in chosen]
            stepped = sum(count for _, count in found)
            worst = max(range(len(found)), key=lambda k: found[k][0].error)
            where = _place(shape, int(chosen[worst]), found[worst][0])
            return Row(subject.labels[name], shape, len(found), True, found[worst][0].error, where, stepped)
        together = [self._along(subject, name, number, k) for k in range(DIRECTIONS)]
        error = max(compared.error for compared, _ in together)
        where = "along random directions" if error <= self.tolerance else self._locate(subject, name, number)
        return Row(
            subject.labels[name], shape, math.prod(shape), False, error, where, sum(count for _, count in together)
        )

    def _chosen(self, size: int, number: int) -> NDArray[np.int64]:
        if self.entries == "all" or self.entries >= size:
            return np.arange(size)
        order = philox.permutation(self.seed, philox.PROJECTION, 2 + number, size)
        return np.sort(order[: self.entries])

    def _along(self, subject: Subject, name: str, number: int, k: int) -> tuple[_Compared, int]:
        purpose = philox.purpose_of(philox.PROJECTION, (1 << 16) + number)
        direction = philox.normal(self.seed, purpose, k, subject.at[name].shape)
        return self._stepping_around(subject, name, direction)

    def _entry(self, subject: Subject, name: str, index: int) -> tuple[_Compared, int]:
        direction = np.zeros(subject.at[name].shape)
        direction.flat[index] = 1.0
        return self._stepping_around(subject, name, direction)

    def _locate(self, subject: Subject, name: str, number: int) -> str:
        chosen = _Check(_LOCATING, self.tolerance, self.seed)._chosen(subject.at[name].size, number)
        found = [(self._entry(subject, name, int(i))[0], int(i)) for i in chosen]
        compared, index = max(found, key=lambda pair: pair[0].error)
        return _place(subject.at[name].shape, index, compared)

    def _stepping_around(self, subject: Subject, name: str, direction: Array) -> tuple[_Compared, int]:
        at = subject.at
        first = compared = _compare(subject, at, name, direction, self.tolerance)
        for nudge in range(1, NUDGES + 1):
            if compared.smooth:
                return compared, nudge - 1
            at = _nudged(subject.at, self.seed, nudge)
            compared = _compare(subject, at, name, direction, self.tolerance)
        return (compared, NUDGES) if compared.smooth else (first, NUDGES)


def _compare(subject: Subject, at: Point, name: str, direction: Array, tolerance: float) -> _Compared:
    gradient = subject.gradients(at)[name]
    base = at[name]
    direction = direction * _size(base)
    along = float((gradient * direction).sum())
    typical = math.sqrt(float(np.square(gradient).sum())) * _size(base) if np.count_nonzero(direction) > 1 else 0.0
    centre = subject.value(at)

    def value(s: float) -> float:
        return subject.value({**at, name: base + s * direction})

    best = _Compared(math.inf, along, math.nan, False)
    settled, previous = math.inf, _differences(value, centre, STEPS[0])
    for h in STEPS[1:]:
        current = _differences(value, centre, h)
        change = abs(current.slope - previous.slope)
        scale = max(abs(along), abs(current.slope), typical, 1e8 * _EPSILON * current.largest / h)
        if change < settled:
            settled = change
            jumps = current.jump > max(previous.jump / 3, 100 * _EPSILON * current.largest / h, tolerance * scale)
            # A kink between the two smallest steps leaves them apart; one at the point itself leaves a jump.
            smooth = change <= max(tolerance, 1e-8) * scale / 10 and not jumps
            best = _Compared(_relative(along - current.slope, scale), along, current.slope, smooth)
        if settled <= 1e-10 * scale:
            break
        previous = current
    return best


@dataclass(frozen=True)
class _Differences:
    slope: float
    jump: float
    largest: float


def _differences(value: Callable[[float], float], centre: float, h: float) -> _Differences:
    """The slope by Richardson's extrapolation of central differences, and how far the one-sided ones are apart."""
    right, left, half_right, half_left = value(h), value(-h), value(h / 2), value(-h / 2)
    whole, half = (right - left) / (2 * h), (half_right - half_left) / h
    jump = abs(half_right - centre - (centre - half_left)) / (h / 2)
    return _Differences((4 * half - whole) / 3, jump, max(abs(right), abs(left), abs(centre)))


def _relative(difference: float, scale: float) -> float:
    error = abs(difference) / scale if difference else 0.0
    return error if math.isfinite(error) else math.inf


def _size(values: Array) -> float:
    """The root mean square of what is varied; 1 where all of it is 0."""
    mean = float(np.square(values).mean()) if values.size else 0.0
    return math.sqrt(mean) if 0 < mean < math.inf else 1.0


def _nudged(at: Point, seed: int, nudge: int) -> Point:
    """A point nearby: every number moved by about a hundredth of the typical size of its array."""
    moved = {}
    for number, (name, values) in enumerate(at.items()):
        purpose = philox.purpose_of(philox.PROJECTION, (1 << 17) + number)
        moved[name] = values + 0.01 * _size(values) * philox.normal(seed, purpose, nudge, values.shape)
    return moved


def _unusable(gradient: Any, shape: tuple[int, ...]) -> str:
    if gradient is None:
        return "backward gave no such gradient"
    if np.shape(gradient) != shape:
        return f"backward gave the shape {np.shape(gradient)}, not {shape}"
    return ""


def _place(shape: tuple[int, ...], index: int, compared: _Compared) -> str:
    where = [int(i) for i in np.unravel_index(index, shape)]
    return f"{where}: {compared.analytic:.6g}, numerically {compared.numeric:.6g}"
