"""Checks backpropagation against numeric differentiation, in float64, for a whole network and for each of its layers.

Two checks complete each other. Through the whole network, dL/dx and dL/dp are compared with differences of the loss.
Each layer and the loss are then checked on their own, so that a wrong derivative is found where it is, and not only in
everything below it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid import ops, philox
from pellucid.engines import Model, check_data, passes
from pellucid.engines.data import batch_of
from pellucid.errors import InputError, PellucidError, suggest
from pellucid.layers import Named
from pellucid.ops import Array

TOLERANCE = 1e-6
DIRECTIONS = 2
STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Step sizes, tried from the largest: relative to the size of what is varied."""
NUDGES = 4
"""How often a point where the derivative jumps is stepped around before the report takes it as it is."""

_EPSILON = float(np.finfo(np.float64).eps)
_LOCATING = 64

Point = Mapping[str, Array]


@dataclass(frozen=True)
class Row:
    """One gradient: how many of its entries were checked, the largest relative error, and where that is.

    `stepped` counts the points that were stepped around, because the function has a kink there.
    """

    name: str
    shape: tuple[int, ...]
    entries: int
    one_by_one: bool
    error: float
    where: str
    stepped: int = 0

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def checked(self) -> str:
        if self.one_by_one:
            return f"{self.entries:,} of {self.size:,}"
        return f"{self.entries:,} together" if self.entries else "none"


@dataclass(frozen=True)
class GradientReport:
    """What a gradient check found; prints as a table that ends in one line of verdict.

    `rows` by name: "x" and "0.W" (through the whole network), then "layer 0 (Affine): dW" (on its own).
    """

    rows: Mapping[str, Row]
    tolerance: float = TOLERANCE

    @property
    def ok(self) -> bool:
        """Whether every relative error is within the tolerance."""
        return not self.faults

    @property
    def faults(self) -> list[Row]:
        """The wrong gradients, where they arise: those of layers on their own, or else those of the whole network."""
        wrong = [row for row in self.rows.values() if not row.error <= self.tolerance]
        return [row for row in wrong if ":" in row.name] or wrong

    @property
    def worst(self) -> Row:
        """The row with the largest relative error; among wrong ones, one that says where the fault arises."""
        return max(self.faults or self.rows.values(), key=lambda row: row.error)

    @property
    def stepped(self) -> int:
        """How many points were stepped around because the derivative jumps there."""
        return sum(row.stepped for row in self.rows.values())

    def __getitem__(self, name: str) -> Row:
        try:
            return self.rows[name]
        except KeyError:
            raise InputError(f"the report has no {name!r}; {suggest(name, self.rows)}") from None

    @property
    def verdict(self) -> str:
        around = f"; {self.stepped} points without a derivative stepped around" if self.stepped else ""
        if self.ok:
            return (
                f"OK: all {len(self.rows)} gradients agree with numeric differentiation, largest relative error "
                f"{self.worst.error:.1e} ({self.worst.name}){around}."
            )
        named = ", ".join(f"{row.name} ({row.error:.1e} at {row.where})" for row in self.faults)
        return f"WRONG: {named}; at most {self.tolerance:.0e} was expected{around}."

    def __str__(self) -> str:
        return "\n".join([*self._table(), self.verdict])

    def _table(self) -> Iterator[str]:
        width = max(len(row.name) for row in self.rows.values())
        yield f"{'gradient':<{width}}  {'entries checked':>18}  {'relative error':>14}  where"
        for row in self.rows.values():
            mark = "" if row.error <= self.tolerance else "  <-- wrong"
            yield f"{row.name:<{width}}  {row.checked:>18}  {row.error:>14.1e}  {row.where}{mark}"


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

    Raises nothing on wrong gradients; InputError where x or t do not fit.
    """
    if entries != "all" and (isinstance(entries, bool) or not isinstance(entries, int) or entries < 0):
        raise InputError(f"entries must be an integer of 0 or more, or 'all', got {entries!r}.")
    if not 0 < tolerance < math.inf:
        raise InputError(f"tolerance must be a finite number above 0, got {tolerance!r}.")
    copy = _in_float64(model)
    batch = batch_of(check_data(x, t, model, sample_weight), slice(None), copy)
    check = _Check(entries, tolerance, seed)
    with np.errstate(all="ignore"):
        rows = [row for subject in _subjects(copy, batch, training, seed) for row in check.rows(subject)]
    return GradientReport({row.name: row for row in rows}, tolerance)


def _in_float64(model: Model) -> Model:
    copy = Model(model.layers, model.loss, model.input_shape, model.seed, np.dtype(np.float64))
    for name, values in model.parameters.items():
        copy.parameters[name][...] = values
    return copy


# What is checked -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Subject:
    """A number that depends on some arrays, with its gradient by backpropagation. `labels` are the rows' names."""

    at: Point
    labels: Mapping[str, str]
    value: Callable[[Point], float]
    gradients: Callable[[Point], Mapping[str, Array]]


