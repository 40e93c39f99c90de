"""Callbacks: code that runs at fixed points of training, and can stop it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.training.run import Run

Logs = Mapping[str, float]


class Callback:
    """Does something at fixed points of training; override what you need.

    `run` is the training in progress: `run.network`, whose `fit` it is, `run.model`, `run.history`, `run.epoch`,
    `run.epochs`, `run.batch`, `run.batches`, `run.stop(reason)` to end it, `run.save(path)` to write a checkpoint.
    Epochs and batches count from 0.
    The callbacks run in the order given, those that keep checkpoints last; `on_train_end` runs in the reverse order.
    """

    order = 0
    """Callbacks with a higher number run later; 0 for all but the few that must see what the others did."""

    batch_interval: int | None = None
    """`on_batch_end` comes after every so many batches of the run, 0 never; None: each one, where it is overridden."""

    def on_train_begin(self, run: "Run") -> None:
        """Before the first batch, or after a resumed run was put back in its place."""

    def on_train_end(self, run: "Run") -> None:
        """After the last batch, however training ended: also after Ctrl-C, NaN or another callback's error."""

    def on_epoch_begin(self, run: "Run", epoch: int) -> None:
        """Before the first batch of an epoch."""

    def on_epoch_end(self, run: "Run", epoch: int, logs: Logs) -> None:
        """After an epoch's validation. logs holds the epoch's row of the history: "loss", "validation_loss", ..."""

    def on_batch_end(self, run: "Run", batch: int, logs: Logs) -> None:
        """After a batch; logs holds "loss", "accuracy" over the epoch so far. Overriding this costs speed."""

    def on_slice_end(self, run: "Run", logs: Logs) -> None:
        """About every 50 ms, between two batches; logs as for `on_batch_end`. For bars and clocks."""

    def on_not_finite(self, run: "Run", finding: str) -> None:
        """NaN or infinity came up, as `finding` says; the parameters are those from before that batch."""

    def state(self) -> dict[str, Any]:
        """Returns what a resumed run must know: plain values, and arrays of float32 or float64."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back what `state` gave."""


def interval_of(callback: Callback) -> int | None:
    """Returns after how many batches a callback wants to be called, or None."""
    if callback.batch_interval is not None:
        return callback.batch_interval or None
    return 1 if type(callback).on_batch_end is not Callback.on_batch_end else None
