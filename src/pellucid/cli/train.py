"""`pellucid train`: from settings to a run folder."""

from pathlib import Path
from typing import Any, NoReturn

import click

from pellucid.cli import run_folder
from pellucid.cli.app import INTERRUPTED
from pellucid.cli.building import build_optimizer
from pellucid.cli.curves import MISSING, draw_curves
from pellucid.cli.epoch_lines import NielsenLines
from pellucid.cli.models import column
from pellucid.cli.report import conclusion, how_to_resume, introduction
from pellucid.cli.runs import Run, begun, continued
from pellucid.cli.settings import checked
from pellucid.cli.toml import read_toml
from pellucid.datasets.dataset import Part
from pellucid.errors import NotFiniteError
from pellucid.training import Callback, Checkpoint, EarlyStopping, History, JSONLLogger

_SECONDS_BETWEEN_CHECKPOINTS = 1


def train(config: str | None, resume: bool, **typed: Any) -> None:
    """Trains, tests, and prints where the run folder is; see `pellucid train --help`."""
    typed["target"] = column(typed["target"])
    given = (read_toml(Path(config)) if config else {}) | checked(typed)
    out = given.pop("out", None)
    quiet = given.pop("quiet", False)
    epoch_lines = given.pop("epoch_lines", False)
    run = continued(given, out, epoch_lines) if resume else begun(given, out, epoch_lines)
    lines = NielsenLines(run.data.test) if epoch_lines else None
    if not quiet:
        click.echo(introduction(run))
    history = _kept(run, lines, quiet)
    drawn = draw_curves(run.folder / run_folder.CURVES, run_folder.read_metrics(run.folder))
    if history.interrupted:
        _say_stopped(run)
    if not quiet:
        click.echo(conclusion(run, history, lines))
        if not drawn:
            click.echo(MISSING)


def _kept(run: Run, lines: NielsenLines | None, quiet: bool) -> History:
    """Trains, and keeps the network in the run folder, however training ended."""
    model = run.folder / run_folder.MODEL
    try:
        history = _fit(run, lines, quiet)
    except NotFiniteError as error:
        run.network.save(model)
        raise NotFiniteError(f"{error} They are kept in {run.folder}.") from error
    except KeyboardInterrupt:  # A second Ctrl-C: not even the parameters are sure to be whole, but the checkpoint is.
        _say_stopped(run)
    run.network.save(model)
    return history


def _say_stopped(run: Run) -> NoReturn:
    click.echo(how_to_resume(run), err=True)
    raise click.exceptions.Exit(INTERRUPTED)


def _fit(run: Run, lines: NielsenLines | None, quiet: bool) -> History:
    settings, (x, t) = run.settings, run.data.train
    checkpoint = run.folder / run_folder.CHECKPOINT
    callbacks: list[Callback] = [
        JSONLLogger(run.folder / run_folder.METRICS),
        Checkpoint(checkpoint, every_seconds=_SECONDS_BETWEEN_CHECKPOINTS),
    ]
    if lines is not None:
        callbacks.append(lines)
    if settings.patience is not None:
        callbacks.append(EarlyStopping(patience=settings.patience))
    return run.network.fit(
        x,
        t,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        optimizer=build_optimizer(settings),
        validation_data=_own_validation(run),
        validation_fraction=settings.validation_fraction or None,
        resume=checkpoint if run.resumed and checkpoint.exists() else None,
        callbacks=callbacks,
        verbose=0 if quiet or lines is not None else "auto",
    )


def _own_validation(run: Run) -> Part | None:
    """The data set's own validation part, unless a share of the training rows was asked for, be it 0."""
    if run.settings.validation_fraction is not None or not len(run.data.validation[0]):
        return None
    return run.data.validation
