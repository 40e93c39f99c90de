"""The run folder: all that one training run leaves, numbered and never written over without --resume."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid import __version__
from pellucid.cli.settings import Settings
from pellucid.cli.toml import as_toml, read_toml
from pellucid.datasets import KNOWN, Dataset
from pellucid.errors import InputError
from pellucid.files import make_folder, read_json, write_atomically

CONFIG, METRICS, MODEL, CHECKPOINT, DATA, CURVES = (
    "config.toml",
    "metrics.jsonl",
    "model.safetensors",
    "checkpoint.safetensors",
    "data.json",
    "curves.png",
)
RUNS = Path("runs")


@dataclass(frozen=True)
class Described:
    """What a run folder knows about the data that its model was trained on; empty where it knows nothing."""

    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = field(default=())


def new_run_folder(data: str, out: str | None) -> Path:
    """Makes the folder that was asked for, or the next free runs/DATA-001; raises InputError where it is in use."""
    if out is not None:
        folder = Path(out)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{out!r} is there already; give another --out, or --resume to continue that run.")
        make_folder(folder)
        return folder
    make_folder(RUNS)
    name = data_name(data)
    number = max((int(folder.name.rpartition("-")[2]) for folder in numbered_run_folders(name)), default=0)
    while True:
        number += 1
        folder = RUNS / f"{name}-{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:  # Another run has just taken this number.
            continue
        return folder


def stopped_run_folder(data: str | None, out: str | None) -> Path:
    """Returns the folder to continue in: that of --out, else the newest of this data set, or of all."""
    if out is not None:
        folder = Path(out)
        if not (folder / CONFIG).is_file():
            raise InputError(f"there is no run in {out!r} to resume, as it has no {CONFIG}; leave --resume out.")
        return folder
    found = numbered_run_folders(data_name(data)) if data is not None else [*RUNS.glob("*")]
    newest = newest_holding(found, CONFIG)
    if newest is None:
        of = f" of {data}" if data is not None else ""
        raise InputError(f"there is no run{of} below {str(RUNS)!r} to resume; leave --resume out, or give its --out.")
    return newest


def newest_holding(folders: Sequence[Path], name: str) -> Path | None:
    """Returns, of the folders that hold a file of this name, the one whose file was written last; None without any."""
    runs = [folder for folder in folders if (folder / name).is_file()]
    return max(runs, key=lambda folder: (folder / name).stat().st_mtime_ns, default=None)


def data_name(data: str) -> str:
    """Returns the name of a known data set, or of a file without its folders and endings, fit for a folder's name."""
    plain = data.replace("_", "-")
    stem = plain if plain in KNOWN else Path(data).name.split(".")[0]
    return re.sub(r"[^\w-]+", "-", stem).strip("-") or "data"


def numbered_run_folders(name: str) -> list[Path]:
    """Returns the folders runs/NAME-001, runs/NAME-002 and so on that are there."""
    pattern = re.compile(re.escape(name) + r"-\d{3,}")
    return [folder for folder in RUNS.glob("*") if pattern.fullmatch(folder.name)]


def write_config(folder: Path, settings: Settings) -> None:
    """Writes the settings as a TOML file that --config takes."""
    heading = f"A run of Pellucid {__version__}. The same run again: pellucid train --config {folder / CONFIG}"
    _write_text(folder / CONFIG, as_toml(settings.typed(), heading))


def read_config(folder: Path) -> Settings:
    """Returns the settings of a run; raises InputError where the file is not a whole one."""
    try:
        return Settings(**read_toml(folder / CONFIG))
    except TypeError as error:
        raise InputError(f"{str(folder / CONFIG)!r} is not the configuration of a run: {error}.") from None


def write_description(folder: Path, data: Dataset) -> None:
    """Writes the names of classes and columns, which the model does not hold."""
    names = {"name": data.name, "class_names": data.class_names, "feature_names": data.feature_names}
    _write_text(folder / DATA, json.dumps(names, indent=1) + "\n")


def read_description(folder: Path) -> Described:
    """Returns what `write_description` wrote; nothing where there is no such file or it is not one of ours."""
    try:
        names = read_json(folder / DATA)
        return Described(_texts(names["class_names"]), _texts(names["feature_names"]))
    except (InputError, KeyError, TypeError):
        return Described()


def _write_text(path: Path, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    write_atomically(path, lambda stream: stream.write(content))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Returns what each epoch measured, first to last; a half-written last line is left out."""
    path = folder / METRICS
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows
