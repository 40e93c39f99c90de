"""The book's training loop, 5.7 and chapter 6, as a class."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.compat.book.common.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from pellucid.compat.switch import is_faithful
from pellucid.errors import InputError, suggest
from pellucid.ops import Array

_OPTIMIZERS: dict[str, Any] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}


class Trainer:
    """Trains a network of the book on mini-batches, and prints and keeps losses and accuracies.

    In every epoch each sample comes once, in an order drawn by np.random.permutation; the original, and this with
    faithful, draws every batch anew with np.random.choice, where a sample may come often or never. Each step's loss is
    that after the update. The accuracies are those after the first step of each epoch, over the first
    `evaluate_sample_num_per_epoch` samples or all; they are in train_acc_list and test_acc_list.

    Raises:
        InputError: an optimizer that there is not.
    """

    def __init__(
        self,
        network: Any,
        x_train: Array,
        t_train: Array,
        x_test: Array,
        t_test: Array,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: Mapping[str, float] | None = None,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
        faithful: bool | None = None,
    ) -> None:
        self.network, self.verbose = network, verbose
        self.x_train, self.t_train = x_train, t_train
        self.x_test, self.t_test = x_test, t_test
        self.epochs, self.batch_size = epochs, mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        self.faithful = is_faithful(faithful)
        if optimizer.lower() not in _OPTIMIZERS:
            raise InputError(f"there is no optimizer {optimizer!r}; {suggest(optimizer, _OPTIMIZERS)}")
        self.optimizer = _OPTIMIZERS[optimizer.lower()](
            **({"lr": 0.01} if optimizer_param is None else optimizer_param)
        )
        self.train_size = x_train.shape[0]
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = self.current_epoch = 0
        self.train_loss_list: list[Any] = []
        self.train_acc_list: list[Any] = []
        self.test_acc_list: list[Any] = []
        self._to_come = np.empty(0, dtype=np.int64)

    def train_step(self) -> None:
        """Makes one update from the next batch, and looks at the accuracies where an epoch begins."""
        rows = self._next_rows()
        x, t = self.x_train[rows], self.t_train[rows]
        self.optimizer.update(self.network.params, self.network.gradient(x, t))
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        self._say(f"train loss:{loss}")
        if self._epoch_begins():
            self.current_epoch += 1
            self._evaluate()
        self.current_iter += 1

    def train(self) -> None:
        """Makes all steps, and prints the accuracy over all test samples."""
        for _ in range(self.max_iter):
            self.train_step()
        accuracy = self.network.accuracy(self.x_test, self.t_test)
        self._say(f"=============== Final Test Accuracy ===============\ntest acc:{accuracy}")

    def _next_rows(self) -> Array:
        if self.faithful:
            return np.random.choice(self.train_size, self.batch_size)
        while len(self._to_come) < self.batch_size:
            self._to_come = np.append(self._to_come, np.random.permutation(self.train_size))
        rows, self._to_come = self._to_come[: self.batch_size], self._to_come[self.batch_size :]
        return rows

    def _epoch_begins(self) -> bool:
        """In the original only where the steps so far are whole epochs: hardly ever if batches do not fill them."""
        if self.faithful:
            return bool(self.current_iter % self.iter_per_epoch == 0)
        return bool(self.current_iter >= self.current_epoch * self.iter_per_epoch)

    def _evaluate(self) -> None:
        first = slice(self.evaluate_sample_num_per_epoch)
        train = self.network.accuracy(self.x_train[first], self.t_train[first])
        test = self.network.accuracy(self.x_test[first], self.t_test[first])
        self.train_acc_list.append(train)
        self.test_acc_list.append(test)
        self._say(f"=== epoch:{self.current_epoch}, train acc:{train}, test acc:{test} ===")

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line)


__all__ = ["np", "Trainer", "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]
