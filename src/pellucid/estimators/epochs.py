"""A run whose epochs are scikit-learn's: the same order of rows, the same decay by batch, the same loss."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Data, Slice, Sums, Trained
from pellucid.estimators.building import unregularized
from pellucid.estimators.rows import SparseRows, data_rows, parts_of, rows_at_once
from pellucid.estimators.rules import LearningRate
from pellucid.network import Network
from pellucid.optimizers import Optimizer
from pellucid.training import Callback, Run
from pellucid.training.parts import train_in_parts

try:
    from pellucid._core import shuffle as _native_shuffle
except ImportError:
    _native_shuffle = None  # type: ignore[assignment]


class EpochRun(Run):
    """Trains a network as scikit-learn does; `rate` and the optimizer's memory go on where an earlier run ended.

    rows_in_order: the order of the last epoch, which the next one's is a shuffle of; that of the rows where None is
    given, or one of other rows.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        validation: Data | None,
        optimizer: Optimizer,
        rate: LearningRate,
        *,
        alpha: float,
        random_state: np.random.RandomState,
        rows_in_order: NDArray[np.int64] | None,
        epochs: int,
        batch_size: int,
        shuffle: bool,
        callbacks: Sequence[Callback],
    ) -> None:
        super().__init__(
            network.session,
            data,
            validation,
            optimizer,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            initial_epoch=0,
            callbacks=callbacks,
            network=network,
        )
        self.rate, self.alpha, self._random_state = rate, alpha, random_state
        self._weight = data.weight
        if rows_in_order is None or len(rows_in_order) != data.rows:
            rows_in_order = np.arange(data.rows, dtype=np.int64)
        self.rows_in_order = rows_in_order
        self._starts = np.arange(0, data.rows, batch_size)
        self._rows = np.diff(self._starts, append=data.rows).astype(np.float64)
        self._set_decays(alpha / self._rows)
        self._others = unregularized(network)
        self._squares = (0.0, self._sum_of_squares())

    def order(self) -> NDArray[np.int64] | None:
        """Returns the last epoch's order, shuffled anew."""
        self._squares = (self._squares[1], self._squares[1])
        if self.shuffle:
            self.rows_in_order = self.rows_in_order.copy()  # The engine knows an order by its identity.
            shuffle(self.rows_in_order, self._random_state)
        if self._weight is not None:
            self._balance(self._weight[self.rows_in_order])
        return self.rows_in_order if self.shuffle else None

    def _balance(self, weight: NDArray[np.float64]) -> None:
        """Scales the weights so that each batch weighs as much as it has rows: its gradient stays, its loss counts so.

        scikit-learn adds up the weighted mean of each batch times its rows.
        """
        totals = np.add.reduceat(weight, self._starts)
        zeros = np.zeros(self.batches)
        self._set_decays(np.divide(self.alpha, totals, out=zeros.copy(), where=totals > 0))
        scale = np.divide(self._rows, totals, out=zeros, where=totals > 0)
        balanced = np.empty_like(weight)
        balanced[self.rows_in_order] = weight * np.repeat(scale, self._rows.astype(np.int64))
        self.data = replace(self.data, weight=balanced)

    def _set_decays(self, decays: NDArray[np.float64]) -> None:
        """Takes α / Σₙ wₙ of each batch, and its mean over the rows: at an epoch's beginning, and how it goes along."""
        self._decays = decays
        along = np.arange(self.batches) / self.batches
        shares = decays * self._rows / self.data.rows
        self._mean_decay, self._late_decay = float(shares.sum()), float(np.dot(shares, along))

    def rates(self) -> NDArray[np.float64]:
        return np.full(self.batches, self.rate.learning_rate)

    def scalars(self, rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        first = self.state.step - self.state.start
        return self.optimizer.scalars(np.arange(first, first + self.batches), rates) | {"l2": self._decays}

    def penalty(self) -> float:
        """Returns the mean over the last epoch's batches, by their rows, of ½ α ‖W‖² / Σₙ wₙ.

        ‖W‖² is measured at both ends of the epoch and taken to change evenly between them.
        """
        before, after = self._squares[0], self._sum_of_squares()
        self._squares = (before, after)
        return 0.5 * (before * self._mean_decay + (after - before) * self._late_decay)

    def _sum_of_squares(self) -> float:
        """‖W‖² over all weights: that of the whole vector, whose pads are zero, without what else is in it."""
        flat = self.model.parameters.flat
        return float(flat.dot(flat)) - sum([float(v.dot(v)) for v in self._others])

    def train_batches(self, part: Slice) -> Trained:
        """Makes sparse rows dense, some batches at a time."""
        if not isinstance(part.data.x, SparseRows):
            return super().train_batches(part)
        at_once = rows_at_once(part.data.x)
        return train_in_parts(self.engine, self.state, part, self.sums, at_once, self.rows_as_trained)

    def evaluate(self, data: Data) -> Sums:
        """Returns the sums over all rows, made dense part by part where they are sparse."""
        if not isinstance(data.x, SparseRows):
            return super().evaluate(data)
        sums = Sums()
        for part in parts_of(data.x):
            sums += super().evaluate(data_rows(data, part))
        return sums


def shuffle(rows: NDArray[np.int64], random_state: np.random.RandomState) -> None:
    """Does what `random_state.shuffle(rows)` does, by the core where there is one: in less than half the time."""
    if _native_shuffle is None:
        random_state.shuffle(rows)
        return
    generator = random_state._bit_generator
    with generator.lock:
        _native_shuffle(rows, generator.capsule)
