"""The update that a trace shows is the one that training makes, and both engines give the same numbers."""

import numpy as np
import pytest

from cases import TRAINABLE, Case, named
from pellucid import Network
from pellucid.errors import InputError
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD, Adam, AdamW, Momentum, Optimizer


def network(engine: str) -> Network:
    return Network(
        [Affine(4), Sigmoid(), Affine(3), Sigmoid()], MeanSquaredError(), input_shape=5, engine=engine, dtype="float64"
    )


X, T = np.linspace(-1, 1, 30).reshape(6, 5), np.arange(6) % 3


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize("optimizer", [SGD(0.5, weight_decay=0.1), Momentum(0.1), Adam(0.01), AdamW(0.01)])
def test_step_makes_the_update_that_the_trace_showed(engine: str, optimizer: Optimizer) -> None:
    net = network(engine)
    for _ in range(3):
        shown = net.trace(X, T, optimizer).update
        before = {name: values.copy() for name, values in net.parameters.items()}
        net.step(X, T, optimizer)
        for name, values in net.parameters.items():
            np.testing.assert_array_equal(shown.before[name], before[name])
            np.testing.assert_allclose(values, shown.after[name], rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(shown.change[name], values - before[name], rtol=1e-9, atol=1e-14)


def test_looking_changes_nothing() -> None:
    net, other = network("native"), network("native")
    net.step(X, T, Adam())
    other.step(X, T, Adam())
    net.trace(X, T, Momentum())
    net.trace(X, T, Adam())
    net.step(X, T, Adam())
    other.step(X, T, Adam())
    np.testing.assert_array_equal(net.parameters.flat, other.parameters.flat)


def test_without_an_optimizer_there_is_no_update() -> None:
    traced = network("native").trace(X, T)
    assert traced.update is None
    assert "= update" not in str(traced)
    with pytest.raises(InputError, match="is 'sgd', not an optimizer"):
        network("native").trace(X, T, "sgd")


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_what_the_trace_shows_is_what_the_native_engine_computes(case: Case) -> None:
    model, data = case.model(), case.data(7)
    nets = {}
    for engine in ("auto", "reference"):
        net = Network(case.layers, model.loss, input_shape=model.input_shape, dtype=model.dtype, engine=engine)
        net.parameters.flat[:] = model.parameters.flat
        nets[engine] = net
    traced, other = (net.trace(data.x, data.t) for net in nets.values())
    loss, gradients = nets["auto"].gradient(data.x, data.t)
    np.testing.assert_allclose(traced.loss, loss, rtol=1e-4)
    np.testing.assert_allclose(traced.y, nets["auto"].predict(data.x), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(traced.y, other.y)
    for name, gradient in gradients.items():
        scale = float(np.abs(gradient).max(initial=1e-6))
        np.testing.assert_allclose(traced.gradients[name], gradient, rtol=1e-3, atol=1e-4 * scale)
