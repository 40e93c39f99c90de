"""A session: what the face, the estimators and the twins go through, past the checks of a data set."""

import numpy as np
import pytest

from pellucid.engines import OptimizerState, check_data
from pellucid.errors import NotFiniteError
from pellucid.optimizers import SGD, Adam, Momentum
from pellucid.training import Session
from small import ROWS, bits, network, samples

X, T = samples()


def test_it_is_what_a_network_stands_on() -> None:
    net = network()
    assert isinstance(net.session, Session)
    assert net.session.model is net.model and net.session.engine.name == net.engine
    assert net.history is net.session.history is None
    history = net.fit(X, T, epochs=1, verbose=0)
    assert net.history is net.session.history is history


def test_memory_is_kept_by_a_step_and_not_by_a_look() -> None:
    session = network().session
    looked = session.memory(Momentum(0.1))
    assert session.memory(Momentum(0.1)) is not looked
    kept = session.optimizer_state(Momentum(0.1))
    assert session.memory(Momentum(0.1)) is session.optimizer_state(Momentum(0.1)) is kept
    assert session.memory(Momentum(0.2)) is not kept
    assert session.memory(Momentum(0.1)) is kept
    assert session.optimizer_state(Momentum(0.2)) is not kept
    assert session.memory(Momentum(0.1)) is not kept


def test_the_scalars_of_a_state_are_those_of_its_next_step() -> None:
    net, optimizer = network(), Adam(0.1)
    state = OptimizerState(optimizer, net.parameters.layout, net.dtype)
    state.step, state.start = 7, 4
    expected = optimizer.scalars(np.array([3]), np.array([0.1]))
    assert {name: values.tolist() for name, values in state.scalars().items()} == {
        name: values.tolist() for name, values in expected.items()
    }


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_predictions_have_the_bits_of_the_face(rows: int) -> None:
    net = network()
    assert net.session.predict(X[:rows]).tobytes() == net.predict(X[:rows]).tobytes()


def test_training_an_epoch_in_pieces_is_training_it_whole() -> None:
    whole, pieces, fitted = network(), network(), network()
    data = check_data(X, T, whole.model)
    rates = np.full(-(-ROWS // 8), 0.3)
    assert whole.session.train(data, None, 8, Momentum(1.0), rates) == len(rates)
    first = pieces.session.train(data, None, 8, Momentum(1.0), rates[:3])
    assert first == 3
    assert pieces.session.train(data, None, 8, Momentum(1.0), rates, first) == len(rates)
    fitted.fit(X, T, epochs=1, batch_size=8, optimizer=Momentum(0.3), shuffle=False, verbose=0)
    assert bits(whole) == bits(pieces) == bits(fitted)
    assert whole.optimizer_state(Momentum(1.0)).step == len(rates)


def test_an_order_is_followed() -> None:
    ordered, sorted_before = network(), network()
    order = np.random.default_rng(1).permutation(ROWS)
    rates = np.full(5, 0.1)
    ordered.session.train(check_data(X, T, ordered.model), order, 10, SGD(1.0), rates)
    sorted_before.session.train(check_data(X[order], T[order], ordered.model), None, 10, SGD(1.0), rates)
    assert bits(ordered) == bits(sorted_before)


def test_a_step_that_brings_up_infinity_ends_it_and_changes_nothing() -> None:
    net, before = network(), network()
    rates = np.array([0.1, 0.1, 1e39, 0.1, 0.1])
    data = check_data(X, T, net.model)
    assert net.session.train(data, None, 10, SGD(1.0), rates) == 2
    before.session.train(data, None, 10, SGD(1.0), rates[:2])
    assert bits(net) == bits(before)
    assert net.optimizer_state(SGD(1.0)).step == 2
    with pytest.raises(NotFiniteError, match="at step 0; the parameters are unchanged"):
        net.session.step(data, SGD(1e39))
    assert bits(net) == bits(before)
