"""`pellucid train`: from settings to a run folder."""

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pellucid.cli import run_folder
from pellucid.cli.building import build_network, build_optimizer, check_sizes
from pellucid.cli.curves import MISSING, draw_curves
from pellucid.cli.defaults import resolve
from pellucid.cli.epoch_lines import NielsenLines
from pellucid.cli.evaluate import percent, sentence
from pellucid.cli.models import column
from pellucid.cli.settings import Settings, checked
from pellucid.cli.toml import read_toml
from pellucid.datasets import Dataset, by_name
from pellucid.datasets.dataset import Part
from pellucid.engines import check_data
from pellucid.errors import InputError, NotFiniteError
from pellucid.network import Network
from pellucid.training import Callback, Checkpoint, EarlyStopping, History, JSONLLogger

INTERRUPTED = 130
_MAY_CHANGE = ("epochs", "threads")
"""What a resumed run may have otherwise than before: neither changes an epoch that is done."""


@dataclass(frozen=True)
class Run:
    """A run about to begin or to go on: its settings, data, network, and folder."""

    settings: Settings
    data: Dataset
    network: Network
    folder: Path
    resumed: bool


def train(config: str | None, resume: bool, **typed: Any) -> None:
    """Trains, tests, and prints where the run folder is; see `pellucid train --help`."""
    typed["target"] = column(typed["target"])
    given = (read_toml(Path(config)) if config else {}) | checked(typed)
    out = given.pop("out", None)
    quiet = given.pop("quiet", False)
    epoch_lines = given.pop("epoch_lines", False)
    run = _continued(given, out, epoch_lines) if resume else _begun(given, out, epoch_lines)
    if not quiet:
        click.echo(_introduction(run))
    lines = NielsenLines(run.data.test) if epoch_lines else None
    try:
        history = _fit(run, lines, quiet)
    except NotFiniteError as error:
        run.network.save(run.folder / run_folder.MODEL)
        raise NotFiniteError(f"{error} They are kept in {run.folder}.") from error
    run.network.save(run.folder / run_folder.MODEL)
    drawn = draw_curves(run.folder / run_folder.CURVES, run_folder.read_metrics(run.folder))
    if history.interrupted:
        click.echo(_how_to_resume(run, history), err=True)
        raise click.exceptions.Exit(INTERRUPTED)
    if not quiet:
        click.echo(_conclusion(run, history, lines))
        if not drawn:
            click.echo(MISSING)


def _fit(run: Run, lines: NielsenLines | None, quiet: bool) -> History:
    settings, (x, t) = run.settings, run.data.train
    checkpoint = run.folder / run_folder.CHECKPOINT
    callbacks: list[Callback] = [JSONLLogger(run.folder / run_folder.METRICS), Checkpoint(checkpoint, every_seconds=2)]
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


def _how_to_resume(run: Run, history: History) -> str:
    return (
        f"Stopped in epoch {len(history.epochs)}; the run so far is kept in {run.folder}. "
        f"To continue: pellucid train --resume --out {shlex.quote(str(run.folder))}"
    )


def _conclusion(run: Run, history: History, lines: NielsenLines | None) -> str:
    said = []
    if lines is not None and lines.right:
        epoch, right = lines.best()
        rows = len(run.data.test[0])
        said.append(f"best epoch on the test part: {epoch}, with {right:,} of {rows:,} right ({percent(right / rows)})")
    said += _best_epoch(history)
    if history.stopped_by:
        said.append(f"ended early: {history.stopped_by}")
    if len(run.data.test[0]):
        said.append(f"test: {sentence(run.network.evaluate(*run.data.test), len(run.data.test[0]))}")
    return "\n".join([*said, f"run folder: {run.folder}"])


def _best_epoch(history: History) -> list[str]:
    """The best epoch by the validation part, else by the training rows; by accuracy where there is one."""
    for metric in ("validation_accuracy", "validation_loss", "accuracy", "loss"):
        if metric in history:
            epoch, value = history.best(metric)
            shown = percent(value) if metric.endswith("accuracy") else f"{value:.4g}"
            name = metric.replace("_", " ") if metric.startswith("validation") else f"training {metric}"
            return [f"best epoch: {epoch} of 0 to {history.epochs[-1]}, {name} {shown}"]
    return []


def _begun(given: dict[str, Any], out: str | None, epoch_lines: bool) -> Run:
    if "data" not in given:
        raise InputError("train needs DATA, a known name or a file: pellucid train digits.")
    data = by_name(given["data"], target=given.get("target"))
    settings, network = _prepared(resolve(given, data), data, epoch_lines)
    folder = run_folder.new_run_folder(settings.data, out)
    run_folder.write_config(folder, settings)
    run_folder.write_description(folder, data)
    return Run(settings, data, network, folder, False)


def _continued(given: dict[str, Any], out: str | None, epoch_lines: bool) -> Run:
    folder = run_folder.stopped_run_folder(given.get("data"), out)
    before = run_folder.read_config(folder)
    if given.get("engine") == "auto":
        del given["engine"]
    for name, value in given.items():
        if name not in _MAY_CHANGE and value != getattr(before, name):
            raise InputError(
                f"{name} was {getattr(before, name)!r} in {folder}, got {value!r}; a resumed run keeps its settings, "
                "so leave it out, or begin a new run without --resume."
            )
    after = dataclasses.replace(before, **{name: given[name] for name in _MAY_CHANGE if name in given})
    data = by_name(after.data, target=after.target)
    settings, network = _prepared(after, data, epoch_lines)
    if settings != before:
        run_folder.write_config(folder, settings)
    return Run(settings, data, network, folder, True)


def _prepared(settings: Settings, data: Dataset, epoch_lines: bool) -> tuple[Settings, Network]:
    """The network, and the settings with the engine that runs it: each engine has bits of its own."""
    # Nothing is made on the disk before all is known to be good.
    check_sizes(settings, data)
    network = build_network(settings, classification=data.task == "classification")
    check_data(*data.train, network.model)
    build_optimizer(settings)
    _check_parts(settings, data, epoch_lines)
    return dataclasses.replace(settings, engine=network.engine), network


def _check_parts(settings: Settings, data: Dataset, epoch_lines: bool) -> None:
    rows, share = len(data.train[0]), settings.validation_fraction
    held_out = len(data.validation[0]) if share is None else round(rows * share)
    if share and not 0 < held_out < rows:
        raise InputError(
            f"validation_fraction {share:g} of {rows:,} training rows is {held_out:,} rows; give another share, or 0."
        )
    if settings.patience is not None and not held_out:
        raise InputError("patience watches the validation loss, but no rows are held out; give a validation_fraction.")
    if epoch_lines and (data.task != "classification" or not len(data.test[0])):
        raise InputError(f"--epoch-lines counts right answers on a test part of classes, which {data.name} lacks.")


def _introduction(run: Run) -> str:
    settings, data = run.settings, run.data
    rows = f"{len(data.train[0]):,} rows to train on"
    return "\n".join(
        [
            f"{data.name}: {rows}, {len(data.validation[0]):,} to validate, {len(data.test[0]):,} to test",
            f"network {'-'.join(map(str, settings.layers))} {settings.activation}, {settings.loss}, "
            f"{run.network.parameters.count:,} parameters, {settings.dtype}, {settings.engine} engine",
            f"{settings.optimizer}, learning rate {settings.learning_rate:g}, batches of {settings.batch_size}, "
            f"{settings.epochs} epochs, seed {settings.seed}",
        ]
    )
