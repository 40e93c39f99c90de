"""NaN and infinity: found by the native engine where the reference engine finds them, before anything is spoilt."""

from typing import Any

import numpy as np
import pytest

from cases import Case
from native.pairs import error, network, pair
from pellucid import Network
from pellucid.errors import NotFiniteError
from pellucid.initializers import Constant, Zeros
from pellucid.layers import Affine, Identity, Layer, ReLU, Sigmoid, Tanh
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


def test_a_parameter_set_to_nan_by_hand_is_named() -> None:
    case = Case("nan", (Affine(5), Sigmoid(), Affine(3)), MeanSquaredError(), (4,))
    messages = []
    for net in pair(case):
        net.parameters["2.W"][1, 1] = np.nan
        with pytest.raises(NotFiniteError) as found:
            net.step(case.x(5), case.t(5), SGD(0.1))
        messages.append(str(found.value))
    assert messages[0] == messages[1] and "parameter 2.W" in messages[0]
