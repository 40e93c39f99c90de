"""network3: its layers against the formulas, one step against numeric slopes, its lines, and what is refused."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compat.nielsen.shared import slopes
from pellucid.compat import faithful
from pellucid.compat.nielsen import network3
from pellucid.compat.nielsen.network3 import (
    ConvPoolLayer,
    FullyConnectedLayer,
    Network,
    ReLU,
    Shared,
    SoftmaxLayer,
    linear,
    sigmoid,
    tanh,
)
from pellucid.compat.nielsen.symbols import Symbol, function
from pellucid.errors import InputError, NotFiniteError

DRAW = np.random.RandomState(3)
X = DRAW.rand(12, 49).astype(np.float32)
Y = np.arange(12) % 3
DATA = (Shared(X), Shared(Y))


def network(activation: Any = sigmoid, p_dropout: float = 0.0, mini_batch_size: int = 4) -> Network:
    """1@7x7, by 3x3 to 2@5x5, pooled to 2@2x2, 5, 3; no weight is 0."""
    np.random.seed(2)
    m = mini_batch_size
    net = Network(
        [
            ConvPoolLayer(filter_shape=(2, 1, 3, 3), image_shape=(m, 1, 7, 7), activation_fn=activation),
            FullyConnectedLayer(n_in=8, n_out=5, activation_fn=activation, p_dropout=p_dropout),
            SoftmaxLayer(n_in=5, n_out=3, p_dropout=p_dropout),
        ],
        m,
    )
    net.layers[2].w.set_value(np.random.normal(size=(5, 3)))
    return net


def probabilities(params: list[Any], x: Any, activation: Any, kept: float = 1.0) -> Any:
    """The original's formulas in float64: a convolution that turns the kernel, pooling, then bias and activation."""
    w1, b1, w2, b2, w3, b3 = params
    images = x.reshape(-1, 7, 7).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))
    u = np.einsum("nrsij,oij->nors", windows, w1[:, 0, ::-1, ::-1])[:, :, :4, :4]
    pooled = u.reshape(-1, 2, 2, 2, 2, 2).max(axis=(3, 5))
    a = activation(pooled + b1[:, None, None]).reshape(-1, 8)
    a = activation(kept * a @ w2 + b2)
    e = np.exp(kept * a @ w3 + b3)
    return e / e.sum(axis=1, keepdims=True)


def values(net: Network) -> list[Any]:
    return [param.get_value().astype(float) for param in net.params]


@pytest.mark.parametrize("activation", [sigmoid, tanh, ReLU, linear])
def test_a_step_goes_down_the_slope_of_the_cost(activation: Any) -> None:
    net, eta, lmbda = network(activation), 0.5, 0.3
    before = values(net)
    x, y = X[:4], Y[:4]

    def cost() -> float:
        right = probabilities(before, x, activation)[np.arange(4), y]
        return float(-np.log(right).mean() + 0.5 * lmbda * sum((w**2).sum() for w in before[::2]))

    steps = [-eta * slope for slope in slopes(cost, before)]
    net.SGD((x, y), 1, 4, eta, (X, Y), (X, Y), lmbda)
    for old, new, step in zip(before, values(net), steps, strict=True):
        assert np.abs(step).max() > 1e-4 and np.allclose(new - old, step, atol=2e-5)


@pytest.mark.parametrize("p_dropout", [0.0, 0.4])
def test_predictions_are_those_of_the_formulas(p_dropout: float) -> None:
    net = network(p_dropout=p_dropout)
    net.SGD(DATA, 1, 4, 0.1, DATA, DATA)
    wanted = probabilities(values(net), X, sigmoid, 1 - p_dropout).argmax(axis=1)
    assert np.concatenate([net.test_mb_predictions(i) for i in range(3)]).tolist() == wanted.tolist()
    # What a script sets is what predicts.
    net.layers[2].b.set_value(np.array([0.0, 100.0, 0.0]))
    assert net.test_mb_predictions(1).tolist() == [1] * 4


def test_dropout_changes_the_steps_and_not_how_they_are_drawn() -> None:
    plain, first, again = network(), network(p_dropout=0.5), network(p_dropout=0.5)
    for net in (plain, first, again):
        net.SGD(DATA, 1, 4, 0.5, DATA, DATA)
    assert not np.allclose(plain.params[2].get_value(), first.params[2].get_value())
    assert np.array_equal(again.params[2].get_value(), first.params[2].get_value())
    first.SGD(DATA, 1, 4, 0.5, DATA, DATA)
    assert np.isfinite(first.params[2].get_value()).all()


