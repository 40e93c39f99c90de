"""Keeping a network in a file: safetensors for the numbers, JSON in its metadata for everything else.

The parameters stand under their own names ("0.W"), so that any safetensors reader finds them. A checkpoint of a run in
progress holds more arrays (the optimizer's memory) and a second table, "training"; it loads as a network all the same.
Nothing in a file is executed, nothing is allocated that the file's own size does not cover, and a checksum over all of
it catches a single wrong byte.
"""

import json
import os
import stat
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import initializers, layers, losses
from pellucid.description import build, describe
from pellucid.engines import Model
from pellucid.errors import CheckpointError, InputError
from pellucid.files import write_atomically
from pellucid.layers import Layer
from pellucid.layers.graph import Graph
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.parameters import Parameters

VERSION = 1
_TYPES = {"F32": "float32", "F64": "float64"}


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds, as read: the network's description, its parameters, and what a run in progress added."""

    network: dict[str, Any]
    parameters: dict[str, Array]
    training: dict[str, Any] | None
    arrays: dict[str, Array]


@dataclass(frozen=True)
class Loaded:
    """A network's parts, made from a file."""

    layers: Graph
    loss: Loss | None
    input_shape: tuple[int, ...]
    seed: int
    dtype: np.dtype[Any]
    parameters: dict[str, Array]


def describe_model(model: Model) -> dict[str, Any]:
    """Returns what makes a model, without its numbers, as plain values that are equal after a way through JSON.

    "inputs" is there only where the layers are no chain, each reading what the one before it makes.
    """
    chain = all(numbers == (index,) for index, numbers in enumerate(model.inputs))
    return {
        "layers": [plain_description(layer) for layer in model.layers],
        **({} if chain else {"inputs": [list(numbers) for numbers in model.inputs]}),
        "loss": None if model.loss is None else plain_description(model.loss),
        "input_shape": list(model.input_shape),
        "seed": model.seed,
        "dtype": model.dtype.name,
    }


def plain_description(thing: Any) -> Any:
    """Returns the description of a layer, a loss or an optimizer as it comes back from JSON.

    Raises:
        InputError: a field of it cannot be written as JSON.
    """
    try:
        return through_json(describe(thing))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{type(thing).__name__} cannot be kept in a checkpoint ({error}); its fields must be numbers, strings, "
            "lists, tables or such objects themselves."
        ) from None


def through_json(value: Any) -> Any:
    """Returns a value as it comes back from JSON: tuples as lists, NumPy's numbers as Python's."""
    return json.loads(json.dumps(value, default=_plain_number))


def save(
    path: str | Path,
    model: Model,
    training: Mapping[str, Any] | None = None,
    arrays: Mapping[str, Array] | None = None,
) -> None:
    """Writes a model, and the state of a run in progress where given, all or nothing.

    Raises:
        InputError: the file cannot be written, or a field of a layer cannot be described.
    """
    from safetensors.numpy import save as to_bytes

    # safetensors writes a strided array's memory as it lies, so the views into the flat vector must be copied first.
    tensors = {
        name: np.array(values, order="C", copy=True) for name, values in {**model.parameters, **(arrays or {})}.items()
    }
    tables = {
        "format": "pellucid",
        "version": str(VERSION),
        "parameters": json.dumps(list(model.parameters)),
        "network": json.dumps(describe_model(model)),
        "training": json.dumps(training, default=_plain_number),
    }
    tables["checksum"] = _checksum(tables, tensors)
    content = to_bytes(tensors, tables)
    write_atomically(path, lambda stream: stream.write(content))


def read(path: str | Path) -> Checkpoint:
    """Returns what a file holds, checked for damage.

    Raises:
        CheckpointError: not a checkpoint, damaged, or of a newer version.
    """
    tables, tensors = _read_safetensors(path)
    if tables.get("format") != "pellucid":
        raise CheckpointError(
            f"{str(path)!r} is a safetensors file, but not one of Pellucid's; give one of net.save()."
        )
    version = tables.get("version", "")
    if version.isascii() and version.isdigit() and len(version) < 9 and int(version) > VERSION:
        raise CheckpointError(
            f"{str(path)!r} has the format version {version}, this Pellucid reads up to {VERSION}; update Pellucid."
        )
    if version != str(VERSION) or tables.pop("checksum", "") != _checksum(tables, tensors):
        raise _damaged(path, "its checksum does not fit its content")
    try:
        names = json.loads(tables["parameters"])
        parameters = {name: tensors.pop(name) for name in names}
        return Checkpoint(json.loads(tables["network"]), parameters, json.loads(tables["training"]), tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, f"its tables cannot be read ({error})") from None


