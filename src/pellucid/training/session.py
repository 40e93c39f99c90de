"""A network below its face: the model, the engine that runs it, an optimizer's memory, and the last history."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Data, Engine, Model, OptimizerState, Slice, Sums
from pellucid.engines.diagnosis import first_not_finite
from pellucid.engines.protocol import QuickGradient
from pellucid.errors import InputError, NotFiniteError
from pellucid.ops import Array
from pellucid.optimizers import Optimizer
from pellucid.training.gradients import first_not_finite_gradient
from pellucid.training.history import History
from pellucid.training.pace import Pace


class Session:
    """A model on its engine, to be trained and asked; the face, the estimators and the twins all go through it.

    Data comes in checked, by `check_data` and `check_samples` or by whoever makes it; what a caller gives as a gradient
    or as a place for one, by `training.gradients`.

    Attributes:
        model, engine: what is trained, and what runs it.
        history: that of the last `fit`, or None.
    """

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model, self.engine = model, engine
        self.history: History | None = None
        self._state: OptimizerState | None = None
        self._pace = Pace()
        self._quick: tuple[bool, QuickGradient | None] | None = None
        self._out: tuple[Array, dict[str, Array]] | None = None

    # The optimizer's memory ------------------------------------------------------------------------------------------

    def optimizer_state(self, optimizer: Optimizer) -> OptimizerState:
        """Returns the memory that is kept for this optimizer; new, and kept, where another one was used before."""
        self._state = self.memory(optimizer)
        return self._state

    @property
    def last_optimizer(self) -> Optimizer | None:
        """The optimizer whose memory is kept: the one that trained last."""
        return None if self._state is None else self._state.optimizer

    def memory(self, optimizer: Optimizer) -> OptimizerState:
        """Returns the same without keeping it: for a look at what a step would do."""
        if self._state is None or self._state.optimizer != optimizer:
            return OptimizerState(optimizer, self.model.parameters.layout, self.model.dtype)
        return self._state

    # Asking ----------------------------------------------------------------------------------------------------------

    def quick_predict(self, x: Any) -> Array | None:
        """Returns the outputs of a few rows in just the right form, None for all others; looks at x itself."""
        return self.engine.quick_predict(x)

    def predict(self, x: Any) -> Array:
        """Returns the outputs (N, ...) of samples (N, ...) that are checked."""
        y = self.engine.quick_predict(x)
        return self.engine.predict(x) if y is None else y

    def evaluate(self, data: Data) -> Sums:
        """Returns the sums of loss, weight and right answers over all rows, outside training."""
        return self.engine.evaluate(data)

    def gradient(self, data: Data, training: bool = False, out: Array | None = None) -> tuple[float, dict[str, Array]]:
        """Returns the loss and its gradient by name, as `Network.gradient` does, in `out` where that is given.

        The masks of dropout are those of the step that comes next.
        """
        loss, flat = self.engine.gradient(data, training, self._next_step, out)
        return loss, self._by_name(flat, training)

    @property
    def _next_step(self) -> int:
        return 0 if self._state is None else self._state.step

    def _by_name(self, flat: Array, training: bool) -> dict[str, Array]:
        layout = self.model.parameters.layout
        names = layout.slots if training else self.model.learned
        return {name: layout.view(flat, name) for name in names}

    def prepare_gradient(self, out: Array, labels: bool) -> None:
        """Makes the quick way ready for gradients in training that go into this vector, in the form of the last one."""
        if self.model.least_rows > 1:
            return
        if self._quick is None or self._quick[0] != labels:
            self._quick = (labels, self.engine.quick_gradient(labels))
        if self._out is None or self._out[0] is not out:
            self._out = (out, self._by_name(out, True))

    def quick_gradient(self, x: Any, t: Any, out: Array) -> tuple[float, dict[str, Array]] | None:
        """Returns what `gradient` in training does, if x, t and out come in the form of the last ones, else None."""
        if self._quick is None or self._out is None:
            return None
        (_, quick), (known, by_name) = self._quick, self._out
        if known is not out or quick is None:
            return None
        loss = quick.gradient(x, t, self._next_step, out)
        return None if loss is None else (loss, by_name)

    # Training --------------------------------------------------------------------------------------------------------

    def step(self, data: Data, optimizer: Optimizer) -> float:
        """Makes one update from all rows as one batch; returns the loss from before it.

        Raises:
            NotFiniteError: NaN or infinity came up; nothing was changed.
        """
        state = self.optimizer_state(optimizer)
        done = self.engine.train(state, Slice(data, None, data.rows, 0, 1, state.scalars()), Sums())
        if not done.batches:
            found = first_not_finite(self.model, data, slice(None), state.step)
            raise _not_finite(found, state)
        return done.sums.loss / done.sums.weight

    def apply(self, flat: Array, optimizer: Optimizer) -> None:
        """Makes one update from a gradient laid out like the parameters.

        Raises:
            NotFiniteError: NaN or infinity is in it, or came up; nothing was changed.
        """
        state = self.optimizer_state(optimizer)
        if not self.engine.apply(state, flat, {name: float(values[0]) for name, values in state.scalars().items()}):
            raise _not_finite(first_not_finite_gradient(self.model.parameters.layout, flat), state)

    def train(
        self,
        data: Data,
        order: NDArray[np.int64] | None,
        batch_size: int,
        optimizer: Optimizer,
        rates: NDArray[np.float64],
        first: int = 0,
    ) -> int:
        """Takes one step for each batch of an epoch from the first one on; rates: a learning rate for every batch.

        Ctrl-C is heard every 50 ms. Returns how many batches of the epoch are done: fewer than there are rates where
        the next one brought up NaN or infinity; the parameters are those from before it.
        """
        state = self.optimizer_state(optimizer)
        while first < len(rates):
            last = min(len(rates), first + self._pace.batches)
            part = Slice(data, order, batch_size, first, last, {"learning_rate": rates[first:last]})
            began = time.perf_counter()
            done = self.engine.train(state, part, Sums()).batches
            self._pace.measured(done, time.perf_counter() - began)
            first += done
            if first < last:
                break
        return first

    def release(self) -> None:
        """Lets go of the data that the engine keeps for the next slice of the same."""
        self.engine.release()


def checked_optimizer(optimizer: Any) -> Optimizer:
    """Returns the optimizer; raises InputError where it is none."""
    if not isinstance(optimizer, Optimizer):
        raise InputError(f"optimizer is {optimizer!r:.80}, not an optimizer; make one, such as SGD(0.1).")
    return optimizer


def _not_finite(found: str, state: OptimizerState) -> NotFiniteError:
    return NotFiniteError(f"{found} at step {state.step}; the parameters are unchanged, try a smaller learning_rate.")
