"""Each argument of fit that cannot be used is refused in one sentence, before anything changes."""

from typing import Any

import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.optimizers import SGD
from pellucid.schedules import Schedule
from pellucid.training import Callback, Checkpoint, EarlyStopping, Run
from small import ROWS, bits, network, samples

X, T = samples()


class Wrong(Schedule):
    def __init__(self, rates: Any) -> None:
        self.given = rates

    def rates(self, steps: Any, steps_per_epoch: int, losses: Any) -> Any:
        return self.given


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 0}, "batch_size must be an integer of 1 or more"),
        ({"batch_size": -3}, "batch_size must be"),
        ({"batch_size": 2.5}, "batch_size must be"),
        ({"batch_size": True}, "batch_size must be"),
        ({"batch_size": "all"}, "batch_size must be"),
        ({"epochs": 0}, "epochs must be an integer of 1 or more"),
        ({"epochs": 1.0}, "epochs must be"),
        ({"initial_epoch": -1}, "initial_epoch must be"),
        ({"epochs": 5, "initial_epoch": 5}, "epochs=10 trains 5 more"),
        ({"epochs": 2, "resume": "somewhere", "initial_epoch": 1}, "cannot both be given"),
        ({"optimizer": "sgd"}, "not an optimizer"),
        ({"optimizer": SGD}, "make one, such as SGD"),
        ({"validation_data": X}, "validation_data must be"),
        ({"validation_data": (X,)}, "validation_data must be"),
        ({"validation_data": (X, T[:-1])}, "validation_data: t has 49 rows"),
        ({"validation_data": (X[:, 1:], T)}, "validation_data: x has the shape"),
        ({"validation_fraction": 0}, "above 0 and below 1"),
        ({"validation_fraction": 1.0}, "above 0 and below 1"),
        ({"validation_fraction": float("nan")}, "above 0 and below 1"),
        ({"validation_fraction": "half"}, "above 0 and below 1"),
        ({"validation_fraction": 0.001}, "leaves 0 for validation"),
        ({"validation_data": (X, T), "validation_fraction": 0.1}, "cannot both be given"),
        ({"sample_weight": np.ones(3)}, "sample_weight has the shape"),
        ({"sample_weight": -np.ones(ROWS)}, "0 or more"),
        ({"class_weight": "blanced"}, "'balanced'"),
        ({"class_weight": {7: 1.0}}, "names the class 7"),
        ({"callbacks": [EarlyStopping]}, "not a callback"),
        ({"callbacks": 3}, "not a callback"),
        ({"verbose": 3}, "verbose must be"),
        ({"verbose": "loud"}, "verbose must be"),
        ({"callbacks": [EarlyStopping()]}, "validation_data or validation_fraction brings it"),
        ({"callbacks": [EarlyStopping("acuracy")]}, "did you mean 'accuracy'"),
        ({"callbacks": [Checkpoint("run.safetensors", best_only=True)]}, "brings it"),
        ({"optimizer": SGD(Wrong(np.full(2, np.nan)))}, "gave learning rates that cannot be used"),
        ({"optimizer": SGD(Wrong(np.ones(1)))}, "gave learning rates that cannot be used"),
        ({"optimizer": SGD(Wrong(-np.ones(2)))}, "gave learning rates that cannot be used"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        network().fit(X, T, **{"epochs": 1} | arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [{"batch_size": 0}, {"callbacks": [3]}, {"validation_fraction": 2}, {"verbose": 9}]
)
def test_a_refused_call_leaves_the_network_and_its_memory_as_they_were(arguments: dict[str, Any]) -> None:
    net = network()
    net.fit(X, T, epochs=1, optimizer=SGD(0.1))
    before, state, history = bits(net), net.optimizer_state(SGD(0.1)).step, net.history
    with pytest.raises(InputError):
        net.fit(X, T, optimizer=SGD(0.1), **arguments)
    assert (bits(net), net.optimizer_state(SGD(0.1)).step) == (before, state)
    assert net.history is history


@pytest.mark.parametrize(
    "arguments",
    [
        {"every_epochs": 0},
        {"every_batches": -1},
        {"every_batches": 1.5},
        {"every_seconds": 0},
        {"every_seconds": float("nan")},
        {"best_only": True, "every_batches": 3},
    ],
)
def test_a_checkpoint_with_no_sensible_rhythm_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Checkpoint("run.safetensors", **arguments)


@pytest.mark.parametrize(
    "arguments", [{"patience": 0}, {"patience": 1.5}, {"min_delta": -1}, {"min_delta": float("nan")}]
)
def test_early_stopping_refuses_what_it_cannot_count(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        EarlyStopping(**arguments)


def test_a_metric_that_will_not_be_measured_is_refused_before_the_first_step() -> None:
    net = network()
    before = bits(net)
    with pytest.raises(InputError):
        net.fit(X, T, epochs=1, callbacks=[EarlyStopping("validation_accuracy")])
    assert bits(net) == before


def test_the_metrics_foretold_are_those_measured() -> None:
    class Look(Callback):
        def on_train_begin(self, run: Run) -> None:
            self.measured = run.measured

    for options in ({}, {"validation_data": (X, T)}):
        look = Look()
        assert tuple(network().fit(X, T, epochs=1, callbacks=[look], **options)) == look.measured
