"""A data set by what a person types: a known name, or else a file."""

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.digits import digits
from pellucid.datasets.load import load
from pellucid.datasets.mnist import fashion_mnist, mnist
from pellucid.datasets.synthetic import circles, moons, plane, spiral, xor
from pellucid.errors import InputError, suggest

KNOWN: dict[str, Callable[[], Dataset]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "xor": xor,
    "moons": moons,
    "spiral": spiral,
    "circles": circles,
    "plane": plane,
}
"""The names that `by_name` knows, with what makes each data set."""


def by_name(name_or_path: str | PathLike[str], *, target: str | int | None = None) -> Dataset:
    """The data set of a known name ("fashion_mnist" is "fashion-mnist"), else of a file, read by `load`.

    target: the column to learn, for a CSV file only.
    Raises InputError for what is neither, with the nearest known name; else as `load`.
    """
    text = fspath(name_or_path)
    maker = KNOWN.get(text.replace("_", "-"))
    if maker is not None:
        if target is not None:
            raise InputError(f"target {target!r} is for CSV files; the data set {text!r} has its own.")
        return maker()
    if Path(text).suffix or Path(text).exists() or "/" in text or "\\" in text:
        return load(text, target=target)
    raise InputError(f"there is no data set or file named {text!r}; {suggest(text, KNOWN)}")
