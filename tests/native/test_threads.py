"""Threads: how many, several networks at once, and processes made by fork."""

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import Network
from pellucid.errors import InputError
from pellucid.layers import Affine, BatchNorm, Conv2D, Dropout, Flatten, MaxPool2D, ReLU, Tanh
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.optimizers import Adam

ROWS = 300


def network(seed: int = 0, threads: int | None = 2) -> Network:
    layers = [Affine(200), ReLU(), Dropout(0.1), Affine(150), ReLU(), Affine(5)]
    return Network(layers, SoftmaxCrossEntropy(), input_shape=64, seed=seed, engine="native", threads=threads)


def convolutional(seed: int = 0, threads: int | None = 2) -> Network:
    layers = [Conv2D(17, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(), Conv2D(8, 2), Tanh(), Flatten()]
    return Network(
        [*layers, Affine(5)], SoftmaxCrossEntropy(), input_shape=(1, 8, 8), seed=seed, engine="native", threads=threads
    )


def train(net: Network, epochs: int = 3) -> bytes:
    x = np.random.default_rng(net.seed).normal(size=(ROWS, *net.input_shape)).astype(np.float32)
    net.fit(x, np.arange(ROWS) % 5, epochs=epochs, batch_size=100, optimizer=Adam(0.01), verbose=0)
    return net.parameters.flat.tobytes() + net.predict(x).tobytes()


@pytest.mark.parametrize("make, threads", [(network, 1), (network, 2), (network, 4), (convolutional, 3)])
def test_networks_that_train_at_once_get_the_bits_they_get_alone(
    make: Callable[[int, int], Network], threads: int
) -> None:
    alone = [train(make(seed, threads), epochs=12) for seed in range(3)]
    found: dict[int, bytes] = {}
    barrier = threading.Barrier(3)

    def work(seed: int) -> None:
        net = make(seed, threads)
        barrier.wait()
        found[seed] = train(net, epochs=12)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [found[seed] for seed in range(3)] == alone


def test_one_network_predicts_and_evaluates_in_several_threads_at_once() -> None:
    net = network()
    x = [np.random.default_rng(i).normal(size=(700, 64)).astype(np.float32) for i in range(4)]
    t = np.arange(700) % 5
    expected = [(net.predict(part).tobytes(), net.evaluate(part, t), net.gradient(part, t)[0]) for part in x]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(15):
            if (net.predict(x[i]).tobytes(), net.evaluate(x[i], t), net.gradient(x[i], t)[0]) != expected[i]:
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def in_child(net: Network, answer: Any) -> None:
    answer.put((train(net), train(network(8))))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_training_goes_on_after_a_fork_in_parent_and_child() -> None:
    net = network()
    train(net)
    twin = network()
    train(twin)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    child = context.Process(target=in_child, args=(net, answer))
    child.start()
    found = answer.get(timeout=60)
    child.join(timeout=60)
    assert child.exitcode == 0
    assert found == (train(twin), train(network(8)))
    assert train(net) == found[0], "the child's training did not touch the parent's network"


FORK_WHILE_TRAINING = """
import os, sys, threading
sys.path.insert(0, {folder!r})
from test_threads import network, train

net = network()
going = threading.Thread(target=lambda: train(net, epochs=400))
going.start()
expected = train(network(5))
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if train(network(5)) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
going.join()
other = network()
train(other, epochs=400)
assert other.parameters.flat.tobytes() == net.parameters.flat.tobytes()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_another_thread_trains() -> None:
    script = FORK_WHILE_TRAINING.format(folder=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# How many ------------------------------------------------------------------------------------------------------------

COUNTING = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from test_threads import network, train
before = len(list(Path("/proc/self/task").iterdir()))
train(network(threads={threads}))
print(len(list(Path("/proc/self/task").iterdir())) - before)
"""


def started(threads: int | None, variable: str | None) -> str:
    environment = {**os.environ, "PELLUCID_NUM_THREADS": variable or ""}
    script = COUNTING.format(folder=str(Path(__file__).parent), threads=threads)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_as_many_threads_run_as_were_asked_for() -> None:
    assert started(1, None) == "0"
    assert started(3, None) == "2"
    assert started(None, "4") == "3"
    assert started(2, "4") == "1"


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two", True, float("nan"), [2]])
def test_a_senseless_number_of_threads_is_refused(threads: Any) -> None:
    with pytest.raises(InputError, match=r"^threads must be a whole number of 1 or more, got "):
        network(threads=threads)


@pytest.mark.parametrize("value", ["0", "-3", "many", "1.5"])
def test_a_senseless_environment_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_NUM_THREADS", value)
    with pytest.raises(InputError, match=rf"^PELLUCID_NUM_THREADS must be a whole number of 1 or more, got '{value}'"):
        network(threads=None)
    assert train(network(threads=1))


def test_more_threads_than_make_sense_are_taken_as_64() -> None:
    assert train(network(threads=10**9), epochs=1) == train(network(threads=1), epochs=1)
