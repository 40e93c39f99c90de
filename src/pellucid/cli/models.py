"""MODEL as it is typed, a file or a run folder; and the rows to run it on."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.cli.names import PARTS
from pellucid.cli.run_folder import MODEL, Described, read_description
from pellucid.datasets import KNOWN, Dataset, by_name
from pellucid.errors import FormatError, InputError, suggest
from pellucid.network import Network

Rows = NDArray[Any]


def column(target: str | None) -> str | int | None:
    """Returns the column as a number where a number was typed."""
    if target is None:
        return None
    return int(target) if target.lstrip("-").isdecimal() else target


def load_model(model: str, engine: str | None = None, threads: int | None = None) -> tuple[Network, Described]:
    """Returns the network of a file or run folder, and what the run folder knows about its data.

    Raises:
        InputError: there is no such file; CheckpointError: it holds no network.
    """
    path = Path(model)
    if path.is_dir():
        path = path / MODEL
    if not path.is_file():
        raise InputError(f"there is no model {str(path)!r}; give a .safetensors file or a run folder, as train makes.")
    network = Network.load(path, engine=engine or "auto", threads=threads)
    return network, read_description(path.parent)


def part_of(data: Dataset, part: str) -> tuple[Rows, Rows]:
    """Returns x and t of one part; raises InputError where it is unknown or has no rows."""
    if part not in PARTS:
        raise InputError(f"there is no part {part!r}; {suggest(part, PARTS)}")
    x, t = {"train": data.train, "validation": data.validation, "test": data.test}[part]
    if not len(x):
        raise InputError(f"the {part} part of {data.name} has no rows; give another --part.")
    return x, t


def fitting(x: Rows, network: Network, name: str) -> Rows:
    """Returns x with each row in the network's input shape; raises InputError where the numbers per row differ."""
    wanted = int(np.prod(network.input_shape))
    if x.shape[1] != wanted:
        raise InputError(f"the model takes {wanted} features, but {name} has {x.shape[1]}.")
    return x.reshape(len(x), *network.input_shape)


def rows_to_predict(name: str, target: str | int | None, inputs: int) -> tuple[Rows, tuple[str, ...] | None]:
    """Returns x (N, features) to predict, and the columns' names where known.

    A known name gives its test part. A file gives all its rows; its targets, where it has any, are left out.
    """
    path = Path(name)
    if name.replace("_", "-") in KNOWN or not path.is_file():
        data = by_name(name, target=target)
        return part_of(data, "test")[0], data.feature_names
    plain = path.name.lower().removesuffix(".gz")
    if plain.endswith((".csv", ".tsv", ".txt", ".data")):
        return _rows_of_csv(path, target, inputs)
    if plain.endswith(".npz"):
        return _rows_of_npz(path), None
    if "idx" in plain:
        return _rows_of_idx(path), None
    data = by_name(name, target=target)
    return np.concatenate([data.train[0], data.validation[0], data.test[0]]), data.feature_names


def _rows_of_csv(path: Path, target: str | int | None, inputs: int) -> tuple[Rows, tuple[str, ...]]:
    from pellucid.datasets.csv_file import read_csv

    table = read_csv(path, target=target, header=None)
    if target is None and len(table.feature_names) == inputs - 1 and table.class_names is None:
        # One column is missing just because the last was taken for the target: there is no target in this file.
        first = read_csv(path, target=0, header=None)
        last = first.x[:, -1:]
        return np.concatenate([table.x, last], axis=1), (*table.feature_names, first.feature_names[-1])
    return table.x, table.feature_names


def _rows_of_npz(path: Path) -> Rows:
    from pellucid.datasets.npz import read_npz

    arrays = read_npz(path)
    named = next((arrays[name] for name in ("x", "X", "x_test", "X_test") if name in arrays), None)
    if named is None:
        raise FormatError(f"{str(path)!r} has no array x; it has {', '.join(list(arrays)[:10]) or 'none'}.")
    return _flat(named, path)


def _rows_of_idx(path: Path) -> Rows:
    from pellucid.datasets.idx import read_idx

    return _flat(read_idx(path), path)


def _flat(x: Rows, path: Path) -> Rows:
    """Rows of numbers, bytes brought to 0 to 1 as `datasets.load` does it."""
    if x.ndim < 2 or not x.size:
        raise FormatError(f"{str(path)!r} has inputs of shape {x.shape}; (N, features) or images were expected.")
    rows = x.reshape(len(x), -1)
    return rows.astype(np.float32) / 255 if rows.dtype == np.uint8 else rows
