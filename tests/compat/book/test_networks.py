"""The book's networks: gradients against numeric ones, native against layer by layer, params that scripts change."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from pellucid.compat import faithful
from pellucid.compat.book.ch04.two_layer_net import TwoLayerNet as SigmoidNet
from pellucid.compat.book.ch05.two_layer_net import TwoLayerNet
from pellucid.compat.book.common.functions import softmax
from pellucid.compat.book.common.layers import Affine, Sigmoid
from pellucid.compat.book.common.multi_layer_net import MultiLayerNet
from pellucid.compat.book.common.multi_layer_net_extend import MultiLayerNetExtend
from pellucid.compat.book.layer_net import LayerNet
from pellucid.errors import InputError

X = np.random.default_rng(8).normal(size=(9, 6)).astype(np.float32)
NUMBERS = np.array([0, 1, 2, 3, 3, 2, 1, 0, 2], dtype=np.uint8)
ROWS = np.eye(4)[NUMBERS]

MAKERS: dict[str, Any] = {
    "SigmoidNet": lambda **k: SigmoidNet(6, 5, 4, 0.5, **k),
    "TwoLayerNet": lambda **k: TwoLayerNet(6, 5, 4, 0.5, **k),
    "LayerNet": lambda **k: LayerNet(6, 5, 4, 0.5, **k),
    "MultiLayerNet": lambda **k: MultiLayerNet(6, [5, 7], 4, weight_decay_lambda=0.1, **k),
    "sigmoid": lambda **k: MultiLayerNet(6, [5, 7], 4, "sigmoid", "xavier", **k),
    "Extend": lambda **k: MultiLayerNetExtend(6, [5, 7], 4, weight_decay_lambda=0.1, **k),
    "Dropout": lambda **k: MultiLayerNetExtend(6, [9, 7], 4, use_dropout=True, dropout_ration=0.3, **k),
    "BatchNorm": lambda **k: MultiLayerNetExtend(6, [5, 7], 4, use_batchnorm=True, weight_decay_lambda=0.1, **k),
}
NATIVE = ["SigmoidNet", "TwoLayerNet", "LayerNet", "MultiLayerNet", "sigmoid", "Extend"]
every = pytest.mark.parametrize("name", MAKERS)
natively = pytest.mark.parametrize("name", NATIVE)


def make(name: str, **options: Any) -> Any:
    np.random.seed(1)
    return MAKERS[name](**options)


def same(a: dict[str, Any], b: dict[str, Any], tolerance: float = 1e-12) -> bool:
    return list(a) == list(b) and all(np.allclose(a[key], b[key], atol=tolerance, rtol=tolerance) for key in a)


@every
@pytest.mark.parametrize("t", [ROWS, NUMBERS])
def test_backpropagation_is_numeric_differentiation(name: str, t: np.ndarray) -> None:
    net = make(name)
    np.random.seed(4)
    numeric = net.numerical_gradient(X, t)
    assert same(net.gradient(X, t), numeric, 1e-6)


@every
def test_native_passes_are_the_faithful_ones_layer_by_layer(name: str) -> None:
    ours, theirs = make(name), make(name, faithful=True)
    assert same(ours.params, theirs.params, 0)
    np.random.seed(4)
    gradient = ours.gradient(X, ROWS)
    np.random.seed(4)
    assert same(gradient, theirs.gradient(X, ROWS))
    assert np.allclose(ours.predict(X), theirs.predict(X), atol=1e-11)
    # Untrained averages make batch normalisation's logits large, where 1e-7 inside the logarithm is seen.
    assert ours.loss(X, ROWS) == pytest.approx(theirs.loss(X, ROWS), rel=2e-3 if name == "BatchNorm" else 2e-6)
    assert ours.accuracy(X, NUMBERS) == theirs.accuracy(X, ROWS)


def test_faithful_can_be_said_once_for_all() -> None:
    with faithful():
        assert make("TwoLayerNet").faithful
    assert not make("TwoLayerNet").faithful


@every
def test_params_changed_in_place_or_replaced_are_followed(name: str) -> None:
    net = make(name)
    for key in net.params:
        net.params[key] -= 0.25
    moved = {key: value.copy() for key, value in net.params.items()}
    inplace = net.predict(X)
    other = make(name)
    for key in other.params:
        other.params[key] = moved[key]
    assert np.array_equal(other.predict(X), inplace)
    moved["W1"] += 1.0
    net.params["W1"] += 1.0
    assert np.array_equal(other.predict(X), net.predict(X)) and other.params["W1"] is moved["W1"]
    before = make(name)
    assert not np.allclose(before.predict(X), inplace)


def test_a_step_downhill_by_hand_lowers_the_loss() -> None:
    net = make("TwoLayerNet")
    before = net.loss(X, ROWS)
    gradient = net.gradient(X, ROWS)
    for key in ("W1", "b1", "W2", "b2"):
        net.params[key] -= 0.1 * gradient[key]
    assert net.loss(X, ROWS) < before


def test_a_gradient_given_stays_as_it_was() -> None:
    net = make("TwoLayerNet")
    first = net.gradient(X, ROWS)
    kept = copy.deepcopy(first)
    net.gradient(X[:3] * 2, ROWS[:3])
    assert same(first, kept, 0)


def test_a_layers_own_weights_are_followed_too() -> None:
    net, other = make("TwoLayerNet"), make("TwoLayerNet")
    weights = np.random.default_rng(2).normal(size=(6, 5))
    net.layers["Affine1"].W = weights
    other.params["W1"] = weights
    assert np.array_equal(net.predict(X), other.predict(X))
    assert net.params["W1"] is weights and other.layers["Affine1"].W is weights


def test_replaced_params_of_another_shape_are_refused() -> None:
    net = make("TwoLayerNet")
    net.params["W1"] = np.zeros((6, 1))
    with pytest.raises(InputError, match=r"W of Affine has the shape \(6, 5\), got \(6, 1\)"):
        net.predict(X)


@natively
def test_layers_can_go_back_by_hand_after_a_native_pass(name: str) -> None:
    net = make(name)
    expected = net.gradient(X, ROWS)
    net.loss(X, ROWS)
    dout = net._last.backward(1)
    for layer in reversed(net.layers.values()):
        dout = layer.backward(dout)
    first = net.layers["Affine1"]
    decay = net._weight_decay * first.W
    assert np.allclose(first.dW + decay, expected["W1"], atol=1e-12) and dout.shape == X.shape
    assert np.array_equal(first.x, X)


def test_the_loss_layer_is_found_under_the_books_names() -> None:
    net = make("TwoLayerNet")
    assert net.loss(X, ROWS) == net.lastLayer.loss
    assert np.allclose(net.lastLayer.y, softmax(net.predict(X)))
    assert make("MultiLayerNet").last_layer.loss is None
    assert list(make("MultiLayerNet").layers) == [
        "Affine1",
        "Activation_function1",
        "Affine2",
        "Activation_function2",
        "Affine3",
    ]


def test_a_layer_that_a_script_replaces_is_used() -> None:
    net = make("TwoLayerNet")
    net.layers["Relu1"] = Sigmoid()
    expected = 1 / (1 + np.exp(-(X @ net.params["W1"]))) @ net.params["W2"]
    assert np.allclose(net.predict(X), expected)
    assert same(net.gradient(X, ROWS), net.numerical_gradient(X, ROWS), 1e-6)
    fresh = make("TwoLayerNet")
    fresh.layers["Affine1"] = Affine(fresh.params["W1"], fresh.params["b1"])
    assert same(fresh.gradient(X, ROWS), make("TwoLayerNet").gradient(X, ROWS))


def test_a_subclass_may_have_its_own_predict_and_loss() -> None:
    class Doubled(TwoLayerNet):
        def predict(self, x: Any) -> Any:
            return 2 * super().predict(x)

    class Plus(TwoLayerNet):
        def loss(self, x: Any, t: Any) -> Any:
            return 5 + super().loss(x, t)

    plain, doubled, plus = (kind(6, 5, 4, 0.5) for kind in (TwoLayerNet, Doubled, Plus))
    for net in (doubled, plus):
        net.params.update({key: value.copy() for key, value in plain.params.items()})
    logits = 2 * plain.predict(X)
    expected = -np.log(softmax(logits)[np.arange(9), NUMBERS]).mean()
    assert doubled.loss(X, NUMBERS) == pytest.approx(expected, rel=1e-12)
    assert plus.loss(X, ROWS) == pytest.approx(5 + plain.loss(X, ROWS), rel=1e-12)
    assert same(plus.gradient(X, ROWS), plain.gradient(X, ROWS))


@every
def test_copies_and_pickles_are_networks_of_their_own(name: str) -> None:
    net = make(name)
    net.gradient(X, ROWS)
    y = net.predict(X)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(twin.predict(X), y)
        twin.params["W1"] += 1.0
        assert not np.allclose(twin.predict(X), y) and np.array_equal(net.predict(X), y)


def test_first_weights_are_drawn_as_the_book_draws_them() -> None:
    net = make("MultiLayerNet")
    np.random.seed(1)
    assert np.array_equal(net.params["W1"], np.sqrt(2 / 6) * np.random.randn(6, 5))
    assert np.array_equal(net.params["W2"], np.sqrt(2 / 5) * np.random.randn(5, 7))
    assert all((net.params[f"b{number}"] == 0).all() and net.params["W1"].dtype == np.float64 for number in (1, 2, 3))
    np.random.seed(1)
    small = MultiLayerNet(6, [5], 4, weight_init_std=0.01)
    np.random.seed(1)
    assert np.array_equal(small.params["W1"], 0.01 * np.random.randn(6, 5))


def test_images_are_read_as_rows() -> None:
    net = make("MultiLayerNet")
    assert np.array_equal(net.predict(X.reshape(9, 1, 2, 3)), net.predict(X))


def test_chapter_4_gives_probabilities_for_one_sample_too() -> None:
    net = make("SigmoidNet")
    assert np.allclose(net.predict(X).sum(axis=1), 1)
    assert np.array_equal(net.predict(X[0]), net.predict(X[:1])[0])
    assert net.loss(X[0], ROWS[0]) == net.loss(X[:1], ROWS[:1])


def test_the_extra_relu_keeps_dead_outputs_dead() -> None:
    net = make("LayerNet")
    net.params["b2"][2] = -100.0
    assert (net.predict(X)[:, 2] == 0).all()
    gradient = net.gradient(X, ROWS)
    assert (gradient["W2"][:, 2] == 0).all() and gradient["b2"][2] == 0
    assert make("TwoLayerNet").gradient(X, ROWS)["b2"][2] != 0


def test_weight_decay_is_in_loss_and_gradient() -> None:
    plain, decayed = MultiLayerNet(6, [5], 4), MultiLayerNet(6, [5], 4, weight_decay_lambda=0.5)
    decayed.params.update({key: value.copy() for key, value in plain.params.items()})
    squares = sum((plain.params[key] ** 2).sum() for key in ("W1", "W2"))
    assert decayed.loss(X, ROWS) - plain.loss(X, ROWS) == pytest.approx(0.25 * squares)
    difference = decayed.gradient(X, ROWS)["W1"] - plain.gradient(X, ROWS)["W1"]
    assert np.allclose(difference, 0.5 * plain.params["W1"])
    assert np.array_equal(decayed.gradient(X, ROWS)["b1"], plain.gradient(X, ROWS)["b1"])


def test_dropout_draws_once_a_layer_and_leaves_numpys_generator_alone_otherwise() -> None:
    net = make("Dropout")
    np.random.seed(6)
    net.gradient(X, ROWS)
    after = np.random.rand()
    np.random.seed(6)
    np.random.rand(9, 9), np.random.rand(9, 7)
    assert np.random.rand() == after
    np.random.seed(6)
    net.loss(X, ROWS), net.predict(X), net.accuracy(X, ROWS), net.numerical_gradient(X[:2], ROWS[:2])
    np.random.seed(6)
    state = np.random.rand()
    np.random.seed(6)
    net.predict(X)
    assert np.random.rand() == state
    assert not np.array_equal(net.predict(X, train_flg=True), net.predict(X))


def test_numeric_differentiation_leaves_running_averages_alone() -> None:
    net = make("BatchNorm")
    assert list(net.gradient(X, ROWS))[:5] == ["W1", "b1", "gamma1", "beta1", "W2"]
    layer = net.layers["BatchNorm1"]
    before = layer.running_mean.copy()
    net.numerical_gradient(X[:4], ROWS[:4])
    assert np.array_equal(layer.running_mean, before)
    net.gradient(X, ROWS)
    assert not np.array_equal(layer.running_mean, before)


def test_passes_run_on_the_engine_and_not_layer_by_layer() -> None:
    for name in NATIVE:
        net = make(name)
        net.gradient(X, ROWS), net.loss(X, ROWS), net.predict(X)
        assert all(layer._kept is None for layer in net.layers.values()), name
        assert net._twin.network.dtype == np.float64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: net.predict(X[:, :5]), r"x has the shape \(9, 5\).*takes numbers \(N, 6\)"),
        (lambda net: net.gradient(X, ROWS[:, :3]), r"t has the shape \(9, 3\), but x has 9 rows"),
        (lambda net: net.loss(X, NUMBERS[:5]), r"t has the shape \(5,\), but x has 9 rows"),
        (lambda net: net.gradient(X, NUMBERS + 2), "class numbers from 2 to 5; 0 to 3 are known"),
        (lambda net: net.predict(np.array(["a"])), "takes numbers"),
        (lambda net: net.predict(X[0]), r"one sample as x\[None\]"),
        (lambda net: net.loss(X[:0], NUMBERS[:0]), "x has no rows"),
        (lambda net: net.accuracy(X[:0], NUMBERS[:0]), "t has no rows"),
        (lambda net: net.gradient(X, np.full((9, 4), "a")), "t has the type <U1"),
        (lambda net: net.params.pop("b1") is None or net.predict(X), "params has no 'b1' any more"),
    ],
)
def test_data_that_does_not_fit(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(make("TwoLayerNet"))


def test_every_kind_of_array_gives_the_same() -> None:
    net = make("TwoLayerNet")
    y, loss = net.predict(X), net.loss(X, NUMBERS)
    for x in (X.astype(">f4"), np.asfortranarray(X), X.tolist(), X[::-1][::-1], X.astype(np.float64)):
        assert np.array_equal(net.predict(x), y)
    for t in (ROWS.astype(bool), ROWS.astype(int), NUMBERS.tolist(), NUMBERS.astype(float), NUMBERS[:, None]):
        assert net.loss(X, t) == pytest.approx(loss, rel=1e-15)


def test_numbers_that_run_away_are_seen_and_raise_nothing() -> None:
    net = make("TwoLayerNet")
    net.params["W1"][:] = np.inf
    assert np.isnan(net.loss(X, NUMBERS)) and np.isnan(net.gradient(X, NUMBERS)["b2"]).all()


def test_arguments_that_there_are_not() -> None:
    with pytest.raises(InputError, match="did you mean 'relu'"):
        MultiLayerNet(6, [5], 4, activation="rellu")
    with pytest.raises(InputError, match="did you mean 'xavier'"):
        MultiLayerNet(6, [5], 4, weight_init_std="xaver")
    with pytest.raises(InputError, match="one output"):
        TwoLayerNet(6, 5, 1).loss(X, np.ones(9, dtype=int))
