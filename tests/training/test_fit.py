"""fit: batches, orders, weights, validation, and that the way an epoch is cut never shows in the numbers."""

import itertools
from typing import Any

import numpy as np
import pytest

from pellucid import Network, philox
from pellucid.engines import Slice, Sums
from pellucid.layers import Affine
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD, Adam, Momentum
from pellucid.schedules import Exponential, ReduceOnPlateau
from pellucid.training import Callback, Run
from small import CLASSES, ENGINE, FEATURES, ROWS, bits, network, samples, untimed

X, T = samples()


class CountBatches(Callback):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
        self.seen.append(batch)


@pytest.mark.parametrize("batch_size", [1, 7, 8, ROWS, 1000, None])
def test_fit_equals_steps_taken_by_hand(batch_size: int | None) -> None:
    fitted, by_hand = network(), network()
    fitted.fit(X, T, epochs=3, batch_size=batch_size, optimizer=Momentum(0.1))
    size = min(batch_size or ROWS, ROWS)
    for epoch in range(3):
        order = philox.permutation(by_hand.seed, philox.SHUFFLE, epoch, ROWS)
        for start in range(0, ROWS, size):
            rows = order[start : start + size]
            by_hand.step(X[rows], T[rows], Momentum(0.1))
    np.testing.assert_allclose(fitted.parameters.flat, by_hand.parameters.flat, rtol=1e-6, atol=1e-7)


def test_without_shuffle_the_rows_come_in_order() -> None:
    fitted, by_hand = network(), network()
    fitted.fit(X, T, epochs=1, batch_size=20, optimizer=SGD(0.5), shuffle=False)
    for start in (0, 20, 40):
        by_hand.step(X[start : start + 20], T[start : start + 20], SGD(0.5))
    assert bits(fitted) == bits(by_hand)


def test_the_same_call_gives_the_same_bits_and_another_seed_does_not() -> None:
    runs = [network(seed=seed) for seed in (1, 1, 2)]
    histories = [net.fit(X, T, epochs=2, batch_size=8, optimizer=Adam()) for net in runs]
    assert bits(runs[0]) == bits(runs[1]) != bits(runs[2])
    assert untimed(histories[0]) == untimed(histories[1]) != untimed(histories[2])


def test_a_second_call_starts_with_an_empty_memory() -> None:
    net, again = network(), network()
    net.fit(X, T, epochs=2, batch_size=8, optimizer=Adam())
    again.parameters.flat[:] = net.parameters.flat
    net.fit(X, T, epochs=2, batch_size=8, optimizer=Adam())
    again.fit(X, T, epochs=2, batch_size=8, optimizer=Adam())
    assert bits(net) == bits(again)


@pytest.mark.parametrize("optimizer", [Adam(0.01), Momentum(Exponential(0.1, 0.5))])
def test_initial_epoch_goes_on_where_an_earlier_call_ended(optimizer: Any) -> None:
    whole, halves = network(), network()
    together = whole.fit(X, T, epochs=4, batch_size=8, optimizer=optimizer)
    halves.fit(X, T, epochs=2, batch_size=8, optimizer=optimizer)
    rest = halves.fit(X, T, epochs=4, batch_size=8, optimizer=optimizer, initial_epoch=2)
    assert bits(whole) == bits(halves)
    assert rest.epochs == [2, 3]
    assert rest["loss"] == together["loss"][2:]


def test_initial_epoch_without_an_earlier_call_corrects_adams_empty_memory() -> None:
    ahead, fresh = network(), network()
    ahead.fit(X, T, epochs=101, batch_size=None, optimizer=Adam(0.01), initial_epoch=100)
    fresh.parameters.flat[:] = network().parameters.flat
    before = fresh.parameters.flat.copy()
    # Adam's first step is as long as the learning rate, whatever the gradient, when its memory starts from zero.
    assert np.abs(ahead.parameters.flat - before).max() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_the_history_does_not_depend_on_where_an_epoch_is_cut(cut: int) -> None:
    class Cut(Callback):
        batch_interval = cut

    whole, sliced = network(), network()
    first = whole.fit(X, T, epochs=3, batch_size=4, optimizer=Adam(ReduceOnPlateau(0.01, patience=1)))
    second = sliced.fit(
        X, T, epochs=3, batch_size=4, optimizer=Adam(ReduceOnPlateau(0.01, patience=1)), callbacks=[Cut()]
    )
    assert bits(whole) == bits(sliced)
    assert untimed(first) == untimed(second)


@pytest.mark.parametrize("cuts", [(0, 13), (0, 1, 13), (0, 5, 6, 13)])
def test_an_engine_adds_to_the_sums_it_is_given(cuts: tuple[int, ...]) -> None:
    from pellucid.engines import OptimizerState, check_data

    net = network()
    data = check_data(X, T, net.model)
    state = OptimizerState(SGD(0.1), net.parameters.layout, net.dtype)
    sums = Sums()
    for first, last in itertools.pairwise(cuts):
        rates = {"learning_rate": np.full(last - first, 0.1)}
        done = net.session.engine.train(state, Slice(data, None, 4, first, last, rates), sums)
        assert done.batches == last - first
        sums = done.sums
    reference = network()
    whole = reference.fit(X, T, epochs=1, batch_size=4, optimizer=SGD(0.1), shuffle=False)
    assert sums.loss / sums.weight == whole["loss"][0]


