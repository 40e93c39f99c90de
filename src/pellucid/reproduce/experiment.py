"""What an experiment is: a name, a source, and a function that gives rows of published beside measured figures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.reproduce.setting import Setting

WITHIN, DIFFERS, SHOWN, NOT_YET, SCALED = "within", "differs", "shown", "not yet", "scaled"
"""Verdicts: agrees with what was published; does not; nothing was published; cannot be run yet; run scaled down."""

Picture = Callable[[Any], None]
"""Draws into a matplotlib Figure."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    published: str
    measured: str
    verdict: str
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What an experiment gave: rows, the seeds that it ran with, and its picture."""

    rows: Sequence[Row]
    seeds: Sequence[int] = ()
    picture: Picture | None = None


@dataclass(frozen=True)
class Experiment:
    """A recipe: `run` is given the setting and returns the result. `needs` names an extra that it cannot do without."""

    name: str
    title: str
    source: str
    run: Callable[[Setting], Result] = field(repr=False)
    needs: str = ""


def compare(
    what: str, published: float, measured: Iterable[float], setting: Setting, note: str = "", unit: str = " %"
) -> Row:
    """Returns the row of a figure that differs from run to run, measured with several seeds.

    Within: the published figure lies between the least and the largest measured, or outside by less than these two
    are apart (at least 0.1), which is how far one more run may easily lie.
    """
    values = [float(value) for value in measured]
    low, high = min(values), max(values)
    reach = max(high - low, 0.1 if unit == " %" else 0.0)
    within = low - reach <= published <= high + reach
    verdict = SCALED if setting.fast else WITHIN if within else DIFFERS
    return Row(what, _figure(published, unit), _range(values, unit), verdict, note)


def shown(what: str, measured: Iterable[float], note: str = "", unit: str = " %") -> Row:
    """Returns the row of a figure for which the book gives none."""
    return Row(what, "no figure", _range([float(value) for value in measured], unit), SHOWN, note)


def claim(what: str, published: str, measured: str, holds: bool, setting: Setting, note: str = "") -> Row:
    """Returns the row of something said in words, and whether it holds here."""
    return Row(what, published, measured, SCALED if setting.fast else WITHIN if holds else DIFFERS, note)


def exact(what: str, published: Any, measured: Any, digits: int, note: str = "") -> Row:
    """Returns the row of printed numbers, which must agree to the last digit shown."""
    printed, ours = np.asarray(published, np.float64), np.asarray(measured, np.float64)
    same = printed.shape == ours.shape and bool((np.round(ours, digits) == printed).all())
    return Row(what, _numbers(printed, digits), _numbers(ours, digits), WITHIN if same else DIFFERS, note)


def _range(values: Sequence[float], unit: str) -> str:
    if len(values) == 1:
        return _figure(values[0], unit)
    return f"{_figure(min(values), unit).removesuffix(unit)} to {_figure(max(values), unit)}"


def _figure(value: float, unit: str) -> str:
    return f"{value:.2f} %" if unit == " %" else f"{value:.3g}{unit}"


def _numbers(values: np.ndarray[Any, Any], digits: int) -> str:
    if values.ndim > 1:
        return "; ".join(_numbers(row, digits) for row in values)
    texts = (f"{value:.{digits}f}" for value in np.atleast_1d(values))
    return " ".join(text.rstrip("0").rstrip(".") if digits else text for text in texts)
