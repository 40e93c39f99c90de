"""The reference engine: batches, sums, and what happens where a number is not finite."""

from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid.engines import Data, Model, OptimizerState, ReferenceEngine, Slice, Sums, check_data
from pellucid.engines.diagnosis import first_not_finite
from pellucid.engines.reference import ROWS_AT_ONCE
from pellucid.layers import Affine, Dropout, Identity, ReLU, Sigmoid
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam, Momentum, Optimizer

ROWS = 23


def setup(dtype: str = "float64", rows: int = ROWS) -> tuple[Model, Data]:
    layers = [Affine(7), ReLU(), Dropout(0.2), Affine(3)]
    model = Model(layers, SoftmaxCrossEntropy(), (5,), 1, np.dtype(dtype))
    return model, check_data(numbers(1, (rows, 5)), np.arange(rows) % 3, model, 0.5 + np.arange(rows) % 4)


def train(model: Model, data: Data, optimizer: Optimizer, cuts: list[int], order: Any = None) -> tuple[Sums, Any]:
    """Trains on batches of 5, in slices that end at the cuts."""
    engine, state, sums = (
        ReferenceEngine(model),
        OptimizerState(optimizer, model.parameters.layout, model.dtype),
        Sums(),
    )
    first = 0
    for last in cuts:
        steps = np.arange(first, last)
        scalars = optimizer.scalars(steps, optimizer.schedule.rates(steps, 5, ()))
        done = engine.train(state, Slice(data, order, 5, first, last, scalars), sums)
        assert done.batches == last - first
        sums, first = done.sums, last
    return sums, state


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1), Adam(0.01, weight_decay=0.1)], ids=str)
@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5], [2, 5], [4, 5]])
def test_where_an_epoch_is_cut_into_slices_changes_no_bit(cuts: list[int], optimizer: Optimizer) -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    (model, data), (other, _) = setup("float32"), setup("float32")
    sums, state = train(model, data, optimizer, [5], order)
    other_sums, other_state = train(other, data, optimizer, cuts, order)
    assert sums == other_sums
    assert model.parameters.flat.tobytes() == other.parameters.flat.tobytes()
    assert (state.step, other_state.step) == (5, 5)
    for slot, values in state.slots.items():
        assert values.tobytes() == other_state.slots[slot].tobytes()


def test_an_epoch_counts_every_row_once_the_last_batch_being_short() -> None:
    model, data = setup()
    sums, _ = train(model, data, SGD(1e-12), [5])
    assert sums.rows == ROWS
    assert data.weight is not None
    assert sums.weight == pytest.approx(data.weight.sum())
    assert sums.metrics(True)["accuracy"] == sums.correct / ROWS


def test_an_order_decides_which_rows_make_a_batch() -> None:
    model, data = setup()
    order = np.arange(ROWS)[::-1].copy()
    part = Slice(data, order, 5, 0, 5, {})
    assert [part.rows(k).tolist() for k in (0, 4)] == [[22, 21, 20, 19, 18], [2, 1, 0]]
    assert Slice(data, None, 5, 0, 5, {}).rows(4) == slice(20, 23)
    (model, data), (other, _) = setup(), setup()
    turned = Data(data.x[order], data.t[order], data.weight[order], True, data.classes[order])  # type: ignore[index]
    sums, _ = train(model, data, Adam(), [5], order)
    other_sums, _ = train(other, turned, Adam(), [5])
    assert sums == other_sums
    assert model.parameters.flat.tobytes() == other.parameters.flat.tobytes()


def test_the_places_between_rows_stay_zero() -> None:
    model, data = setup()
    _, state = train(model, data, Adam(0.1, weight_decay=0.1), [5])
    inside = np.zeros(model.parameters.flat.shape, bool)
    for view in model.parameters.layout.views(inside).values():
        view[...] = True
    for flat in (model.parameters.flat, *state.slots.values()):
        assert (flat[~inside] == 0).all()
        assert (flat[inside] != 0).any()


