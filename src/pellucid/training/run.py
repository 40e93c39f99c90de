"""The training in progress: where it stands, and the loop over epochs and slices of batches."""

import time
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import checkpoint, philox
from pellucid.datasets import Augment
from pellucid.engines import Data, Slice, Sums, Trained
from pellucid.engines.diagnosis import first_not_finite
from pellucid.errors import InputError
from pellucid.ops import Array
from pellucid.optimizers import Optimizer
from pellucid.training.callbacks import Callback, interval_of
from pellucid.training.history import History
from pellucid.training.interrupt import Interrupt
from pellucid.training.pace import Pace
from pellucid.training.parts import rows_of, train_in_parts
from pellucid.training.session import Session

BYTES_AT_ONCE = 4 << 20
"""How many images are changed before they are trained on: enough that coming back to Python costs nothing."""


class Run:
    """Where a training stands: the model, the optimizer's memory, the epoch, the batch, and the sums so far.

    Attributes:
        model, engine: what is trained, and what runs it.
        network: whose `fit` this is, for callbacks; None where there is none. The loop never asks it.
        optimizer, data, validation, epochs, batch_size, shuffle, augment: as given to `fit`.
        epoch: the number of the epoch that is trained, or of the next one.
        batch: how many batches of it are done, of `batches`.
        history: the finished epochs.
        intact: False where an error came amid an update, so that parameters and memory may not belong together.

    Raises:
        InputError: a batch would have fewer rows than some layer needs in training.
    """

    def __init__(
        self,
        session: Session,
        data: Data,
        validation: Data | None,
        optimizer: Optimizer,
        *,
        epochs: int,
        batch_size: int,
        shuffle: bool,
        initial_epoch: int,
        callbacks: Sequence[Callback],
        augment: Augment | None = None,
        network: Any = None,
    ) -> None:
        session.model.check_batches(data.rows, batch_size)
        self.model, self.engine, self.network = session.model, session.engine, network
        self.data, self.validation, self.optimizer = data, validation, optimizer
        self.epochs, self.batch_size, self.shuffle, self.augment = epochs, batch_size, shuffle, augment
        self.callbacks = sorted(callbacks, key=lambda callback: callback.order)
        self.batches = -(-data.rows // batch_size)
        self.epoch, self.batch = initial_epoch, 0
        self.sums, self.seconds = Sums(), 0.0
        self.history = History()
        self.state = session.optimizer_state(optimizer)
        self._changed: Array | None = None
        self._pace = Pace()
        self._interrupt = Interrupt()
        self._stop = False
        self._ended_well = self._bad = False
        self.intact = True

    @property
    def step(self) -> int:
        """How many batches were trained before this one, over all epochs."""
        return self.epoch * self.batches + self.batch

    def begin(self) -> None:
        """Empties the optimizer's memory, unless an earlier call ended where this one goes on."""
        if self.epoch == 0 or self.state.step != self.step:
            for slot in self.state.slots.values():
                slot[:] = 0
            self.state.step = self.state.start = self.step

    @property
    def ended_well(self) -> bool:
        """Whether training ended by itself or by a callback's wish: not by Ctrl-C, NaN or an error."""
        return self._ended_well and not self._interrupt.asked

    @property
    def can_go_on(self) -> bool:
        """Whether a checkpoint of this moment is worth having: not after NaN, nor amid an update."""
        return self.intact and not self._bad

    def stop(self, reason: str) -> None:
        """Ends training after this batch; `reason` becomes `history.stopped_by`."""
        self.history.stopped_by = reason
        self._stop = True

    @property
    def measured(self) -> tuple[str, ...]:
        """The names of the metrics that this run's history will have."""
        names = ["loss", "accuracy"] if self.data.classes is not None else ["loss"]
        if self.validation is not None:
            names += ["validation_loss"]
            names += ["validation_accuracy"] if self.validation.classes is not None else []
        return (*names, "learning_rate", "seconds", "samples_per_second")

    def metrics(self) -> dict[str, float]:
        """Returns loss and accuracy over the batches of this epoch so far."""
        return self.sums.metrics(self.data.classes is not None) if self.sums.rows else {}

    def save(self, path: str | Path) -> None:
        """Writes a checkpoint from which `fit(..., resume=path)` goes on with the same bits; all or nothing.

        Raises:
            InputError: the file cannot be written.
        """
        position = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.state.step,
            "start": self.state.start,
            "sums": self.sums._asdict(),
            "seconds": self.seconds,
            "history": self.history.as_dict(),
        }
        memory = {
            f"optimizer.{slot}.{name}": w for slot, views in self.state.views().items() for name, w in views.items()
        }
        callbacks, arrays = _callback_states(self.callbacks)
        training = {
            "recipe": self.recipe(),
            "engine": self.engine.name,
            "position": position,
            "callbacks": callbacks,
        }
        checkpoint.save(path, self.model, training, memory | arrays)

    def recipe(self) -> dict[str, Any]:
        """Returns what must be equal for a resumed run to end with the same bits."""
        return {
            "optimizer": checkpoint.plain_description(self.optimizer),
            "batch_size": self.batch_size,
            "rows": self.data.rows,
            "data": self._fingerprint,
            "validation rows": 0 if self.validation is None else self.validation.rows,
            "shuffle": self.shuffle,
            "augment": None if self.augment is None else checkpoint.plain_description(self.augment),
        }

    @cached_property
    def _fingerprint(self) -> str:
        """A checksum over some 250 of the samples with their targets and weights, all over the data."""
        some = np.unique(np.linspace(0, self.data.rows - 1, 250).astype(np.int64))
        columns = (self.data.x, self.data.t, self.data.weight)
        value = 0
        for column in columns:
            if column is not None:
                value = zlib.crc32(np.ascontiguousarray(column[some]).tobytes(), value)
        return f"{value:08x}"

    def train(self) -> History:
        """Runs the epochs that are left.

        Raises:
            NotFiniteError: NaN or infinity came up; see StopOnNaN.
        """
        begun: list[Callback] = []
        with self._interrupt:
            try:
                for callback in self.callbacks:
                    begun.append(callback)
                    callback.on_train_begin(self)
                while self.epoch < self.epochs and not self._ending():
                    self._train_epoch()
                self._ended_well = not self._bad
            except KeyboardInterrupt:
                # One that a callback raised came between two batches; a second Ctrl-C may have come anywhere.
                if self._interrupt.asked or not self.intact:
                    self.intact = False
                    raise
                self._interrupt.asked = True
            finally:
                if self._interrupt.asked:
                    self.history.interrupted = True
                    self.history.stopped_by = "Ctrl-C"
                for callback in reversed(begun):
                    callback.on_train_end(self)
        return self.history

    def _ending(self) -> bool:
        return self._stop or self._interrupt.asked

    def _train_epoch(self) -> None:
        epoch = self.epoch
        for callback in self.callbacks:
            callback.on_epoch_begin(self, epoch)
        order = self.order()
        # For the whole epoch at once: NumPy's last bits may depend on how many numbers it is given.
        rates = self.rates()
        scalars = self.scalars(rates)
        while self.batch < self.batches and not self._ending():
            self._train_slice(order, scalars, rates)
        if self.batch == self.batches:
            self._finish_epoch(float(rates[-1]))

    def order(self) -> NDArray[np.int64] | None:
        """Returns the order of this epoch's rows, None for as they come; a run may have its own."""
        if not self.shuffle:
            return None
        return philox.permutation(self.model.seed, philox.SHUFFLE, self.epoch, self.data.rows)

    def scalars(self, rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Returns the numbers that change from step to step of this epoch, given its learning rates."""
        return self.optimizer.scalars(self._steps() - self.state.start, rates)

    def _steps(self) -> NDArray[np.int64]:
        """The numbers of this epoch's steps, counted over all epochs."""
        return np.arange(self.epoch * self.batches, (self.epoch + 1) * self.batches)

    def train_batches(self, part: Slice) -> Trained:
        """Has the engine train some batches; a run whose data is made on demand makes it here."""
        if self.augment is None:
            return self.engine.train(self.state, part, self.sums)
        at_once = BYTES_AT_ONCE // self.data.x[:1].nbytes
        return train_in_parts(self.engine, self.state, part, self.sums, at_once, self.rows_as_trained)

    def rows_as_trained(self, rows: Any) -> Data:
        """Returns some rows of the data set as this epoch trains on them, until the next ones are asked for."""
        if self.augment is None:
            return rows_of(self.data, rows)
        x, samples = self.data.x, rows if isinstance(rows, np.ndarray) else np.arange(self.data.rows)[rows]
        if self._changed is None or len(self._changed) < len(samples):
            self._changed = np.empty((len(samples), *x.shape[1:]), x.dtype.newbyteorder("="))
        changed = self._changed[: len(samples)]
        self.augment.of_rows(x, samples, seed=self.model.seed, epoch=self.epoch, out=changed)
        # Between two pixels nothing is larger than they are, but for rounding.
        bound = max(1.001 * self.data.bound, abs(self.augment.fill))
        return rows_of(self.data, samples, changed, bound)

    def evaluate(self, data: Data) -> Sums:
        """Has the engine evaluate the data set for validation."""
        return self.engine.evaluate(data)

    def rates(self) -> NDArray[np.float64]:
        """Returns the learning rates of this epoch's steps."""
        schedule, steps = self.optimizer.schedule, self._steps()
        rates = np.asarray(schedule.rates(steps, self.batches, self.history.monitored()), dtype=np.float64)
        if rates.shape != steps.shape or not (np.isfinite(rates).all() and (rates >= 0).all()):
            raise InputError(
                f"the schedule {schedule} gave learning rates that cannot be used in epoch {self.epoch}: one finite "
                f"number of 0 or more is needed for each of the {len(steps)} steps."
            )
        return rates

    def _train_slice(
        self, order: NDArray[np.int64] | None, scalars: dict[str, NDArray[np.float64]], rates: NDArray[np.float64]
    ) -> None:
        asking = [(callback, n) for callback in self.callbacks if (n := interval_of(callback)) is not None]
        asked = min(self.batches - self.batch, self._pace.batches, *(n - self.step % n for _, n in asking))
        last = self.batch + asked
        part = {name: values[self.batch : last] for name, values in scalars.items()}
        began = time.perf_counter()
        self.intact = False
        done = self.train_batches(Slice(self.data, order, self.batch_size, self.batch, last, part))
        self.intact = True
        seconds = time.perf_counter() - began
        self._pace.measured(done.batches, seconds)
        self.seconds += seconds
        self.sums = done.sums
        self.batch += done.batches
        if done.batches < asked:
            self._not_finite(Slice(self.data, order, self.batch_size, self.batch, last, {}))
            return
        logs = self.metrics() | {"learning_rate": float(rates[self.batch - 1])}
        for callback, interval in asking:
            if self.step % interval == 0:
                callback.on_batch_end(self, self.batch - 1, logs)
        for callback in self.callbacks:
            callback.on_slice_end(self, logs)

    def _not_finite(self, rest: Slice) -> None:
        batch = self.rows_as_trained(rest.rows(self.batch))
        found = first_not_finite(self.model, batch, slice(None), self.state.step)
        finding = (
            f"{found}, in epoch {self.epoch}, batch {self.batch}; the parameters are those from before that batch, "
            "try a smaller learning_rate or clip_norm."
        )
        self._bad = True
        self.stop(finding)
        for callback in self.callbacks:
            callback.on_not_finite(self, finding)

    def _finish_epoch(self, rate: float) -> None:
        epoch, row = self.epoch, self.metrics()
        began = time.perf_counter()
        if self.validation is not None:
            checked = self.evaluate(self.validation).metrics(self.validation.classes is not None)
            row |= {f"validation_{name}": value for name, value in checked.items()}
        row["learning_rate"] = rate
        row["seconds"] = self.seconds + time.perf_counter() - began
        row["samples_per_second"] = self.sums.rows / max(self.seconds, 1e-9)
        self.history.append(epoch, row)
        self.epoch, self.batch, self.sums, self.seconds = epoch + 1, 0, Sums(), 0.0
        for callback in self.callbacks:
            callback.on_epoch_end(self, epoch, row)


def _callback_states(callbacks: Sequence[Callback]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The states of those callbacks that have one, with their arrays apart."""
    states: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for callback in callbacks:
        state = callback.state()
        if state:
            arrays |= {f"callback.{len(states)}.{k}": v for k, v in state.items() if isinstance(v, np.ndarray)}
            rest = {k: v for k, v in state.items() if not isinstance(v, np.ndarray)}
            states.append({"type": type(callback).__name__, "state": rest})
    return states, arrays
