"""CSV tables: numbers stay columns, texts become one-hot columns, one column is the target."""

import csv
import io
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.files import read_bytes
from pellucid.datasets.targets import class_names_of_texts
from pellucid.errors import FormatError, InputError, suggest

MAX_CONTENT = 2**30
MAX_CELLS = 2**28
MAX_COLUMNS = 100_000
MAX_CATEGORIES = 256
_DELIMITERS = (",", ";", "\t")
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "?"))


@dataclass(frozen=True)
class Table:
    """A CSV file's features (N, F) float64 with names, and its target: numbers (N,), or texts' class numbers."""

    x: NDArray[np.float64]
    feature_names: tuple[str, ...]
    target: NDArray[Any]
    class_names: tuple[str, ...] | None


def read_csv(path: Path, *, target: str | int | None, header: bool | None, ignore: Sequence[str | int] = ()) -> Table:
    """The table of a UTF-8 CSV file, plain or gzip; comma, semicolon or tab, whichever the first line has most of.

    target: a column's name or number (from 0, negative from the end); None is the last. header None: the first row is
    one when it has no number, or has a text where the second row has a number. ignore: columns to leave out.
    A column whose cells are all numbers is numeric; any other is categorical: sorted texts, one-hot, named "a=text".
    Raises InputError for a file that cannot be opened or a target that is not there, FormatError for anything wrong in
    the file, naming row (from 1, the header counted) and column.
    """
    text = _decoded(path)
    delimiter = _delimiter(text)
    names, first = _names(path, text, delimiter, header)
    rows = _Rows(path, text, delimiter, names, first)
    position = _column(target if target is not None else -1, names, path, "target")
    left_out = {_column(column, names, path, "ignore") for column in ignore} | {position}
    features = [index for index in range(len(names)) if index not in left_out]
    if not features:
        raise FormatError(f"{str(path)!r} has no column besides the target; features are needed to learn from.")
    numbers = _all_numbers(rows)
    if numbers is not None:
        return Table(numbers[:, features], tuple(names[index] for index in features), numbers[:, position], None)
    count, texts = _survey(rows, [*features, position])
    codes = {index: {name: code for code, name in enumerate(sorted(kinds))} for index, kinds in texts.items()}
    x, feature_names = _features(rows, count, features, codes)
    values, class_names = _target(rows, count, position, codes.get(position))
    return Table(x, feature_names, values, class_names)


class _Rows:
    """The rows of the body, each with its number in the file; iterating again parses again, which costs no memory."""

    def __init__(self, path: Path, text: str, delimiter: str, names: tuple[str, ...], first: int) -> None:
        self.path, self.names = path, names
        self._text, self._delimiter, self._first = text, delimiter, first

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for number, row in self.raw():
            yield number, [cell.strip() for cell in row]

    def raw(self) -> Iterator[tuple[int, list[str]]]:
        """The same rows with the spaces around the cells left on."""
        for number, row in _parsed(self.path, self._text, self._delimiter):
            if number < self._first:
                continue
            if len(row) != len(self.names):
                raise FormatError(
                    f"row {number} of {str(self.path)!r} has {len(row)} cells, but the first row has {len(self.names)}."
                )
            yield number, row

    def where(self, number: int, index: int) -> str:
        return f"row {number}, column {self.names[index]!r} of {str(self.path)!r}"


def _decoded(path: Path) -> str:
    content = read_bytes(path, MAX_CONTENT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{str(path)!r} is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}; save it as UTF-8."
        ) from None
    if not text.strip():
        raise FormatError(f"{str(path)!r} is empty; rows of comma-separated cells were expected.")
    return text


def _delimiter(text: str) -> str:
    start = text.lstrip("\r\n")[:MAX_COLUMNS]
    line = start.splitlines()[0]
    return max(_DELIMITERS, key=line.count)


