"""`pellucid predict`: what a model says about each row, on the screen or as CSV."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from pellucid.cli.models import Rows, column, fitting, load_model, rows_to_predict
from pellucid.cli.names import printable
from pellucid.errors import InputError
from pellucid.files import write_atomically
from pellucid.network import Network

_SHOWN = 20


def predict(
    model: str, data: str, out: str | None, target: str | None, engine: str | None, threads: int | None
) -> None:
    """Prints the class and its probability, or the values, for each row; `out` takes all rows and all outputs."""
    network, described = load_model(model, engine, threads)
    inputs = int(np.prod(network.input_shape))
    x, names = rows_to_predict(data, column(target), inputs)
    _check_names(names, described.feature_names)
    y = network.probabilities(fitting(x, network, data))
    table = _Table(network, y, described.class_names)
    if out is not None:
        content = table.csv().encode()
        write_atomically(Path(out), lambda stream: stream.write(content))
        click.echo(f"{len(y):,} rows written to {out}")
        return
    for line in table.lines(_SHOWN):
        click.echo(line)


def _check_names(given: tuple[str, ...] | None, trained: tuple[str, ...]) -> None:
    """The columns must be those of the training, in their order: nothing else could tell that they were swapped."""
    if given and trained and given != trained and not all(name.startswith("column ") for name in (*given, *trained)):
        raise InputError(
            f"the columns are {', '.join(given[:8])}, but the model was trained on {', '.join(trained[:8])}; give the "
            "same columns in the same order."
        )


class _Table:
    """The predictions with their headings: classes and probabilities under a loss about these, else values."""

    def __init__(self, network: Network, y: Rows, class_names: tuple[str, ...]) -> None:
        self._y = y
        about_classes = class_names or (network.loss is not None and network.loss.probabilities is not None)
        self._said = "output" if network.loss is None or network.loss.probabilities is None else "probability"
        self._classes: Rows | None = None
        if about_classes:
            self._classes = np.argmax(y, axis=1) if y.shape[1] > 1 else (y[:, 0] > 0.5).astype(np.int64)
        count = max(y.shape[1], 2)
        self._names = class_names if len(class_names) == count else tuple(map(str, range(count)))

    def lines(self, shown: int) -> Iterator[str]:
        """The first rows, as text."""
        if self._classes is None:
            yield f"{'row':>6}  " + "  ".join(f"{f'value {k}':>12}" for k in range(self._y.shape[1]))
        else:
            names = list(map(printable, self._names))
            width = max(5, *map(len, names))
            yield f"{'row':>6}  {'class':<{width}}  {self._said:>11}"
        for row in range(min(shown, len(self._y))):
            if self._classes is None:
                yield f"{row:>6}  " + "  ".join(f"{value:>12.6g}" for value in self._y[row])
            else:
                yield f"{row:>6}  {names[self._classes[row]]:<{width}}  {self._probability(row):>11.4f}"
        if len(self._y) > shown:
            yield f"and {len(self._y) - shown:,} rows more; --out FILE.csv writes them all."

    def csv(self) -> str:
        """All rows with all outputs."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        outputs = self._y.shape[1]
        if self._classes is None:
            writer.writerow(["row", *(f"value {k}" for k in range(outputs))])
        else:
            names = self._names if outputs > 1 else self._names[1:]
            writer.writerow(["row", "class", *(f"{self._said} of {name}" for name in names)])
        for row, values in enumerate(self._y):
            said = [] if self._classes is None else [self._names[self._classes[row]]]
            writer.writerow([row, *said, *(f"{value:.9g}" for value in values)])
        return text.getvalue()

    def _probability(self, row: int) -> float:
        values, number = self._y[row], int(self._classes[row]) if self._classes is not None else 0
        return float(values[number]) if len(values) > 1 else float(values[0] if number else 1 - values[0])
