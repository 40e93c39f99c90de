"""What an engine does for a network: one small protocol, two bodies (reference.py, native.py)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.data import Data
from pellucid.ops import Array
from pellucid.optimizers import Optimizer
from pellucid.parameters import Layout


class Sums(NamedTuple):
    """What an epoch adds up: Σ w·l, Σ w, rows classified right, rows."""

    loss: float = 0.0
    weight: float = 0.0
    correct: int = 0
    rows: int = 0

    def __add__(self, other: tuple[Any, ...]) -> "Sums":
        return Sums(*(own + more for own, more in zip(self, other, strict=True)))

    def metrics(self, countable: bool) -> dict[str, float]:
        """Returns {"loss": ..., "accuracy": ...}; no accuracy where the targets are not classes."""
        found = {"loss": self.loss / self.weight if self.weight else 0.0}
        if countable:
            found["accuracy"] = self.correct / self.rows
        return found


class OptimizerState:
    """An optimizer's memory: the step number, and per slot one flat vector laid out like the parameters.

    `step` counts from the start of the run; at step `start` the slots were zero, which Adam's corrections go by.
    """

    def __init__(self, optimizer: Optimizer, layout: Layout, dtype: np.dtype[Any]) -> None:
        self.optimizer = optimizer
        self.layout = layout
        self.step = 0
        self.start = 0
        self.slots: dict[str, Array] = {slot: layout.zeros(dtype) for slot in optimizer.slots}

    def scalars(self) -> dict[str, NDArray[np.float64]]:
        """Returns the numbers of the next step, (1,) each, where that step is by itself and in no epoch of a run."""
        step = np.array([self.step])
        return self.optimizer.scalars(step - self.start, self.optimizer.schedule.rates(step, 1, ()))

    def views(self) -> dict[str, dict[str, Array]]:
        return {slot: self.layout.views(flat) for slot, flat in self.slots.items()}


class Slice(NamedTuple):
    """Some batches of one epoch: numbers first .. last-1, rows taken in `order` (None: as they come).

    `scalars` holds, per name, one number for each batch of the slice.
    """

    data: Data
    order: NDArray[np.int64] | None
    batch_size: int
    first: int
    last: int
    scalars: Mapping[str, NDArray[np.float64]]

    def rows(self, batch: int) -> Any:
        start = batch * self.batch_size
        stop = min(start + self.batch_size, self.data.rows)
        return slice(start, stop) if self.order is None else self.order[start:stop]


class Trained(NamedTuple):
    """What training a slice did: the sums given, with its own added batch by batch, and how many batches are done.

    Fewer than the slice has means that the next one brought up NaN or infinity; the parameters and slots are
    those from before it.
    """

    sums: Sums
    batches: int


class QuickStep(Protocol):
    """Makes steps from a few rows given in just the right form."""

    def step(self, x: Any, t: Any) -> float | None:
        """Makes one update and returns the loss; None where nothing was done and the long way must be taken."""


class QuickGradient(Protocol):
    """Finds gradients in training from a few rows given in just the right form."""

    def gradient(self, x: Any, t: Any, step: int, out: Array) -> float | None:
        """Fills `out`, and returns the loss; None where nothing was done and the long way must be taken."""


class Engine(Protocol):
    """Runs a model. All arguments are checked already, but for the quick ways, which check for themselves."""

    name: str

    @property
    def quick_predict(self) -> Callable[[Any], Array | None]:
        """Predicts a few rows given in just the right form; None where they are not, or where there is no quick way."""

    def quick_step(self, state: "OptimizerState", labels: bool) -> "QuickStep | None":
        """Returns a quick way to make single steps with this memory, None where there is none."""

    def predict(self, x: Array) -> Array:
        """Returns the outputs (N, ...) of samples (N, ...), in the model's type."""

    def evaluate(self, data: Data) -> Sums:
        """Returns the sums over all rows, outside training."""

    def quick_gradient(self, labels: bool) -> "QuickGradient | None":
        """Returns a quick way to find gradients in training, None where there is none."""

    def gradient(
        self, data: Data, training: bool = False, step: int = 0, out: Array | None = None
    ) -> tuple[float, Array]:
        """Returns the loss and dL/dp over all rows as one batch, in a flat vector laid out like the parameters.

        That is `out` where it is given, else a new one.

        In training, layers do as in the training step of that number. What is counted and not learned has no gradient:
        its places hold the values that it has after this batch; outside training, those that it has.
        """

    def apply(self, state: OptimizerState, flat: Array, scalars: Mapping[str, float]) -> bool:
        """Makes one update from such a vector: clipping, decay, slots, counted values, and one more step counted.

        `gradient` in training and `apply` together change the same bits as `train` with that one batch. What lies in
        the vector between the rows of parameters is not read. Returns False where NaN or infinity is in the gradient
        or came up; then nothing is changed.
        """

    def train(self, state: OptimizerState, part: Slice, sums: Sums) -> Trained:
        """Takes one step per batch, changing the parameters, the slots and the step count.

        Each batch's sums are added to the running `sums` in turn, so that an epoch's last bits do not depend on where
        it was cut into slices.
        """

    def release(self) -> None:
        """Lets go of the data of earlier calls, which is otherwise kept for the next slice of the same."""
