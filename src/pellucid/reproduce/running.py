"""Finds experiments by name and runs them."""

import time
from typing import Any

from pellucid.errors import InputError, suggest
from pellucid.reproduce import book, book6, book7, book8, nielsen1, nielsen3, nielsen5, nielsen6, notebooks, single
from pellucid.reproduce.experiment import NOT_YET, Experiment, Result, Row
from pellucid.reproduce.report import Outcome
from pellucid.reproduce.setting import Setting

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for book_or_chapter in (nielsen1, nielsen3, nielsen5, nielsen6, book, book6, book7, book8, notebooks, single)
    for experiment in book_or_chapter.EXPERIMENTS
}


def chosen(name: str | None) -> list[Experiment]:
    """Returns the experiment of a name, or all whose names begin with it; all for None.

    Raises:
        InputError: there is none, with the nearest name.
    """
    if name is None:
        return list(EXPERIMENTS.values())
    if name in EXPERIMENTS:
        return [EXPERIMENTS[name]]
    found = [experiment for known, experiment in EXPERIMENTS.items() if name and known.startswith(name)]
    if not found:
        raise InputError(f"there is no experiment {name!r}; {suggest(name, EXPERIMENTS)}")
    return found


def perform(experiment: Experiment, setting: Setting) -> Outcome:
    """Runs one experiment; where the package that it needs is missing, its only row says so."""
    start = time.perf_counter()
    try:
        result = experiment.run(setting)
    except ImportError as error:
        if not experiment.needs or not (error.name or "").startswith(experiment.needs):
            raise
        note = f"needs {experiment.needs}: pip install 'pellucid[{experiment.needs}]'"
        result = Result([Row(experiment.title, "", "", NOT_YET, note)])
    return Outcome(experiment, result, time.perf_counter() - start, setting.fast)


def outcomes_of(values: Any, setting: Setting) -> dict[str, Outcome]:
    """Returns the outcomes, by the experiment's name, that `as_values` made these of; without their pictures.

    Raises:
        InputError: they are no outcomes, or scaled down where the setting is not, or the other way round.
    """
    try:
        found = {
            one["name"]: Outcome(
                EXPERIMENTS[one["name"]],
                Result([Row(**row) for row in one["rows"]], [int(seed) for seed in one["seeds"]]),
                float(one["seconds"]),
                bool(one["fast"]),
            )
            for one in values
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"these are not the results of experiments ({error!r}); leave --resume out.") from None
    if any(outcome.fast != setting.fast for outcome in found.values()):
        raise InputError(
            f"the run to resume was {'in full' if setting.fast else 'scaled down'}; "
            f"{'leave --fast out' if setting.fast else 'add --fast'}, or give another --out."
        )
    return found
