"""A run stopped after any batch and resumed is the run that was never stopped; another run is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import checkpoint
from pellucid.errors import CheckpointError
from pellucid.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from pellucid.schedules import Cosine, ReduceOnPlateau, WarmUp
from pellucid.training import Callback, Checkpoint, EarlyStopping, Run
from small import bits, network, samples, untimed

X, T = samples()
OTHER = samples(20, seed=1)


class Stop(Callback):
    def __init__(self, at_step: int) -> None:
        self.at_step = at_step

    def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
        if run.step == self.at_step:
            run.stop("the test")


def fit(net: Any, optimizer: Any, **options: Any) -> Any:
    return net.fit(X, T, epochs=4, batch_size=12, optimizer=optimizer, validation_data=OTHER, **options)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(WarmUp(Cosine(0.5, 4), 2)),
        Momentum(0.1, weight_decay=0.01),
        Nesterov(0.1, clip_norm=1.0),
        AdaGrad(0.1),
        RMSprop(),
        Adam(ReduceOnPlateau(0.01, patience=1, threshold=0.5)),
        AdamW(0.01),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
@pytest.mark.parametrize("step", [1, 5, 7, 10, 19])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path, optimizer: Any, step: int) -> None:
    path = tmp_path / "run.safetensors"
    whole, first, second = network(), network(), network()
    together = fit(whole, optimizer)
    fit(first, optimizer, callbacks=[Stop(step), Checkpoint(path, every_epochs=100)])
    assert bits(first) != bits(whole)
    resumed = fit(second, optimizer, resume=path)
    assert bits(second) == bits(whole)
    assert untimed(resumed) == untimed(together)
    for slot, values in second.optimizer_state(optimizer).slots.items():
        assert values.tobytes() == whole.optimizer_state(optimizer).slots[slot].tobytes()


def test_early_stopping_goes_on_counting(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    options: Any = {"epochs": 60, "batch_size": 12, "optimizer": Adam(0.05), "validation_data": OTHER}
    whole = network()
    together = whole.fit(X, T, callbacks=[EarlyStopping(patience=3)], **options)
    assert together.stopped_by is not None
    for step in (together.best("validation_loss").epoch * 5 + 7, len(together.epochs) * 5 - 1):
        network().fit(X, T, callbacks=[Stop(step), EarlyStopping(patience=3), Checkpoint(path)], **options)
        resumed = network()
        history = resumed.fit(X, T, callbacks=[EarlyStopping(patience=3)], resume=path, **options)
        assert bits(resumed) == bits(whole)
        assert untimed(history) == untimed(together)
        assert history.stopped_by == together.stopped_by


def test_a_run_that_early_stopping_ended_stays_ended(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    callbacks = [EarlyStopping("loss", patience=1, min_delta=1e9), Checkpoint(path)]
    net = network()
    history = fit(net, SGD(0.1), callbacks=callbacks)
    again = network()
    resumed = fit(again, SGD(0.1), callbacks=[EarlyStopping("loss", patience=1, min_delta=1e9)], resume=path)
    assert (resumed.epochs, resumed.stopped_by) == (history.epochs, history.stopped_by)
    assert bits(again) == bits(net)


def test_a_finished_run_can_go_on_for_more_epochs(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole, parts = network(), network()
    whole.fit(X, T, epochs=6, optimizer=Adam())
    parts.fit(X, T, epochs=2, optimizer=Adam(), callbacks=[Checkpoint(path)])
    history = parts.fit(X, T, epochs=6, optimizer=Adam(), resume=path)
    assert bits(parts) == bits(whole)
    assert history.epochs == list(range(6))


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    net, again = network(), network()
    fit(net, Adam(), callbacks=[Checkpoint(path)])
    assert fit(again, Adam(), resume=path).epochs == [0, 1, 2, 3]
    assert bits(again) == bits(net)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 13}, "another batch_size: 12 there, 13 here"),
        ({"optimizer": Adam(0.02)}, "another optimizer"),
        ({"optimizer": SGD(0.01)}, "another optimizer"),
        ({"shuffle": False}, "another shuffle"),
        ({"x": X[:-1], "t": T[:-1]}, "another rows: 50 there, 49 here"),
        ({"x": X * 2}, "another data"),
        ({"t": T[::-1]}, "another data"),
        ({"sample_weight": np.ones(len(X))}, "another data"),
        ({"validation_data": None}, "another validation rows"),
        ({"network": {"seed": 5}}, "another seed"),
        ({"network": {"dtype": "float64"}}, "another dtype"),
    ],
)
def test_another_run_is_refused_and_nothing_is_changed(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "run.safetensors"
    options: Any = {"epochs": 2, "batch_size": 12, "optimizer": Adam(0.01), "validation_data": OTHER}
    network().fit(X, T, callbacks=[Checkpoint(path)], **options)
    other = network(**change.pop("network", {}))
    x, t = change.pop("x", X), change.pop("t", T)
    options |= change
    other.fit(x, t, **options)
    before, slots = bits(other), other.optimizer_state(options["optimizer"]).slots
    memory = {name: values.tobytes() for name, values in slots.items()}
    with pytest.raises(CheckpointError) as caught:
        other.fit(x, t, resume=path, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert bits(other) == before
    assert {name: values.tobytes() for name, values in slots.items()} == memory


def test_another_engine_goes_on_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    network().fit(X, T, epochs=1, callbacks=[Checkpoint(path)])
    found = checkpoint.read(path)
    assert found.training is not None
    found.training["engine"] = "abacus"
    checkpoint.save(path, network().model, found.training, found.arrays)
    with pytest.warns(UserWarning, match="of a run on the abacus engine") as caught:
        assert network().fit(X, T, epochs=2, resume=path).epochs == [0, 1]
    assert caught[0].filename == __file__


def test_a_network_alone_is_no_run(tmp_path: Path) -> None:
    net = network()
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match="no run to resume"):
        net.fit(X, T, resume=tmp_path / "net.safetensors")


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        network().fit(X, T, resume=tmp_path / "nothing")


@pytest.mark.parametrize("key", ["epoch", "sums", "history"])
@pytest.mark.parametrize("value", [None, "x", [], {}, -1])
def test_a_position_that_makes_no_sense_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "run.safetensors"
    net = network()
    fit(net, Adam(), callbacks=[Checkpoint(path)])
    found = checkpoint.read(path)
    assert found.training is not None
    found.training["position"][key] = value
    checkpoint.save(path, net.model, found.training, found.arrays)
    with pytest.raises(CheckpointError):
        fit(network(), Adam(), resume=path)


def test_a_memory_that_holds_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    net = network()
    fit(net, Adam(), callbacks=[Checkpoint(path)])
    found = checkpoint.read(path)
    found.arrays["optimizer.m.0.W"][0, 0] = np.nan
    checkpoint.save(path, net.model, found.training, found.arrays)
    with pytest.raises(CheckpointError, match=r"NaN in the optimizer's m of 0\.W"):
        fit(network(), Adam(), resume=path)
