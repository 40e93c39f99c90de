"""NaN and infinity: found by the native engine where the reference engine finds them, before anything is spoilt."""

from typing import Any

import numpy as np
import pytest

from cases import Case
from native.pairs import error, network, pair
from pellucid import Network
from pellucid.errors import InputError, NotFiniteError
from pellucid.initializers import Constant, Zeros
from pellucid.layers import (
    Affine,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Flatten,
    GlobalAveragePool2D,
    Identity,
    Layer,
    LayerNorm,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from pellucid.losses import Huber, Loss, MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, AdaGrad, Adam, Momentum, Optimizer, RMSprop

ROWS, BATCH = 60, 7


def fitted(net: Network, optimizer: Optimizer, x: Any, t: Any, epochs: int = 12) -> tuple[str, int]:
    """What `fit` says of NaN or infinity, and after how many steps; nothing where all goes well."""
    try:
        net.fit(x, t, epochs=epochs, batch_size=BATCH, optimizer=optimizer, shuffle=False, verbose=0)
    except NotFiniteError as found:
        return str(found), net.optimizer_state(optimizer).step
    return "", net.optimizer_state(optimizer).step


DIVERGING: tuple[tuple[str, tuple[Layer, ...], Loss, Optimizer], ...] = (
    ("linear", (Affine(3),), MeanSquaredError(), SGD(30.0)),
    ("linear, momentum", (Affine(3),), MeanSquaredError(), Momentum(10.0)),
    ("linear, clipped", (Affine(3),), MeanSquaredError(), SGD(1e37, clip_value=1e6)),
    ("deep", (Affine(9), ReLU(), Affine(9), ReLU(), Affine(3)), MeanSquaredError(), SGD(3.0)),
    ("logits", (Affine(9), ReLU(), Affine(3)), SoftmaxCrossEntropy(), SGD(1e12)),
    ("a rate near the largest number", (Affine(3),), MeanSquaredError(), SGD(1e38)),
    ("a rate beyond the largest number", (Affine(3), Sigmoid()), MeanSquaredError(), SGD(1e39)),
    ("adaptive", (Affine(9), ReLU(), Affine(3)), MeanSquaredError(), RMSprop(1e19)),
    ("weight decay alone", (Affine(3),), Huber(), SGD(10.0, weight_decay=5.0)),
    ("saturated", (Affine(9), Tanh(), Affine(3)), MeanSquaredError(), AdaGrad(1e30)),
)


@pytest.mark.parametrize("layers, loss, optimizer", [row[1:] for row in DIVERGING], ids=[row[0] for row in DIVERGING])
def test_a_learning_rate_too_large_is_found_where_the_reference_finds_it(
    layers: tuple[Layer, ...], loss: Loss, optimizer: Optimizer
) -> None:
    case = Case("diverging", layers, loss, (4,), "values" if isinstance(loss, MeanSquaredError | Huber) else "labels")
    x, t = case.x(ROWS), case.t(ROWS)
    native, reference = pair(case)
    expected, steps = fitted(reference, optimizer, x, t)
    assert fitted(native, optimizer, x, t) == (expected, steps)
    assert expected, "this one should diverge"
    assert np.isfinite(native.parameters.flat).all()


@pytest.mark.parametrize("optimizer", [SGD(30.0), Momentum(10.0), Adam(1e37)], ids=str)
def test_the_parameters_kept_are_those_of_a_run_that_stopped_one_step_earlier(optimizer: Optimizer) -> None:
    case = Case("diverging", (Affine(5), ReLU(), Affine(3)), MeanSquaredError(), (4,))
    x, t = case.x(ROWS), case.t(ROWS)
    net, other = network(case, "native"), network(case, "native")
    found, steps = fitted(net, optimizer, x, t)
    assert found
    batches = -(-ROWS // BATCH)
    for step in range(steps):
        rows = slice(step % batches * BATCH, step % batches * BATCH + BATCH)
        other.step(x[rows], t[rows], optimizer)
    assert net.parameters.flat.tobytes() == other.parameters.flat.tobytes()
    states = net.optimizer_state(optimizer), other.optimizer_state(optimizer)
    assert all(states[0].slots[name].tobytes() == slot.tobytes() for name, slot in states[1].slots.items())
    before = net.parameters.flat.tobytes()
    rows = slice(steps % batches * BATCH, steps % batches * BATCH + BATCH)
    with pytest.raises(NotFiniteError):
        other.step(x[rows], t[rows], optimizer)
    assert other.parameters.flat.tobytes() == before


@pytest.mark.parametrize("size", [1e5, 1e15, 1e19, 1e30, 3e38])
@pytest.mark.parametrize("weights", [Zeros(), Constant(0.01)], ids=str)
@pytest.mark.parametrize("last", [Identity(), Sigmoid(), ReLU()], ids=str)
@pytest.mark.parametrize("loss", [MeanSquaredError(), Huber()], ids=str)
def test_huge_inputs_are_treated_as_by_the_reference(size: float, weights: Any, last: Layer, loss: Loss) -> None:
    case = Case("huge", (Affine(3, weights=weights), last), loss, (4,))
    x, t = case.x(ROWS) * 1.0, case.t(ROWS)
    x[17] *= size / np.abs(x[17]).max()
    native, reference = pair(case)
    expected = fitted(reference, SGD(0.5), x, t)
    assert fitted(native, SGD(0.5), x, t) == expected
    assert np.isfinite(native.parameters.flat).all()
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-2


def test_huge_targets_are_treated_as_by_the_reference() -> None:
    case = Case("huge", (Affine(3),), MeanSquaredError(), (4,))
    t = case.t(ROWS)
    t[30] *= 1e25
    native, reference = pair(case)
    expected = fitted(reference, SGD(0.5), case.x(ROWS), t)
    assert "the loss" in expected[0] and fitted(native, SGD(0.5), case.x(ROWS), t) == expected


def test_without_parameters_an_infinite_loss_is_still_found() -> None:
    case = Case("none", (Identity(),), MeanSquaredError(), (3,))
    x = case.x(ROWS)
    x[20] *= 1e25
    native, reference = pair(case)
    expected = fitted(reference, SGD(0.5), x, case.t(ROWS))
    assert "infinity in the loss" in expected[0]
    assert fitted(native, SGD(0.5), x, case.t(ROWS)) == expected


def test_numbers_that_grow_large_but_fit_are_no_fault() -> None:
    """Beyond the size at which the native engine hands a batch to the reference, and back again."""
    case = Case("large", (Affine(1, weights=Constant(0.0)),), Huber(1e20), (2,))
    x, t = case.x(ROWS), case.t(ROWS)
    t[::9] *= 1e17
    native, reference = pair(case)
    assert fitted(native, SGD(0.01), x, t) == fitted(reference, SGD(0.01), x, t) == ("", 12 * 9)
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-2


@pytest.mark.parametrize("first, last", [(1e13, 0.0), (1.0, 1e16)], ids=["an activation", "a delta"])
@pytest.mark.parametrize("row", [0, 299, 300, 599])
@pytest.mark.parametrize("threads", [1, 2])
def test_one_large_number_in_any_thread_s_part_hands_its_batch_to_the_reference(
    first: float, last: float, row: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is large: not the inputs, nor the loss. The batch is large enough for two threads to share it."""
    layers = (Affine(100, weights=Constant(first)), ReLU(), Affine(1, weights=Constant(last)))
    net = network(Case("large", layers, Huber(), (8,)), "native", threads=threads)
    reference = net.session.engine._reference  # type: ignore[attr-defined]
    handed, looked_at = [], reference.train

    def train(state: Any, part: Any, sums: Any) -> Any:
        handed.append(part.first)
        return looked_at(state, part, sums)

    monkeypatch.setattr(reference, "train", train)
    x, t = np.zeros((1800, 8), np.float32), np.zeros((1800, 1), np.float32)
    # Two rows, side by side, that pull in opposite ways: the sums of the deltas are small again.
    x[[600 + row, 600 + (row ^ 1)], 3] = 1.0
    t[600 + (row ^ 1)] = 4e18
    net.fit(x, t, epochs=1, batch_size=600, optimizer=SGD(1e-20), shuffle=False, verbose=0)
    assert handed == [1]


def test_a_parameter_set_to_nan_by_hand_is_named() -> None:
    case = Case("nan", (Affine(5), Sigmoid(), Affine(3)), MeanSquaredError(), (4,))
    messages = []
    for net in pair(case):
        net.parameters["2.W"][1, 1] = np.nan
        with pytest.raises(NotFiniteError) as found:
            net.step(case.x(5), case.t(5), SGD(0.1))
        messages.append(str(found.value))
    assert messages[0] == messages[1] and "parameter 2.W" in messages[0]


# Over images ---------------------------------------------------------------------------------------------------------

CONVOLUTIONS: dict[str, tuple[Layer, ...]] = {
    "pooled": (Conv2D(5, 3), ReLU(), MaxPool2D(), Conv2D(17, 2), Tanh(), Flatten(), Affine(3)),
    "normalised": (Conv2D(5, 3), BatchNorm(), ReLU(), AveragePool2D(), Flatten(), Affine(3)),
    "normalised at first": (BatchNorm(), Conv2D(4, 3, groups=2), LayerNorm(), GlobalAveragePool2D(), Affine(3)),
}


def over_images(layers: tuple[Layer, ...], loss: Loss) -> Case:
    return Case("images", layers, loss, (2, 7, 6), "labels" if isinstance(loss, SoftmaxCrossEntropy) else "values")


@pytest.mark.parametrize("optimizer", [SGD(1e12), SGD(1e38), Momentum(10.0), Adam(1e37)], ids=str)
@pytest.mark.parametrize("loss", [MeanSquaredError(), SoftmaxCrossEntropy()], ids=str)
@pytest.mark.parametrize("layers", CONVOLUTIONS)
def test_diverging_convolutions_are_found_where_the_reference_finds_them(
    layers: str, loss: Loss, optimizer: Optimizer
) -> None:
    case = over_images(CONVOLUTIONS[layers], loss)
    x, t = case.x(ROWS), case.t(ROWS)
    native, reference = pair(case)
    assert fitted(native, optimizer, x, t, epochs=4) == fitted(reference, optimizer, x, t, epochs=4)
    assert np.isfinite(native.parameters.flat).all()


@pytest.mark.parametrize("size", [1e15, 1e19, 1e25, 3e38])
@pytest.mark.parametrize("layers", CONVOLUTIONS)
def test_huge_pixels_are_treated_as_by_the_reference(layers: str, size: float) -> None:
    case = over_images(CONVOLUTIONS[layers], Huber())
    x, t = case.x(ROWS), case.t(ROWS)
    x[17, 1, 3, 2] = size
    native, reference = pair(case)
    assert fitted(native, SGD(0.1), x, t, epochs=2) == fitted(reference, SGD(0.1), x, t, epochs=2)
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-3


@pytest.mark.parametrize("layers", ["normalised", "normalised at first"])
def test_a_step_that_fails_leaves_running_values_as_they_were(layers: str) -> None:
    case = over_images(CONVOLUTIONS[layers], MeanSquaredError())
    for net in pair(case):
        x, t = case.x(8, "float32"), case.t(8, "float32")
        net.step(x, t, SGD(0.01))
        before = net.parameters.flat.tobytes()
        x[3, 0, 2, 2] = 3e38
        with pytest.raises(NotFiniteError):
            net.step(x, t, SGD(0.01))
        assert net.parameters.flat.tobytes() == before


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_is_named(bad: float) -> None:
    case = over_images(CONVOLUTIONS["pooled"], MeanSquaredError())
    messages = []
    for net in pair(case):
        x = case.x(40, "float32")
        x[33, 1, 2, 3] = bad
        for use in (lambda n, x: n.fit(x, case.t(40), epochs=1, verbose=0), lambda n, x: n.predict(x)):
            with pytest.raises((NotFiniteError, InputError)) as found:
                use(net, x)
            messages.append(str(found.value))
    assert messages[:2] == messages[2:]
