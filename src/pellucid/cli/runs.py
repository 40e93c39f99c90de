"""A run made ready: a new one from settings, or one that was stopped; all is checked before the disk is touched."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.cli import run_folder
from pellucid.cli.building import build_network, build_optimizer, check_sizes, measure_columns
from pellucid.cli.defaults import resolve
from pellucid.cli.settings import Settings
from pellucid.datasets import Dataset, by_name
from pellucid.engines import check_data
from pellucid.errors import InputError
from pellucid.network import Network

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


def begun(given: dict[str, Any], out: str | None, epoch_lines: bool) -> Run:
    """Returns a new run in a new folder; raises InputError where the settings do not fit the data or each other."""
    if "data" not in given:
        raise InputError("train needs DATA, a known name or a file: pellucid train digits.")
    data = by_name(given["data"], target=given.get("target"))
    settings, network = _prepared(resolve(given, data), data, epoch_lines)
    folder = run_folder.new_run_folder(settings.data, out)
    run_folder.write_config(folder, settings)
    run_folder.write_description(folder, data)
    return Run(settings, data, network, folder, False)


def continued(given: dict[str, Any], out: str | None, epoch_lines: bool) -> Run:
    """Returns the run of a folder; raises InputError where there is none, or where a setting is to be another one."""
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
    if settings.standardize:
        measure_columns(network, data)
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
