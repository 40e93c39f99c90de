"""Values that are counted and not learned, layers that need several rows, and everything around a model that must know.

The layer here is the smallest that has both; BatchNorm is tested for itself in tests/layers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid import Network, ops
from pellucid.engines import Model, ReferenceEngine, check_data
from pellucid.engines.recording import record_apply, record_gradient, record_step
from pellucid.errors import InputError, NotFiniteError
from pellucid.initializers import Constant
from pellucid.layers import Affine, Layer, Mode, Named, Parameter, Standardize
from pellucid.losses import MeanSquaredError
from pellucid.ops import Array
from pellucid.optimizers import SGD, AdamW, Momentum, Optimizer
from pellucid.plan.rewrites import rewrite
from pellucid.training import Callback, Run, Session

X, T = numbers(1, (6, 5)), numbers(2, (6, 3))
COUNTED = ("1.mean", "1.steps")


@dataclass(frozen=True)
class Centred(Layer):
    """y = gain (x − mean of the batch) in training, gain (x − running mean) otherwise."""

    momentum: float = 0.9
    rows: int = 2

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, Parameter]:
        return {
            "mean": Parameter(input_shape, Constant(0.5), learned=False),
            "gain": Parameter(input_shape, Constant(1.5)),
            "steps": Parameter((1,), Constant(0.0), learned=False),
        }

    def least_rows(self, input_shape: tuple[int, ...]) -> int:
        return self.rows

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        centred = x - (ops.mean_channels(x) if mode.training else p.mean)
        return centred * p.gain, Named(centred=centred, **({"mean": ops.mean_channels(x)} if mode.training else {}))

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        dx = dy * p.gain
        return dx - ops.mean_channels(dx) if "mean" in saved else dx, Named(gain=ops.sum_channels(dy * saved.centred))

    def after_step(self, p: Named, saved: Named) -> Named:
        kept, rest = self.momentum, 1.0 - self.momentum
        return Named(mean=kept * p.mean + rest * saved.mean, steps=kept * p.steps + rest * (p.steps + 10.0))


def network(engine: str = "reference", rows: int = 2, **options: Any) -> Network:
    layers = [Affine(4), Centred(rows=rows), Affine(3)]
    return Network(layers, MeanSquaredError(), input_shape=5, engine=engine, **{"dtype": "float64"} | options)


def state_of(net: Network) -> bytes:
    return net.parameters.flat.tobytes()


# Counted values -----------------------------------------------------------------------------------------------------


def test_they_are_parameters_by_name_but_not_learned() -> None:
    net = network()
    assert list(net.parameters) == ["0.W", "0.b", "1.mean", "1.gain", "1.steps", "2.W", "2.b"]
    assert net.model.learned == net.parameters.learned == ("0.W", "0.b", "1.gain", "2.W", "2.b")
    assert (net.parameters.count, net.parameters.running) == (43, 5)
    assert "float64, 43 parameters, 5 running values\n" in repr(net)
    assert repr(net.parameters).startswith("Parameters: 43 numbers and 5 running values, float64\n")


def test_a_network_without_any_does_not_speak_of_them() -> None:
    net = Network([Affine(4)], input_shape=5)
    assert net.parameters.running == 0 and "running" not in repr(net) + repr(net.parameters)


@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, weight_decay=0.1, l1=0.1), Momentum(0.1, clip_norm=0.1), AdamW(0.1, weight_decay=0.5)]
)
def test_each_batch_counts_once_whatever_the_optimizer(engine: str, optimizer: Optimizer) -> None:
    net = network(engine)
    mean = 0.5
    for step in range(1, 4):
        batch = (X @ net.parameters["0.W"] + net.parameters["0.b"]).mean(axis=0)
        mean = 0.9 * mean + 0.1 * batch
        net.step(X, T, optimizer)
        np.testing.assert_allclose(net.parameters["1.mean"], mean, rtol=1e-12)
        np.testing.assert_allclose(net.parameters["1.steps"], step, rtol=1e-12)


def test_prediction_reads_them_and_training_does_not() -> None:
    net = network()
    before = net.trace(X, T).loss, net.predict(X)
    net.parameters["1.mean"] = np.full(4, 7.0)
    assert np.abs(net.predict(X) - before[1]).min() > 0.01
    other = network()
    net.step(X, T, SGD(0.1))
    other.step(X, T, SGD(0.1))
    for name in net.model.learned:
        np.testing.assert_array_equal(net.parameters[name], other.parameters[name])


def test_predicting_evaluating_and_looking_count_nothing() -> None:
    net = network()
    before = state_of(net)
    net.predict(X), net.evaluate(X, T), net.gradient(X, T), net.trace(X, T, SGD()), net.check_gradients(X, T)
    assert state_of(net) == before


def test_they_have_no_gradient_anywhere() -> None:
    net = network()
    learned = set(net.model.learned)
    assert set(net.gradient(X, T)[1]) == learned
    traced = net.trace(X, T, SGD(0.1))
    assert set(traced.gradients) == learned
    assert set(traced.update.before) == set(traced.update.change) == learned
    assert set(traced[1].parameters) == {"mean", "gain", "steps"}  # every number is shown all the same
    plan = record_gradient(net.model, labels=False)
    places = {plan.buffers[number].name: plan.buffers[becomes].name for number, becomes in plan.updates.items()}
    assert {name for name in places if places[name] not in net.parameters} == {f"gradient {name}" for name in learned}
    assert {places[f"gradient {name}"] for name in net.model.counted} == set(net.model.counted), "they stay"
    for training in (True, False):
        report = net.check_gradients(X, T, training=training)
        assert report.ok, str(report)
        assert not [name for name in report.rows if name.endswith(("mean", "steps"))]


def test_the_plan_of_a_step_holds_their_updates() -> None:
    plan = rewrite(record_step(network().model, SGD(0.1), labels=False))
    names = {becomes: plan.buffers[number].name for number, becomes in plan.updates.items()}
    running = [names[step.output] for step in plan.steps if step.attributes.get("rule") == "running"]
    assert running == list(COUNTED)
    assert set(names.values()) == {*COUNTED, "0.W", "0.b", "1.gain", "2.W", "2.b"}


def test_the_first_half_of_a_step_holds_what_they_become_and_the_second_half_takes_it_over() -> None:
    net = network()
    given = {"x": X, "t": T, "weight": np.ones((6, 1)), "step": 0.0, **net.parameters}
    first = record_gradient(net.model, labels=False, training=True).run(given)
    second = record_apply(net.model, SGD(0.1)).run({**given, **first, "learning_rate": 0.1})
    net.step(X, T, SGD(0.1))
    for name in net.parameters:
        np.testing.assert_allclose(second[name], net.parameters[name], rtol=1e-13, err_msg=name)
    for name in COUNTED:
        np.testing.assert_array_equal(first[f"gradient {name}"], second[name])


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_what_no_layer_changes_stays_through_both_halves_of_a_step(engine: str) -> None:
    net = Network([Standardize(), Affine(3)], MeanSquaredError(), input_shape=5, engine=engine, dtype="float64")
    net.parameters["0.mean"], net.parameters["0.deviation"] = np.arange(5.0), 1.0 + np.arange(5.0)
    _, gradient = net.gradient(X, T, training=True)
    net.apply(gradient, SGD(0.1))
    out = np.full_like(net.parameters.flat, 7.0)
    net.gradient(X, T, training=True, out=out)
    net.apply(out, SGD(0.1))
    np.testing.assert_array_equal(net.parameters["0.mean"], np.arange(5.0))
    np.testing.assert_array_equal(net.parameters["0.deviation"], 1.0 + np.arange(5.0))


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_a_batch_with_nan_is_not_counted(engine: str) -> None:
    net = network(engine)
    before = state_of(net)
    bad = np.where(np.arange(5) == 2, 1e200, X)
    with pytest.raises(NotFiniteError, match="unchanged"):
        net.step(bad, T, SGD(0.1))
    assert state_of(net) == before
    with pytest.raises(NotFiniteError):  # finite gradients, but an update that overflows
        net.step(X, T * 1e150, SGD(1e160))
    assert state_of(net) == before


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_a_file_keeps_them_and_a_resumed_run_goes_on_with_the_same_bits(tmp_path: Path, engine: str) -> None:
    class Saving(Callback):
        def on_epoch_end(self, run: Run, epoch: int, logs: Any) -> None:
            run.save(tmp_path / f"{epoch}")

    options: dict[str, Any] = {"epochs": 4, "batch_size": 2, "optimizer": Momentum(0.01), "verbose": 0}
    whole, again = network(engine), network(engine)
    whole.fit(X, T, callbacks=[Saving()], **options)
    again.fit(X, T, resume=tmp_path / "1", **options)
    assert state_of(whole) == state_of(again)
    np.testing.assert_allclose(whole.parameters["1.steps"], 12)
    whole.save(tmp_path / "net")
    read = Network.load(tmp_path / "net", engine=engine, custom=[Centred])
    assert state_of(read) == state_of(whole)
    np.testing.assert_array_equal(read.predict(X), whole.predict(X))


# Least rows ---------------------------------------------------------------------------------------------------------

NEEDS = r"layer 1, Centred\(rows=5\), needs training batches of at least 5 rows, but "


@pytest.mark.parametrize(
    ("rows", "batch_size", "message"),
    [
        (6, 4, NEEDS + "batch_size is 4; give batch_size=5 or more."),
        (4, None, NEEDS + "x has only 4; give more samples."),
        (4, 32, NEEDS + "x has only 4; give more samples."),
        (23, 10, NEEDS + r"the last of the 3 batches of x has only 3, as 23 rows do not divide by batch_size=10; give "
         "batch_size=12, or leave 3 of the rows out."),
        (6, 5, NEEDS + "the last of the 2 batches of x has only 1, as 6 rows .* give batch_size=6, or leave 1 of"),
    ],
)  # fmt: skip
def test_fit_refuses_a_batch_that_is_too_small_before_anything_is_changed(
    rows: int, batch_size: int | None, message: str
) -> None:
    net = network(rows=5)
    before = state_of(net)
    x, t = numbers(1, (rows, 5)), numbers(2, (rows, 3))
    with pytest.raises(InputError, match=message):
        net.fit(x, t, epochs=1, batch_size=batch_size, verbose=0)
    assert state_of(net) == before and net.history is None


@pytest.mark.parametrize(("rows", "batch_size"), [(6, 6), (5, None), (5, 32), (12, 7)])
def test_batches_that_are_large_enough_are_trained(rows: int, batch_size: int | None) -> None:
    net = network(rows=5)
    net.fit(numbers(1, (rows, 5)), numbers(2, (rows, 3)), epochs=1, batch_size=batch_size, verbose=0)
    assert net.parameters["1.steps"][0] > 0


def test_the_batch_size_that_is_offered_is_the_next_that_fits() -> None:
    model = network(rows=5).model
    for rows in range(5, 40):
        for batch_size in range(5, rows):
            try:
                model.check_batches(rows, batch_size)
            except InputError as error:
                offered = int(str(error).partition("give batch_size=")[2].partition(",")[0])
                model.check_batches(rows, offered)
                assert 0 < rows % batch_size < 5 and offered > batch_size
            else:
                assert rows % batch_size == 0 or rows % batch_size >= 5


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_step_refuses_fewer_rows_also_after_steps_that_were_well(engine: str) -> None:
    net = network(engine, rows=5)
    for _ in range(3):
        net.step(X, T, SGD(0.1))
    before = state_of(net)
    with pytest.raises(InputError, match=NEEDS + "x has only 4; give more samples."):
        net.step(X[:4], T[:4], SGD(0.1))
    assert state_of(net) == before
    net.step(X[:5], T[:5], SGD(0.1))


def test_only_training_asks_for_rows() -> None:
    net = network(rows=5)
    assert net.predict(X[:1]).shape == (1, 3)
    assert net.evaluate(X[:1], T[:1])["loss"] > 0 and net.gradient(X[:1], T[:1])[0] > 0
    assert net.check_gradients(X[:1], T[:1], training=False).ok
    with pytest.raises(InputError, match=NEEDS + "x has only 1"):
        net.check_gradients(X[:1], T[:1])


def test_validation_may_be_smaller() -> None:
    network(rows=5).fit(X, T, epochs=1, validation_data=(X[:1], T[:1]), verbose=0)


def test_the_engine_itself_trusts_what_was_checked() -> None:
    model = Model([Centred()], MeanSquaredError(), (3,), 0, np.dtype(np.float64))
    assert model.least_rows == 2
    loss, gradients = Session(model, ReferenceEngine(model)).gradient(check_data(T, T, model))
    assert loss > 0 and list(gradients) == ["0.gain"]
