"""Callbacks that end training: EarlyStopping and StopOnNaN."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.checks import at_least_zero, integer
from pellucid.errors import InputError, NotFiniteError, suggest
from pellucid.ops import Array
from pellucid.training.callbacks import Callback, Logs
from pellucid.training.history import higher_is_better

if TYPE_CHECKING:
    from pellucid.training.run import Run


class EarlyStopping(Callback):
    """Ends training when a metric has not become better for `patience` epochs, and restores the best parameters.

    monitor: a metric of the history; "validation_loss" unless told. patience: 1 or more. min_delta: by how much a new
    best must be better, 0 or more. restore_best: at the end, the parameters of the best epoch come back, also where
    training ran to its last epoch; after Ctrl-C or NaN the last ones are kept.
    Source: Prechelt, "Early stopping - but when?", 1998; Nielsen, ch. 3.
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        self.patience, self.min_delta = integer("patience", patience), at_least_zero("min_delta", min_delta)
        self.monitor, self.restore_best = monitor, restore_best
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch = -1
        self.waited = 0
        self.best_parameters: Array | None = None

    def on_train_begin(self, run: "Run") -> None:
        check_monitor(self.monitor, run)
        if not run.history.epochs:
            self._forget()
        self._stop_if_waited_enough(run)

    def on_epoch_end(self, run: "Run", epoch: int, logs: Logs) -> None:
        value = logs[self.monitor]
        if is_better(value, self.best, self.monitor, self.min_delta):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            if self.restore_best:
                self.best_parameters = run.model.parameters.flat.copy()
            return
        self.waited += 1
        self._stop_if_waited_enough(run)

    def on_train_end(self, run: "Run") -> None:
        if self.best_parameters is not None and run.ended_well:
            run.model.parameters.flat[:] = self.best_parameters

    def _stop_if_waited_enough(self, run: "Run") -> None:
        if self.waited >= self.patience:
            best = "was there" if self.best is None else f"than {self.best:.6g} of epoch {self.best_epoch}"
            run.stop(f"EarlyStopping: for {self.waited} epochs no better {self.monitor} {best}")

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}
        return state if self.best_parameters is None else state | {"parameters": self.best_parameters}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
        self.best_parameters = state.get("parameters")


class StopOnNaN(Callback):
    """Raises NotFiniteError when NaN or infinity comes up, naming where; `fit` adds one unless it is given one.

    The parameters are those from before the bad batch; the history until then is in the error's `history` and in
    `network.history`. With raises=False, `fit` returns that history, and `history.stopped_by` names where.
    """

    def __init__(self, raises: bool = True) -> None:
        self.raises = raises

    def on_not_finite(self, run: "Run", finding: str) -> None:
        if self.raises:
            error = NotFiniteError(finding)
            error.history = run.history
            raise error


def check_monitor(metric: str, run: "Run") -> None:
    """Raises InputError where the run does not measure the metric, before the first epoch is spent on it."""
    if metric not in run.measured:
        wanted = "; validation_data or validation_fraction brings it" if metric.startswith("validation") else ""
        raise InputError(f"monitor={metric!r:.80} is not measured in this run{wanted}; {suggest(metric, run.measured)}")


def is_better(value: float, best: float | None, metric: str, min_delta: float = 0.0) -> bool:
    """Whether a value is a new best: the first, or better than the best by more than `min_delta`."""
    if best is None:
        return not np.isnan(value)
    return value > best + min_delta if higher_is_better(metric) else value < best - min_delta
