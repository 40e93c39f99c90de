"""What a run is made of: every option as one checked value, as typed, as in a TOML file, or by default."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.cli.names import ACTIVATIONS, DTYPES, ENGINES, INITIALIZERS, LOSSES, OPTIMIZERS
from pellucid.errors import InputError, suggest

_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Settings:
    """A run: the data, the network, the loss and the optimizer; the same settings give the same bits.

    layers: numbers of units, the inputs first. validation_fraction: that share of the training rows is held out in
    place of the data set's own validation part; None: the data set's own. patience: stop after so many epochs
    without a lower validation loss and keep the best weights; None: train all epochs and keep the last. standardize:
    the first layer brings each column to mean 0 and deviation 1, as measured in the training part.
    """

    data: str
    layers: tuple[int, ...]
    activation: str
    loss: str
    optimizer: str
    learning_rate: float
    epochs: int
    batch_size: int
    target: str | int | None = None
    init: str = "he"
    weight_decay: float = 0.0
    dropout: float = 0.0
    seed: int = 0
    dtype: str = "float32"
    engine: str = "auto"
    threads: int | None = None
    validation_fraction: float | None = None
    patience: int | None = None
    standardize: bool = False

    def typed(self) -> dict[str, Any]:
        """Returns the settings under the options' names, without those that are None."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values["layers"] = "-".join(map(str, self.layers))
        return {name: value for name, value in values.items() if value is not None}


def shown(value: Any) -> str:
    """Returns a value as it is written, cut where it is long: a file may hold a text or number of any length."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write whole numbers of more than 4,300 digits.
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def parse_layers(value: Any) -> tuple[int, ...]:
    """Returns (784, 30, 10) for "784-30-10" or [784, 30, 10]; raises InputError for anything else."""
    sizes = value.split("-") if isinstance(value, str) else value
    try:
        units = tuple(int(size) for size in sizes if not isinstance(size, bool | float))
    except (TypeError, ValueError):
        units = ()
    if len(units) < 2 or len(units) != len(sizes) or not all(0 < n <= 1_000_000 for n in units):
        raise InputError(
            f"layers must be whole numbers from 1 to 1,000,000 with dashes between them, inputs first and outputs "
            f"last, such as 784-30-10, got {shown(value)}."
        )
    return units


def _one_of(names: Iterable[str]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InputError(f"{name} must be a name, got {shown(value)}.")
        wanted = value.lower().replace("_", "-")
        if wanted not in names:
            raise InputError(f"there is no {name.replace('_', ' ')} {shown(value)}; {suggest(wanted, names)}")
        return wanted

    return check


def _whole(least: int, most: int = 2**53) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"{name} must be a whole number of {least} or more, got {shown(value)}.")
        return value

    return check


def _number(accepted: Callable[[float], bool], wanted: str) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not -_LARGEST <= value <= _LARGEST or not accepted(value):
            raise InputError(f"{name} must be {wanted}, got {shown(value)}.")
        return float(value)

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{name} must be a text in quotes, got {shown(value)}.")
    return value


def _column(name: str, value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{name} must be a column's name or number, got {shown(value)}.")
    return value


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{name} must be true or false, got {shown(value)}.")
    return value


_FRACTION = _number(lambda value: 0 <= value < 1, "a number of at least 0 and less than 1")

CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "data": _text,
    "target": _column,
    "layers": lambda _, value: parse_layers(value),
    "activation": _one_of(ACTIVATIONS),
    "loss": _one_of(LOSSES),
    "optimizer": _one_of(OPTIMIZERS),
    "learning_rate": _number(lambda value: value > 0, "a finite number above 0"),
    "epochs": _whole(1),
    "batch_size": _whole(1),
    "init": _one_of(INITIALIZERS),
    "weight_decay": _number(lambda value: value >= 0, "a finite number of 0 or more"),
    "dropout": _FRACTION,
    "seed": _whole(0, 2**64 - 1),
    "dtype": _one_of(DTYPES),
    "engine": _one_of(ENGINES),
    "threads": _whole(1),
    "validation_fraction": _FRACTION,
    "patience": _whole(1),
    "standardize": _truth,
    "out": _text,
    "epoch_lines": _truth,
    "quiet": _truth,
}
"""Every key that a TOML file may have, with its check."""

CALL = ("out", "epoch_lines", "quiet")
"""Those of them that are about one call, and not about the run."""


def checked(values: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Returns the values with each one checked; None means not given and is left out.

    Raises:
        InputError: a key that is not known, with the nearest known one, or a value that cannot be used.
    """
    found = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in CHECKS:
            raise InputError(f"{where}there is no setting {shown(key)}; {suggest(name, CHECKS)}")
        if value is not None:
            try:
                found[name] = CHECKS[name](name, value)
            except InputError as error:
                raise InputError(f"{where}{error}") from None
    return found
