"""Ctrl-C ends training between two batches and keeps what there is."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pellucid.optimizers import Adam
from pellucid.training import Callback, Checkpoint, EarlyStopping, Run
from small import bits, network, samples, untimed

X, T = samples()


class PressCtrlC(Callback):
    """Sends this process the signal of Ctrl-C after a batch."""

    def __init__(self, at_step: int) -> None:
        self.at_step = at_step

    def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
        if run.step == self.at_step:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_keeps_the_history_and_the_last_state_and_writes_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole, broken = network(), network()
    together = whole.fit(X, T, epochs=4, batch_size=10, optimizer=Adam())
    history = broken.fit(
        X, T, epochs=4, batch_size=10, optimizer=Adam(), callbacks=[PressCtrlC(7), Checkpoint(path, every_epochs=100)]
    )
    assert (history.interrupted, history.stopped_by, history.epochs) == (True, "Ctrl-C", [0])
    assert broken.optimizer_state(Adam()).step == 7
    assert bits(broken) != bits(whole)
    rest = broken.fit(X, T, epochs=4, batch_size=10, optimizer=Adam(), resume=path)
    assert bits(broken) == bits(whole)
    assert untimed(rest) == untimed(together)
    assert not rest.interrupted
    assert rest.stopped_by is None


def test_pythons_own_handler_is_back_afterwards() -> None:
    network().fit(X, T, epochs=1, callbacks=[PressCtrlC(1)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_keyboard_interrupt_out_of_a_callback_counts_too() -> None:
    class Raise(Callback):
        def on_epoch_end(self, run: Run, epoch: int, logs: Any) -> None:
            raise KeyboardInterrupt

    assert network().fit(X, T, epochs=5, callbacks=[Raise()]).interrupted


def test_a_second_ctrl_c_is_not_held_back(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    net = network()
    train = net.session.engine.train

    def press_twice(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return train(*arguments)

    net.session.engine.train = press_twice  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, T, epochs=5, callbacks=[Checkpoint(path)])
    assert not path.exists(), "a state that may be torn must not be kept"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_users_own_is_left_alone() -> None:
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        history = network().fit(X, T, epochs=2, callbacks=[PressCtrlC(1)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [signal.SIGINT]
    assert history.epochs == [0, 1]


def test_early_stopping_does_not_put_back_older_parameters_after_ctrl_c() -> None:
    with_it, without = network(), network()
    with_it.fit(X, T, epochs=4, batch_size=10, callbacks=[EarlyStopping("loss"), PressCtrlC(8)])
    without.fit(X, T, epochs=4, batch_size=10, callbacks=[PressCtrlC(8)])
    assert bits(with_it) == bits(without)


def test_training_in_another_thread_works() -> None:
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(network().fit(X, T, epochs=2)))
    thread.start()
    thread.join()
    assert done[0].epochs == [0, 1]


@pytest.mark.skipif(os.name == "nt", reason="sends a signal to a process")
def test_a_process_that_gets_ctrl_c_ends_its_training_and_goes_on() -> None:
    code = (
        "from small import network, samples\n"
        "from pellucid.training import Callback\n"
        "class Say(Callback):\n"
        "    def on_train_begin(self, run): print('training', flush=True)\n"
        "x, t = samples(5000)\n"
        "history = network().fit(x, t, epochs=10**6, batch_size=1, callbacks=[Say()], verbose=0)\n"
        "print('interrupted', history.interrupted, history.stopped_by)\n"
    )
    tests = str(Path(__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert (rest, process.returncode) == ("interrupted True Ctrl-C\n", 0)