@pytest.mark.parametrize("rows", [1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 2 * ROWS_AT_ONCE + 3])
def test_large_data_is_taken_in_parts(rows: int) -> None:
    model, data = setup(rows=rows)
    engine = ReferenceEngine(model)
    y, sums = engine.predict(data.x), engine.evaluate(data)
    assert y.shape == (rows, 3)
    p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    losses = -np.log(p[np.arange(rows), data.t])
    assert data.weight is not None
    assert sums.metrics(True)["loss"] == pytest.approx(np.average(losses, weights=data.weight), rel=1e-12)
    assert (sums.correct, sums.rows) == ((y.argmax(axis=1) == data.t).sum(), rows)


def test_sums_add_up_and_an_empty_one_divides_nothing() -> None:
    assert Sums(1, 2, 3, 4) + Sums(10, 20, 30, 40) == Sums(11, 22, 33, 44)
    assert Sums(3.0, 2.0, 1, 4).metrics(True) == {"loss": 1.5, "accuracy": 0.25}
    assert Sums(3.0, 2.0, 1, 4).metrics(False) == {"loss": 1.5}
    assert Sums().metrics(False) == {"loss": 0.0}


# Not finite ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1), Adam(0.01)], ids=str)
def test_a_bad_batch_stops_the_slice_and_leaves_what_was_before_it(optimizer: Optimizer) -> None:
    (model, clean), (other, _) = setup("float32"), setup("float32")
    bad = Data(np.where(np.arange(ROWS)[:, None] == 12, np.inf, clean.x), clean.t, clean.weight, True, clean.classes)
    state = OptimizerState(optimizer, model.parameters.layout, model.dtype)
    steps = np.arange(5)
    scalars = optimizer.scalars(steps, optimizer.schedule.rates(steps, 5, ()))
    done = ReferenceEngine(model).train(state, Slice(bad, None, 5, 0, 5, scalars), Sums())
    assert (done.batches, state.step) == (2, 2)
    sums, expected = train(other, clean, optimizer, [2])
    assert done.sums == sums
    assert model.parameters.flat.tobytes() == other.parameters.flat.tobytes()
    for slot, values in expected.slots.items():
        assert state.slots[slot].tobytes() == values.tobytes()


@pytest.mark.parametrize("optimizer", [SGD(1e38), Momentum(1e38), Adam(1e38, weight_decay=1e10)], ids=str)
def test_an_update_too_long_is_taken_back_with_the_memory(optimizer: Optimizer) -> None:
    model = Model([Affine(3)], MeanSquaredError(), (5,), 1, np.dtype(np.float32))
    data = check_data(1e6 * numbers(1, (ROWS, 5)), numbers(2, (ROWS, 3)), model)
    before = model.parameters.flat.copy()
    state = OptimizerState(optimizer, model.parameters.layout, model.dtype)
    scalars = {name: values * 10 for name, values in optimizer.scalars(np.array([0]), np.array([1e38])).items()}
    done = ReferenceEngine(model).train(state, Slice(data, None, ROWS, 0, 1, scalars), Sums())
    assert (done.batches, done.sums, state.step) == (0, Sums(), 0)
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert all((values == 0).all() for values in state.slots.values())


def broken(where: str) -> tuple[Model, Data]:
    model = Model([Affine(4), Sigmoid(), Identity(), Affine(3)], MeanSquaredError(), (5,), 1, np.dtype(np.float32))
    x, t = numbers(1, (ROWS, 5)), numbers(2, (ROWS, 3))
    if where == "parameter":
        model.parameters["3.b"][1] = np.nan
    if where == "output":
        model.parameters["0.W"][...] = 3e38
    if where == "loss":
        t[3, 1] = 3e38
    return model, check_data(x, t, model)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("parameter", "NaN in parameter 3.b of layer 3 (Affine)"),
        ("output", "in the output of layer 0 (Affine)"),
        ("loss", "infinity in the loss"),
        ("none", "infinity in the parameters after the update: the step was too long"),
    ],
)
def test_the_first_number_that_is_not_finite_is_named(where: str, said: str) -> None:
    model, data = broken(where)
    assert said in first_not_finite(model, data, slice(None), 0)