def test_the_training_loss_is_the_mean_over_the_epochs_rows() -> None:
    net = network()
    expected = net.evaluate(X, T)["loss"]
    plain = Network(net.layers[:2] + net.layers[3:], loss=net.loss, input_shape=FEATURES, seed=4, engine=ENGINE)
    for name, values in net.parameters.items():
        plain.parameters[name.replace("3.", "2.")] = values
    history = plain.fit(X, T, epochs=1, batch_size=9, optimizer=SGD(1e-12))
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_validation_is_of_the_end_of_the_epoch() -> None:
    net = network()
    validation = samples(30, seed=1)
    history = net.fit(X, T, epochs=2, batch_size=8, validation_data=validation)
    now = net.evaluate(*validation)
    assert (history["validation_loss"][-1], history["validation_accuracy"][-1]) == (now["loss"], now["accuracy"])


def test_a_validation_fraction_is_set_aside_and_never_trained_on() -> None:
    seen: list[Any] = []

    class Look(Callback):
        def on_train_begin(self, run: Run) -> None:
            seen.append(run)

    history = network().fit(
        X, T, epochs=1, validation_fraction=0.2, sample_weight=np.arange(1, ROWS + 1), callbacks=[Look()]
    )
    (run,) = seen
    assert (run.data.rows, run.validation.rows) == (40, 10)
    parts = np.concatenate([run.data.weight, run.validation.weight])
    np.testing.assert_array_equal(np.sort(parts), np.arange(1, ROWS + 1))
    for part in (run.data, run.validation):
        rows = part.weight.astype(int) - 1
        np.testing.assert_array_equal(part.x, X[rows])
        np.testing.assert_array_equal(part.t, T[rows])
    assert "validation_loss" in history


def test_a_sample_weight_of_two_counts_like_the_sample_twice() -> None:
    weighted, doubled = network(dtype="float64"), network(dtype="float64")
    layers = [Affine(8), Affine(CLASSES)]
    weighted, doubled = (
        Network(layers, loss=weighted.loss, input_shape=FEATURES, dtype="float64", engine=ENGINE) for _ in range(2)
    )
    weight = np.where(T == 0, 2.0, 1.0)
    weighted.fit(X, T, epochs=2, batch_size=None, optimizer=SGD(0.5), sample_weight=weight)
    x, t = np.concatenate([X, X[T == 0]]), np.concatenate([T, T[T == 0]])
    doubled.fit(x, t, epochs=2, batch_size=None, optimizer=SGD(0.5))
    np.testing.assert_allclose(weighted.parameters.flat, doubled.parameters.flat, rtol=1e-12, atol=1e-14)


def test_class_weight_is_a_sample_weight_that_follows_the_class() -> None:
    by_class, by_sample = network(), network()
    by_class.fit(X, T, epochs=2, class_weight={0: 2.0, 1: 0.0})
    by_sample.fit(X, T, epochs=2, sample_weight=np.choose(T, [2.0, 0.0, 1.0]))
    assert bits(by_class) == bits(by_sample)


def test_a_batch_of_weight_zero_changes_nothing_and_is_not_taken_for_nan() -> None:
    net = network()
    history = net.fit(X, T, epochs=1, batch_size=1, class_weight={0: 0.0}, optimizer=SGD(0.1))
    assert np.isfinite(history["loss"][0])


def test_values_as_targets_have_no_accuracy() -> None:
    net = Network([Affine(1)], loss=MeanSquaredError(), input_shape=2, engine=ENGINE)
    x = np.random.default_rng(0).normal(size=(200, 2))
    history = net.fit(x, 3 * x[:, 0] + 2 * x[:, 1], epochs=30, batch_size=1, optimizer=SGD(0.05))
    assert "accuracy" not in history
    np.testing.assert_allclose(net.parameters["0.W"][:, 0], [3.0, 2.0], atol=1e-3)


def test_fit_learns() -> None:
    net = network()
    x, t = samples(400)
    history = net.fit(x, t, epochs=30, batch_size=10, optimizer=Adam(0.02))
    assert net.evaluate(*samples(200, seed=9))["accuracy"] > 0.85
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    assert net.history is history


def test_the_schedule_sees_epochs_and_losses() -> None:
    history = network().fit(X, T, epochs=3, batch_size=10, optimizer=SGD(Exponential(1.0, 0.5)))
    assert history["learning_rate"] == [0.5 ** (4 / 5), 0.5 ** (9 / 5), 0.5 ** (14 / 5)]
    plateau = network().fit(X, T, epochs=4, optimizer=SGD(ReduceOnPlateau(1e-9, factor=0.1, patience=1)))
    assert plateau["learning_rate"] == pytest.approx([1e-9, 1e-9, 1e-10, 1e-11], rel=1e-6)


def test_batches_come_in_order_and_the_last_is_short() -> None:
    count = CountBatches()
    network().fit(X, T, epochs=2, batch_size=16, callbacks=[count])
    assert count.seen == [0, 1, 2, 3] * 2


def test_read_only_and_strided_input_is_taken_as_it_is() -> None:
    wide = np.zeros((ROWS, 2 * FEATURES), np.float32)
    wide[:, ::2] = X
    wide.flags.writeable = False
    strided, plain = network(), network()
    strided.fit(wide[:, ::2], T, epochs=1)
    plain.fit(X, T, epochs=1)
    assert bits(strided) == bits(plain)