def load(path: str | Path, custom: Sequence[type] = ()) -> Loaded:
    """Returns the parts of the network that a file holds; classes of your own must be named in `custom`.

    Raises:
        CheckpointError: as `read`, or a layer that is not known.
    """
    found = read(path)
    known = known_classes() | {kind.__name__: kind for kind in custom}
    try:
        return Loaded(
            _graph([build(layer, known) for layer in found.network["layers"]], found.network.get("inputs")),
            None if found.network["loss"] is None else build(found.network["loss"], known),
            tuple(found.network["input_shape"]),
            found.network["seed"],
            np.dtype(found.network["dtype"]),
            found.parameters,
        )
    except InputError as error:
        raise CheckpointError(f"{str(path)!r}: {error} Classes of your own go in custom=[...].") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, f"its description cannot be read ({error})") from None


def _graph(built: list[Layer], inputs: list[list[int]] | None) -> Graph:
    return Graph.of(built) if inputs is None else Graph.wired(built, inputs)


def known_classes() -> dict[str, type]:
    """Returns every class that a network's description may name, out of Pellucid's own.

    Not the schedules: their Constant is another than that of the initializers.
    """
    modules: tuple[Any, ...] = (layers, losses, initializers)
    exported = [getattr(module, name) for module in modules for name in module.__all__]
    return {kind.__name__: kind for kind in exported if isinstance(kind, type) and is_dataclass(kind)}


def restore_parameters(parameters: Parameters, read_parameters: Mapping[str, Array], path: str | Path) -> None:
    """Puts the values read into a network's parameters; all are checked before the first is changed.

    Raises:
        CheckpointError: another network's parameters, or values that are not finite.
    """
    if list(parameters) != list(read_parameters):
        raise CheckpointError(
            f"{str(path)!r} holds the parameters {_few(read_parameters)}, but the network has {_few(parameters)}; "
            "it is from another network."
        )
    for name, values in read_parameters.items():
        if values.shape != parameters[name].shape:
            raise CheckpointError(
                f"{str(path)!r} holds {name!r} with the shape {values.shape}, but the network's is "
                f"{parameters[name].shape}; it is from another network."
            )
        if values.dtype != parameters.flat.dtype:
            raise CheckpointError(f"{str(path)!r} holds {name!r} as {values.dtype}, not {parameters.flat.dtype}.")
        if not np.isfinite(values).all():
            raise CheckpointError(f"{str(path)!r} holds NaN or infinity in {name!r}; take an earlier checkpoint.")
    for name, values in read_parameters.items():
        parameters[name] = values


def _read_safetensors(path: str | Path) -> tuple[dict[str, str], dict[str, Array]]:
    """The library checks the header's length and every tensor's claim against the file's size before it allocates."""
    from safetensors import SafetensorError, safe_open

    _check_plain_file(path)
    tensors: dict[str, Array] = {}
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            tables = dict(file.metadata() or {})
            for name in sorted(file.keys()):
                if file.get_slice(name).get_dtype() not in _TYPES:
                    raise _damaged(path, f"the array {name!r} is of a type that Pellucid does not write")
                tensors[name] = file.get_tensor(name)
    except (SafetensorError, OSError, ValueError, OverflowError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise _damaged(path, str(error)) from None
    return tables, tensors


def _check_plain_file(path: str | Path) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {str(path)!r}; check the spelling and the folder.") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name.
        raise CheckpointError(f"cannot read the checkpoint {str(path)!r}: {error}; check its permissions.") from None
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{str(path)!r} is not a plain file; give the path of a checkpoint.")


def _checksum(tables: Mapping[str, str], tensors: Mapping[str, Array]) -> str:
    """CRC-32 over every name, table, type, shape and byte."""
    value = 0
    for name in sorted(tables):
        value = zlib.crc32(f"{name}\0{tables[name]}\0".encode(), value)
    for name in sorted(tensors):
        array = tensors[name]
        value = zlib.crc32(f"{name}\0{array.dtype}\0{array.shape}\0".encode(), value)
        value = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def _damaged(path: str | Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{str(path)!r} is damaged or no checkpoint: {reason}; take another copy of it.")


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:6]) + (", ..." if len(listed) > 6 else "") if listed else "none"


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is not a plain value")