def test_first_values_are_drawn_as_the_originals() -> None:
    np.random.seed(9)
    layer = ConvPoolLayer((20, 1, 5, 5), (10, 1, 28, 28))
    full = FullyConnectedLayer(6, 4)
    np.random.seed(9)
    w = np.random.normal(loc=0, scale=np.sqrt(4 / (20 * 25)), size=(20, 1, 5, 5))
    b = np.random.normal(loc=0, scale=1.0, size=(20,))
    assert np.array_equal(layer.w.get_value(), w.astype(np.float32))
    assert np.array_equal(layer.b.eval(), b.astype(np.float32))
    assert np.array_equal(full.w.get_value(), np.random.normal(scale=0.5, size=(6, 4)).astype(np.float32))
    assert not SoftmaxLayer(5, 3).w.get_value().any() and full.params == [full.w, full.b]


def test_the_printed_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network3, "_SAY_EVERY", 4)
    accuracies = iter([0.5, 0.25, 0.25, 0.125, 0.75, 1.0])
    net = network()
    monkeypatch.setattr(net._twin, "accuracy", lambda _: next(accuracies))
    net.SGD(DATA, 4, 4, 0.1, DATA, DATA)
    assert capsys.readouterr().out.splitlines() == [
        "Training mini-batch number 0",
        "Epoch 0: validation accuracy 50.00%",
        "This is the best validation accuracy to date.",
        "The corresponding test accuracy is 25.00%",
        "Training mini-batch number 4",
        "Epoch 1: validation accuracy 25.00%",
        "Training mini-batch number 8",
        "Epoch 2: validation accuracy 12.50%",
        "Epoch 3: validation accuracy 75.00%",
        "This is the best validation accuracy to date.",
        "The corresponding test accuracy is 100.00%",
        "Finished training network.",
        "Best validation accuracy of 75.00% obtained at iteration 11",
        "Corresponding test accuracy of 100.00%",
    ]


def test_it_learns_and_goes_without_test_data(capsys: pytest.CaptureFixture[str]) -> None:
    images = np.kron(np.eye(3)[Y], np.ones((1, 17)))[:, :49]
    net = network(mini_batch_size=3)
    net.SGD((images, Y), 200, 3, 1.0, (images, Y), None)
    out = capsys.readouterr().out
    assert "Best validation accuracy of 100.00%" in out and "test" not in out


@pytest.mark.parametrize(("mode", "steps"), [(False, 3), (True, 2)])
def test_a_short_mini_batch_is_trained_unless_faithful(mode: bool, steps: int) -> None:
    net, whole = network(mini_batch_size=5), network(mini_batch_size=5)
    with faithful(mode):
        net.SGD(DATA, 1, 5, 0.5, DATA, DATA)
        assert net._twin._steps == steps
    whole.SGD((X[:10], Y[:10]), 1, 5, 0.5, DATA, DATA)
    assert np.array_equal(net.params[0].get_value(), whole.params[0].get_value()) == mode


def test_shared_variables() -> None:
    held = np.arange(3.0)
    shared = Shared(held, "x")
    assert shared.get_value(borrow=True) is held and shared.get_value() is not held
    shared.set_value(held + 1)
    assert np.array_equal(np.asarray(shared), [1, 2, 3]) and shared.shape == (3,) and shared.dtype == float
    assert len(shared) == 3 and shared[1:].tolist() == [2, 3] and network3.size((shared, None)) == 3


def test_a_function_of_what_is_not_known() -> None:
    net = network()
    with pytest.raises(InputError, match="neither an input nor among givens"):
        function([], net.layers[-1].y_out)()
    number = Symbol()
    assert function([number], DATA[1][2 * number + 1 :])(4).tolist() == Y[9:].tolist()


def test_dropout_layer_silences_a_share() -> None:
    np.random.seed(1)
    kept = network3.dropout_layer(np.ones(1000, np.float32), 0.3)
    assert 0.65 < kept.mean() < 0.75 and set(kept.tolist()) == {0.0, 1.0} and kept.dtype == np.float32


