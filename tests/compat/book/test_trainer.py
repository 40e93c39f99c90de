"""The book's Trainer: what it prints, which samples it takes, and where the original's epochs are none."""

from collections import Counter
from itertools import chain
from typing import Any

import numpy as np
import pytest

from pellucid.compat.book.common.multi_layer_net import MultiLayerNet
from pellucid.compat.book.common.optimizer import Adam
from pellucid.compat.book.common.trainer import Trainer
from pellucid.errors import InputError

X = np.random.default_rng(3).normal(size=(30, 6)).astype(np.float32)
T = np.argmax(X[:, :3], axis=1)


class Recorder:
    """A network that only notes which samples it is given."""

    def __init__(self) -> None:
        self.params = {"W": np.zeros(1)}
        self.batches: list[list[int]] = []
        self.judged: list[int] = []

    def gradient(self, x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        self.batches.append([int(i) for i in x[:, 0]])
        return {"W": np.ones(1)}

    def loss(self, x: np.ndarray, t: np.ndarray) -> float:
        return 0.5

    def accuracy(self, x: np.ndarray, t: np.ndarray) -> float:
        self.judged.append(len(x))
        return 0.25


def recorded(rows: int, **options: Any) -> tuple[Recorder, Trainer]:
    numbers = np.arange(rows, dtype=float)[:, None]
    network = Recorder()
    trainer = Trainer(network, numbers, numbers, numbers[:7], numbers[:7], verbose=False, **options)
    trainer.train()
    return network, trainer


def test_every_epoch_takes_every_sample_once() -> None:
    network, _ = recorded(30, epochs=3, mini_batch_size=10)
    for epoch in range(3):
        assert sorted(chain(*network.batches[3 * epoch : 3 * epoch + 3])) == list(range(30))
    assert network.batches[:3] != network.batches[3:6]


def test_batches_that_do_not_fill_an_epoch_go_on_in_the_next() -> None:
    network, trainer = recorded(30, epochs=4, mini_batch_size=8)
    assert len(network.batches) == trainer.max_iter == 15 and {len(batch) for batch in network.batches} == {8}
    assert set(Counter(chain(*network.batches)).values()) == {4}
    assert trainer.current_epoch == 4 == len(trainer.train_acc_list)


def test_faithful_draws_with_replacement_and_hardly_ever_sees_a_broken_epoch() -> None:
    np.random.seed(5)
    network, trainer = recorded(30, epochs=4, mini_batch_size=8, faithful=True)
    np.random.seed(5)
    assert network.batches == [np.random.choice(30, 8).tolist() for _ in range(15)]
    assert trainer.current_epoch == 1


def test_accuracy_is_of_the_first_samples_where_so_asked() -> None:
    network, _ = recorded(30, epochs=2, mini_batch_size=10, evaluate_sample_num_per_epoch=5)
    assert network.judged == [5, 5, 5, 5, 7]


def test_printed_lines(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = Trainer(Recorder(), X, T, X[:5], T[:5], epochs=2, mini_batch_size=15)
    trainer.train()
    assert capsys.readouterr().out.splitlines() == [
        "train loss:0.5",
        "=== epoch:1, train acc:0.25, test acc:0.25 ===",
        "train loss:0.5",
        "train loss:0.5",
        "=== epoch:2, train acc:0.25, test acc:0.25 ===",
        "train loss:0.5",
        "=============== Final Test Accuracy ===============",
        "test acc:0.25",
    ]


def test_a_network_learns_and_is_seen_to() -> None:
    np.random.seed(0)
    network = MultiLayerNet(6, [20], 3)
    trainer = Trainer(network, X, T, X, T, 40, 10, "Adam", {"lr": 0.02}, verbose=False)
    trainer.train()
    assert isinstance(trainer.optimizer, Adam) and trainer.optimizer.iter == 120 == len(trainer.train_loss_list)
    assert trainer.train_loss_list[-1] < 0.5 * trainer.train_loss_list[0]
    assert trainer.test_acc_list[-1] > 0.9


def test_an_optimizer_that_there_is_not() -> None:
    with pytest.raises(InputError, match="did you mean 'adam'"):
        Trainer(Recorder(), X, T, X, T, optimizer="adamm")
