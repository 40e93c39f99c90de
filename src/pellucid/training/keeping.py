"""Callbacks that write files: Checkpoint, CSVLogger and JSONLLogger."""

import csv
import io
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.checks import integer, positive
from pellucid.errors import InputError
from pellucid.files import remove_leftovers, write_atomically
from pellucid.training.callbacks import Callback, Logs
from pellucid.training.stopping import check_monitor, is_better

if TYPE_CHECKING:
    from pellucid.training.run import Run


class Checkpoint(Callback):
    """Writes the run to one file, again and again, from which `fit(..., resume=path)` goes on with the same bits.

    every_epochs, every_batches, every_seconds: when; each epoch where none is given. The last state is written too,
    also after Ctrl-C, but not after NaN. With best_only, the file is written only at the end of an epoch in which
    `monitor` reached a new best. A write is all or nothing: a kill in the midst leaves the last checkpoint whole.
    The file is one that `Network.load` reads.
    """

    order = 100

    def __init__(
        self,
        path: str | Path,
        *,
        every_epochs: int | None = None,
        every_batches: int | None = None,
        every_seconds: float | None = None,
        best_only: bool = False,
        monitor: str = "validation_loss",
    ) -> None:
        given = {"every_epochs": every_epochs, "every_batches": every_batches}
        for name, value in given.items():
            if value is not None:
                integer(name, value)
        if every_seconds is not None:
            positive("every_seconds", every_seconds)
        if best_only and (every_batches or every_seconds):
            raise InputError("best_only looks at the end of an epoch; leave out every_batches and every_seconds.")
        if not (every_epochs or every_batches or every_seconds):
            every_epochs = 1
        self.path = Path(path)
        self.every_epochs, self.batch_interval, self.every_seconds = every_epochs, every_batches or 0, every_seconds
        self.best_only, self.monitor = best_only, monitor
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self._saved_place: tuple[int, int] | None = None
        self._saved_at = time.monotonic()

    def on_train_begin(self, run: "Run") -> None:
        if self.best_only:
            check_monitor(self.monitor, run)
        best = self.best if run.history.epochs else None
        self._begin()
        self.best = best
        remove_leftovers(self.path)

    def on_epoch_end(self, run: "Run", epoch: int, logs: Logs) -> None:
        if self.best_only:
            value = logs[self.monitor]
            if not is_better(value, self.best, self.monitor):
                return
            self.best = value
            self._save(run)
        elif self.every_epochs and (epoch + 1) % self.every_epochs == 0:
            self._save(run)

    def on_batch_end(self, run: "Run", batch: int, logs: Logs) -> None:
        self._save(run)

    def on_slice_end(self, run: "Run", logs: Logs) -> None:
        if self.every_seconds and time.monotonic() - self._saved_at >= self.every_seconds:
            self._save(run)

    def on_train_end(self, run: "Run") -> None:
        if run.can_go_on and not self.best_only and self._saved_place != (run.epoch, run.batch):
            self._save(run)

    def state(self) -> dict[str, Any]:
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.best = state["best"]

    def _save(self, run: "Run") -> None:
        run.save(self.path)
        self._saved_place = (run.epoch, run.batch)
        self._saved_at = time.monotonic()


class _EpochLog(Callback):
    """Keeps one line per epoch in a text file, on the disk as soon as the epoch is over.

    A resumed run first writes the lines of the epochs before its checkpoint anew, so that none is missing or doubled.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lines: list[str] = []

    def on_train_begin(self, run: "Run") -> None:
        rows = [run.history.row(index) for index in range(len(run.history.epochs))]
        self._lines = [self.line(row, first=index == 0) for index, row in enumerate(rows)]
        write_atomically(self.path, lambda stream: stream.write("".join(self._lines).encode()))

    def on_epoch_end(self, run: "Run", epoch: int, logs: Logs) -> None:
        line = self.line({"epoch": epoch, **logs}, first=len(run.history.epochs) == 1)
        try:
            with open(self.path, "a", encoding="utf-8", newline="") as stream:
                stream.write(line)
        except OSError as error:
            raise InputError(f"cannot write {str(self.path)!r}: {error.strerror}; check the folder.") from error

    def line(self, row: Logs, first: bool) -> str:
        """Returns the text of one epoch; with what stands above it where it is the first."""
        raise NotImplementedError


class CSVLogger(_EpochLog):
    """Writes the history to a CSV file, one line per epoch, with the metrics' names above."""

    def line(self, row: Logs, first: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if first:
            writer.writeheader()
        writer.writerow(row)
        return text.getvalue()


class JSONLLogger(_EpochLog):
    """Writes the history to a file of JSON lines, one object per epoch; what is not finite becomes null."""

    def line(self, row: Logs, first: bool) -> str:
        return json.dumps({name: value if math.isfinite(value) else None for name, value in row.items()}) + "\n"