def _parsed(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, counted from 1."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    number = 0
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                number += 1
                yield number, row
    except csv.Error as error:
        raise FormatError(f"{str(path)!r} is not CSV near line {reader.line_num}: {error}.") from None


def _names(path: Path, text: str, delimiter: str, header: bool | None) -> tuple[tuple[str, ...], int]:
    """The columns' names, and the number of the first row of the body."""
    rows = _parsed(path, text, delimiter)
    first = [cell.strip() for cell in next(rows, (0, []))[1]]
    if not first:
        raise FormatError(f"{str(path)!r} is empty; rows of comma-separated cells were expected.")
    if len(first) > MAX_COLUMNS:
        raise FormatError(f"{str(path)!r} has {len(first):,} columns; at most {MAX_COLUMNS:,} are allowed.")
    if len(first) < 2:
        raise FormatError(f"{str(path)!r} has one column only; at least one feature and a target were expected.")
    _, second = next(rows, (2, []))
    if header is None:
        text_over_number = any(not _is_number(a) and _is_number(b) for a, b in zip(first, second, strict=False))
        header = text_over_number or not any(map(_is_number, first))
    if not header:
        return tuple(f"column {index}" for index in range(len(first))), 1
    return tuple(name or f"column {index}" for index, name in enumerate(first)), 2


def _column(wanted: str | int, names: tuple[str, ...], path: Path, argument: str) -> int:
    if isinstance(wanted, str) and wanted in names:
        if names.count(wanted) > 1:
            raise InputError(f"{argument} {wanted!r} names more than one column of {str(path)!r}; give its number.")
        return names.index(wanted)
    try:
        index = int(wanted)
    except (TypeError, ValueError, OverflowError):
        known = suggest(wanted, names[:50])
        raise InputError(f"{argument} {wanted!r} is not a column of {str(path)!r}; {known}") from None
    if not -len(names) <= index < len(names):
        raise InputError(f"{argument} {index} is not a column of {str(path)!r}, which has {len(names)}, from 0.")
    return index % len(names)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000 as a number; a table means a text.


def _all_numbers(rows: _Rows) -> NDArray[np.float64] | None:
    """The whole table where every cell is a finite number, several times faster than cell by cell; else None."""
    values = array("d")
    try:
        for _, row in rows.raw():
            if "_" in "".join(row):
                return None
            values.extend(map(float, row))
            if len(values) > MAX_CELLS:
                raise FormatError(f"{str(rows.path)!r} has more than {MAX_CELLS:,} numbers; load it in parts.")
    except FormatError:
        raise
    except ValueError:  # A cell that is no number: the caller looks at each column.
        return None
    table = np.frombuffer(values, np.float64).reshape(-1, len(rows.names))
    return table if len(table) and np.isfinite(table).all() else None


def _survey(rows: _Rows, columns: list[int]) -> tuple[int, dict[int, set[str]]]:
    """The number of rows, and the different texts of each column that is not numeric; refuses missing cells."""
    count = 0
    categorical: set[int] = set()
    for number, row in rows:
        count += 1
        for index in columns:
            cell = row[index]
            if cell.lower() in _MISSING:
                raise FormatError(f"{rows.where(number, index)} is missing ({cell!r}); fill it in or remove the row.")
            if index not in categorical and not _is_number(cell):
                categorical.add(index)
    if count == 0:
        raise FormatError(f"{str(rows.path)!r} has a header but no rows below it.")
    texts: dict[int, set[str]] = {index: set() for index in columns if index in categorical}
    if texts:
        for _, row in rows:
            for index, kinds in texts.items():
                kinds.add(row[index])
                if len(kinds) > MAX_CATEGORIES:
                    raise FormatError(
                        f"column {rows.names[index]!r} of {str(rows.path)!r} has more than {MAX_CATEGORIES} different "
                        f"texts (such as {row[index][:40]!r}), too many categories; leave it out with ignore."
                    )
    return count, texts


def _features(
    rows: _Rows, count: int, features: list[int], codes: dict[int, dict[str, int]]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    names: list[str] = []
    starts = []
    for index in features:
        starts.append(len(names))
        name = rows.names[index]
        names += [f"{name}={kind}" for kind in codes[index]] if index in codes else [name]
    if count * len(names) > MAX_CELLS:
        raise FormatError(
            f"{str(rows.path)!r} would become {count:,} x {len(names):,} numbers, more than {MAX_CELLS:,}; "
            f"leave out categorical columns with ignore."
        )
    x = np.zeros((count, len(names)))
    for line, (number, row) in enumerate(rows):
        for start, index in zip(starts, features, strict=True):
            if index in codes:
                x[line, start + codes[index][row[index]]] = 1.0
            else:
                x[line, start] = _number(rows, number, index, row[index])
    return x, tuple(names)


def _target(
    rows: _Rows, count: int, position: int, codes: dict[str, int] | None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    if codes is not None:
        names = class_names_of_texts(list(codes), f"column {rows.names[position]!r} of {str(rows.path)!r}")
        return np.fromiter((codes[row[position]] for _, row in rows), np.int64, count), names
    numbers = (_number(rows, number, position, row[position]) for number, row in rows)
    return np.fromiter(numbers, np.float64, count), None


def _number(rows: _Rows, number: int, index: int, cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise FormatError(f"{rows.where(number, index)} is {cell!r}; a finite number was expected.")
    return value