def test_load_data_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(((X, Y), (X[:6], Y[:6]), (X[:3], Y[:3])), protocol=2)
    for name in ("mnist.pkl.gz", "other.pkl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(content))
    for given in ((), ("mnist.pkl.gz",), (tmp_path / "other.pkl.gz",)):
        training, _, test = network3.load_data_shared(*given)
        assert np.array_equal(training[0].get_value(), X) and network3.size(test) == 3
        assert training[1].get_value().dtype == np.int32 and training[0].dtype == np.float32
    with pytest.raises(InputError, match=r"make it first: .*expand_mnist"):
        network3.load_data_shared("../data/mnist_expanded.pkl.gz")
    with pytest.raises(InputError, match=r"nothing\.pkl\.gz"):
        network3.load_data_shared("nothing.pkl.gz")


def test_a_copy_is_a_network_of_its_own() -> None:
    net = network()
    other = pickle.loads(pickle.dumps(net))
    net.SGD(DATA, 1, 4, 0.5, DATA, DATA)
    assert not np.array_equal(net.params[0].get_value(), other.params[0].get_value())
    other.SGD(DATA, 1, 4, 0.5, DATA, DATA)
    assert np.array_equal(net.params[0].get_value(), other.params[0].get_value())


def conv(**changes: Any) -> ConvPoolLayer:
    return ConvPoolLayer(**({"filter_shape": (2, 1, 3, 3), "image_shape": (4, 1, 7, 7)} | changes))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Network([], 4), "layers must hold"),
        (lambda: Network(["conv"], 4), "layers must hold"),
        (lambda: Network([FullyConnectedLayer(4, 3)], 4), "has no cost; put a SoftmaxLayer at the end"),
        (lambda: Network([conv(), SoftmaxLayer(9, 3)], 4), "n_in=9, but .* n_in=8 fits"),
        (lambda: Network([conv(), conv(), SoftmaxLayer(8, 3)], 4), r"\(mini_batch_size, 2, 2, 2\) fits"),
        (lambda: conv(filter_shape=(2, 3, 3, 3)), "takes 3 feature maps, but image_shape .* has 1"),
        (lambda: conv(filter_shape=(2, 3, 3)), "filter_shape must hold 4 whole numbers"),
        (lambda: conv(poolsize=(0, 2)), "poolsize must hold 2 whole numbers of 1 or more"),
        (lambda: conv(activation_fn=np.sin), "activation_fn is 'sin', .* take one of its own"),
        (lambda: conv(activation_fn="ReLU"), "activation_fn is 'ReLU'"),
        (lambda: FullyConnectedLayer(0, 3), "must hold 2 whole numbers"),
        (lambda: SoftmaxLayer(5, 3, p_dropout=1.0), "p_dropout must be at least 0 and below 1, got 1.0"),
        (lambda: network().SGD(X, 1, 4, 0.1, DATA, DATA), r"training_data must be a pair \(x, y\)"),
        (lambda: network().SGD(DATA, 1, 4, 0.1, None, DATA), "validation_data must be a pair"),
        (lambda: network().SGD((X[:, :48], Y), 1, 4, 0.1, DATA, DATA), r"training_data: x has the shape \(12, 48\)"),
        (lambda: network().SGD((X, Y + 1), 1, 4, 0.1, DATA, DATA), "training_data: t"),
        (lambda: network().SGD(DATA, 1, 4, 0.1, DATA, DATA, lmbda=-1), "lmbda must be a finite number of 0 or more"),
        (lambda: network().SGD(DATA, 1, 0, 0.1, DATA, DATA), "mini_batch_size must be a whole number of 1"),
    ],
)
def test_what_is_refused(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


def test_w_of_another_shape_and_numbers_that_run_away() -> None:
    net = network()
    net.layers[1].w.set_value(np.zeros((8, 4)))
    with pytest.raises(InputError, match=r"w of a FullyConnectedLayer has the shape \(8, 4\); the layer has \(8, 5\)"):
        net.SGD(DATA, 1, 4, 0.1, DATA, DATA)
    far = network(linear)
    with pytest.raises(NotFiniteError, match="try a smaller eta"):
        far.SGD(DATA, 50, 4, 1e20, DATA, DATA)
    assert all(np.isfinite(param.get_value()).all() for param in far.params)
