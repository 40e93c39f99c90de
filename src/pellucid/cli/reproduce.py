"""`pellucid reproduce`: the books' experiments, published figures beside measured, with a picture each."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import click

from pellucid.cli.run_folder import RUNS, new_run_folder, newest_holding, numbered_run_folders
from pellucid.errors import InputError
from pellucid.files import read_json, write_atomically, write_json
from pellucid.reproduce import EXPERIMENTS, Setting, chosen, outcomes_of, perform
from pellucid.reproduce.pictures import MISSING, draw
from pellucid.reproduce.report import Outcome, as_markdown, as_text, as_values

TABLE, RESULTS = "table.md", "results.json"


def reproduce(name: str | None, everything: bool, listing: bool, fast: bool, out: str | None, resume: bool) -> bool:
    """Runs the experiments, and returns whether nothing differs from what was published.

    To resume is to leave out what the folder has results of.
    """
    if listing:
        _list()
        return True
    if name is None and not everything:
        raise InputError("reproduce needs the name of an experiment, or --all; --list shows the names.")
    if name is not None and everything:
        raise InputError(f"give {name!r} or --all, not both.")
    experiments = chosen(name)
    folder = _folder_to_resume(out) if resume else new_run_folder("reproduce", out)
    setting = Setting(fast, folder)
    done = outcomes_of(read_json(folder / RESULTS), setting) if resume else {}
    if fast:
        click.echo("Scaled down to few epochs and small digits: not comparable with the books.")
    _write(folder, done)
    drawn = True
    for experiment in experiments:
        if experiment.name not in done:
            done[experiment.name] = perform(experiment, setting)
        outcome = done[experiment.name]
        click.echo(as_text(outcome))
        if outcome.result.picture is not None:
            drawn = draw(outcome.result.picture, folder / f"{experiment.name}.png", experiment.title) and drawn
        _write(folder, done)
    if not drawn:
        click.echo(MISSING)
    click.echo(f"run folder: {folder}")
    return all(done[experiment.name].agrees for experiment in experiments)


def _folder_to_resume(out: str | None) -> Path:
    """Returns the folder of --out, else the newest of `reproduce`; raises InputError where there is none."""
    folder = newest_holding([Path(out)] if out is not None else numbered_run_folders("reproduce"), RESULTS)
    if folder is None:
        where = f"in {out!r}" if out is not None else f"below {str(RUNS)!r}"
        raise InputError(f"there is no run of reproduce {where} to resume, with {RESULTS} in it; leave --resume out.")
    return folder


def _list() -> None:
    for source, group in groupby(EXPERIMENTS.values(), key=lambda experiment: experiment.source):
        click.echo(source)
        for experiment in group:
            click.echo(f"  {experiment.name:<28}{experiment.title}")


def _write(folder: Path, done: Mapping[str, Outcome]) -> None:
    """Writes the table and the numbers as far as they are there, so that a run that is stopped leaves its part."""
    outcomes = [done[name] for name in EXPERIMENTS if name in done]
    table = as_markdown(outcomes).encode()
    write_atomically(folder / TABLE, lambda stream: stream.write(table))
    write_json(folder / RESULTS, [as_values(outcome) for outcome in outcomes])
