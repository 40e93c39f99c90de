"""`pellucid reproduce`: the books' experiments, published figures beside measured, with a picture each."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click

from pellucid.cli.run_folder import new_run_folder
from pellucid.errors import InputError
from pellucid.files import write_atomically
from pellucid.reproduce import EXPERIMENTS, Setting, chosen, perform
from pellucid.reproduce.pictures import MISSING, draw
from pellucid.reproduce.report import Outcome, as_markdown, as_text, as_values

TABLE, RESULTS = "table.md", "results.json"


def reproduce(name: str | None, everything: bool, listing: bool, fast: bool, out: str | None) -> bool:
    """Runs the experiments, and returns whether nothing differs from what was published."""
    if listing:
        _list()
        return True
    if name is None and not everything:
        raise InputError("reproduce needs the name of an experiment, or --all; --list shows the names.")
    if name is not None and everything:
        raise InputError(f"give {name!r} or --all, not both.")
    experiments = chosen(name)
    folder = new_run_folder("reproduce", out)
    if fast:
        click.echo("Scaled down to few epochs and small digits: not comparable with the books.")
    outcomes: list[Outcome] = []
    drawn = True
    for experiment in experiments:
        outcome = perform(experiment, Setting(fast))
        outcomes.append(outcome)
        click.echo(as_text(outcome))
        if outcome.result.picture is not None:
            drawn = draw(outcome.result.picture, folder / f"{experiment.name}.png", experiment.title) and drawn
        _write(folder, outcomes)
    if not drawn:
        click.echo(MISSING)
    click.echo(f"run folder: {folder}")
    return all(outcome.agrees for outcome in outcomes)


def _list() -> None:
    for source, group in groupby(EXPERIMENTS.values(), key=lambda experiment: experiment.source):
        click.echo(source)
        for experiment in group:
            click.echo(f"  {experiment.name:<28}{experiment.title}")


def _write(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Writes the table and the numbers as far as they are there, so that a run that is stopped leaves its part."""
    table = as_markdown(outcomes).encode()
    values = (json.dumps([as_values(outcome) for outcome in outcomes], indent=1, ensure_ascii=False) + "\n").encode()
    write_atomically(folder / TABLE, lambda stream: stream.write(table))
    write_atomically(folder / RESULTS, lambda stream: stream.write(values))