def _subjects(model: Model, batch: tuple[Array, Array, Array], training: bool, seed: int) -> Iterator[_Subject]:
    x, t, weight = batch
    if t.ndim == 1:
        t = ops.one_hot(t, classes=model.output_shape[0], dtype=model.dtype)
    yield _network(model, x, t, weight, training)
    done = passes.forward(model, model.parameters, x, training)
    for index in range(len(model.layers)):
        yield _layer(model, index, done.values[index], done.values[index + 1].shape, training, seed)
    yield _loss(model, done.output, t, seed)


def _network(model: Model, x: Array, t: Array, weight: Array, training: bool) -> _Subject:
    loss = model.loss
    assert loss is not None, "checked by check_data"

    def value(at: Point) -> float:
        row_losses, _ = loss.forward(passes.forward(model, at, at["x"], training).output, t)
        return float(ops.sum_all(row_losses * ops.mean_weights(weight)))

    def gradients(at: Point) -> Mapping[str, Array]:
        done = passes.forward(model, at, at["x"], training)
        result = passes.backward(model, loss, at, done, t, weight)
        return {"x": result.deltas[0], **result.gradients}

    at = {"x": x, **{name: np.array(values) for name, values in model.parameters.items()}}
    return _Subject(at, {name: name for name in at}, value, gradients)


def _layer(model: Model, index: int, x: Array, output: tuple[int, ...], training: bool, seed: int) -> _Subject:
    layer, mode = model.layers[index], model.mode(index, training)
    dy = philox.normal(seed, philox.purpose_of(philox.PROJECTION, 1 + index), 0, output)

    def value(at: Point) -> float:
        return float((layer.forward(_parameters(at), at["dx"], mode)[0] * dy).sum())

    def gradients(at: Point) -> Mapping[str, Array]:
        p = _parameters(at)
        dx, own = layer.backward(p, layer.forward(p, at["dx"], mode)[1], dy)
        return {"dx": dx, **{f"d{name}": gradient for name, gradient in own.items()}}

    own = model.own(index, model.parameters)
    at = {"dx": x, **{f"d{name}": np.array(values) for name, values in own.items()}}
    return _Subject(at, {name: f"{model.name_of(index)}: {name}" for name in at}, value, gradients)


def _parameters(at: Point) -> Named:
    return Named({name[1:]: values for name, values in at.items() if name != "dx"})


def _loss(model: Model, y: Array, t: Array, seed: int) -> _Subject:
    loss = model.loss
    assert loss is not None, "checked by check_data"
    share = philox.normal(seed, philox.PROJECTION, 1, (len(y), 1))

    def value(at: Point) -> float:
        return float((loss.forward(at["dy"], t)[0] * share).sum())

    def gradients(at: Point) -> Mapping[str, Array]:
        return {"dy": loss.backward(loss.forward(at["dy"], t)[1]) * share}

    return _Subject({"dy": y}, {"dy": f"loss ({type(loss).__name__}): dy"}, value, gradients)


# How it is checked ---------------------------------------------------------------------------------------------------


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

    def rows(self, subject: _Subject) -> Iterator[Row]:
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

    def _row(self, subject: _Subject, name: str, number: int) -> Row:
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

    def _along(self, subject: _Subject, name: str, number: int, k: int) -> tuple[_Compared, int]:
        purpose = philox.purpose_of(philox.PROJECTION, (1 << 16) + number)
        direction = philox.normal(self.seed, purpose, k, subject.at[name].shape)
        return self._stepping_around(subject, name, direction)

    def _entry(self, subject: _Subject, name: str, index: int) -> tuple[_Compared, int]:
        direction = np.zeros(subject.at[name].shape)
        direction.flat[index] = 1.0
        return self._stepping_around(subject, name, direction)

    def _locate(self, subject: _Subject, name: str, number: int) -> str:
        chosen = _Check(_LOCATING, self.tolerance, self.seed)._chosen(subject.at[name].size, number)
        found = [(self._entry(subject, name, int(i))[0], int(i)) for i in chosen]
        compared, index = max(found, key=lambda pair: pair[0].error)
        return _place(subject.at[name].shape, index, compared)

    def _stepping_around(self, subject: _Subject, name: str, direction: Array) -> tuple[_Compared, int]:
        at = subject.at
        first = compared = _compare(subject, at, name, direction, self.tolerance)
        for nudge in range(1, NUDGES + 1):
            if compared.smooth:
                return compared, nudge - 1
            at = _nudged(subject.at, self.seed, nudge)
            compared = _compare(subject, at, name, direction, self.tolerance)
        return (compared, NUDGES) if compared.smooth else (first, NUDGES)


def _compare(subject: _Subject, at: Point, name: str, direction: Array, tolerance: float) -> _Compared:
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


__all__ = ["GradientReport", "Row", "check_gradients"]
