"""EarlyStopping and StopOnNaN, the order of the callbacks, and stopping from a callback."""

from typing import Any

import numpy as np
import pytest

from pellucid import Network
from pellucid.errors import InputError, NotFiniteError
from pellucid.layers import Affine, ReLU
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD, Adam, Momentum
from pellucid.training import Callback, Checkpoint, EarlyStopping, Run, StopOnNaN
from small import ENGINE, bits, network, samples

X, T = samples()
OTHER = samples(40, seed=1)


class Diary(Callback):
    """Notes every call."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def on_train_begin(self, run: Run) -> None:
        self.notes.append(f"{self.name} train begin")

    def on_train_end(self, run: Run) -> None:
        self.notes.append(f"{self.name} train end")

    def on_epoch_begin(self, run: Run, epoch: int) -> None:
        self.notes.append(f"{self.name} epoch {epoch} begin")

    def on_epoch_end(self, run: Run, epoch: int, logs: Any) -> None:
        self.notes.append(f"{self.name} epoch {epoch} end {sorted(logs)[:2]}")

    def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
        self.notes.append(f"{self.name} batch {batch} {sorted(logs)}")


class KeepBits(Callback):
    def __init__(self) -> None:
        self.by_epoch: list[bytes] = []

    def on_epoch_end(self, run: Run, epoch: int, logs: Any) -> None:
        self.by_epoch.append(bits(run.network))


def test_the_hooks_come_in_order_and_the_end_in_reverse() -> None:
    notes: list[str] = []
    network().fit(X, T, epochs=1, batch_size=25, callbacks=[Diary("a", notes), Diary("b", notes)])
    batch = "['accuracy', 'learning_rate', 'loss']"
    assert notes == [
        "a train begin",
        "b train begin",
        "a epoch 0 begin",
        "b epoch 0 begin",
        f"a batch 0 {batch}",
        f"b batch 0 {batch}",
        f"a batch 1 {batch}",
        f"b batch 1 {batch}",
        "a epoch 0 end ['accuracy', 'learning_rate']",
        "b epoch 0 end ['accuracy', 'learning_rate']",
        "b train end",
        "a train end",
    ]


def test_a_callbacks_error_comes_out_and_the_others_are_told_of_the_end() -> None:
    class Fails(Callback):
        def on_epoch_end(self, run: Run, epoch: int, logs: Any) -> None:
            raise RuntimeError("no")

    notes: list[str] = []
    net = network()
    with pytest.raises(RuntimeError):
        net.fit(X, T, epochs=3, callbacks=[Diary("a", notes), Fails()])
    assert notes[-1] == "a train end"
    assert net.history is not None and net.history.epochs == [0]


def test_a_callback_can_stop_in_the_middle_of_an_epoch() -> None:
    class Third(Callback):
        def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
            if run.step == 8:
                run.stop("that is enough")

    net = network()
    history = net.fit(X, T, epochs=3, batch_size=10, callbacks=[Third()], optimizer=Adam())
    assert (history.epochs, history.stopped_by, history.interrupted) == ([0], "that is enough", False)
    assert net.optimizer_state(Adam()).step == 8


def test_early_stopping_waits_and_restores_the_best() -> None:
    keep = KeepBits()
    net = network()
    stopping = EarlyStopping("validation_accuracy", patience=3)
    history = net.fit(X, T, epochs=200, optimizer=Adam(0.05), validation_data=OTHER, callbacks=[stopping, keep])
    best = history.best("validation_accuracy")
    assert len(history.epochs) < 200
    assert history.epochs[-1] == best.epoch + 3
    assert bits(net) == keep.by_epoch[best.epoch] != keep.by_epoch[-1]
    assert history.stopped_by is not None and history.stopped_by.startswith("EarlyStopping")


def test_early_stopping_restores_the_best_also_at_the_last_epoch() -> None:
    keep = KeepBits()
    net = network()
    # Too long a step: the loss only rises after the first epoch.
    history = net.fit(X, T, epochs=3, optimizer=SGD(200.0), validation_data=OTHER, callbacks=[EarlyStopping(), keep])
    assert history.stopped_by is None
    assert history.best("validation_loss").epoch < 2
    assert bits(net) == keep.by_epoch[history.best("validation_loss").epoch]


def test_early_stopping_can_leave_the_last_parameters() -> None:
    keep = KeepBits()
    net = network()
    stopping = EarlyStopping("loss", patience=1, min_delta=1e9, restore_best=False)
    history = net.fit(X, T, epochs=9, callbacks=[stopping, keep])
    assert history.epochs == [0, 1]
    assert bits(net) == keep.by_epoch[-1]


def test_early_stopping_can_be_used_twice() -> None:
    stopping = EarlyStopping("loss", patience=2, min_delta=1e9)
    for _ in range(2):
        assert network().fit(X, T, epochs=9, callbacks=[stopping]).epochs == [0, 1, 2]


def diverging() -> tuple[Network, Any, Any]:
    net = Network([Affine(8), ReLU(), Affine(3)], loss=MeanSquaredError(), input_shape=6, seed=1, engine=ENGINE)
    return net, 100 * X, np.eye(3)[T]


def test_nan_is_named_and_the_parameters_before_it_are_kept() -> None:
    class Last(Callback):
        def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
            self.bits, self.step = bits(run.network), run.step

    net, x, t = diverging()
    last = Last()
    with pytest.raises(NotFiniteError) as caught:
        net.fit(x, t, epochs=50, batch_size=10, optimizer=SGD(1.0), callbacks=[last])
    message = str(caught.value)
    epoch, batch = divmod(last.step, 5)
    assert message.startswith(("infinity in ", "NaN in "))
    assert f", in epoch {epoch}, batch {batch}; " in message
    assert "learning_rate" in message and "\n" not in message
    assert bits(net) == last.bits
    assert np.isfinite(net.parameters.flat).all()
    assert caught.value.history is net.history is not None


def test_nan_can_end_training_without_an_error(tmp_path: Any) -> None:
    net, x, t = diverging()
    path = tmp_path / "run.safetensors"
    history = net.fit(
        x, t, epochs=50, optimizer=SGD(1.0), callbacks=[StopOnNaN(raises=False), Checkpoint(path, every_epochs=1000)]
    )
    assert history.stopped_by is not None and history.stopped_by.startswith("infinity in ")
    assert not path.exists()


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_an_update_that_overflows_leaves_parameters_and_memory_as_they_were(engine: str) -> None:
    net = network(engine=engine)
    optimizer = Momentum(0.1)
    net.fit(X, T, epochs=1, optimizer=optimizer)
    net.optimizer_state(optimizer).views()["v"]["0.W"][0, 0] = 3.2e38
    net.parameters["0.W"][0, 0] = 0.8e38  # The product with x stays finite; w + μ v does not.
    before, memory = bits(net), net.optimizer_state(optimizer).slots["v"].tobytes()
    with pytest.raises(NotFiniteError, match="the parameters after the update"):
        net.fit(X, T, epochs=2, initial_epoch=1, optimizer=optimizer)
    assert (bits(net), net.optimizer_state(optimizer).slots["v"].tobytes()) == (before, memory)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_parameter_is_named(value: float) -> None:
    net = network()
    net.parameters["3.W"][1, 2] = value
    with pytest.raises(NotFiniteError, match=r"parameter 3\.W of layer 3 \(Affine\), in epoch 0, batch 0"):
        net.fit(X, T, epochs=1)


def test_an_unknown_metric_is_refused_by_the_history_too() -> None:
    history = network().fit(X, T, epochs=1)
    with pytest.raises(InputError, match="did you mean 'loss'"):
        history.best("los")
