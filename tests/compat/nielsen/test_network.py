"""network.Network: the originals' numbers from the same seeds, and every way in which scripts reach into it.

The numbers named ORIGINAL were printed by DeepLearningPython35's network.py for the same data and seeds.
"""

import copy
import pickle
import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from compat.nielsen.shared import pairs, slopes
from pellucid.compat.nielsen import network
from pellucid.errors import InputError

ORIGINAL_WEIGHTS = [
    [0.1413551193507559, 0.34517424642675193, -1.4989774635834237],
    [1.4591034324032053, -0.019745128762020003, -0.4863568575095369],
]
ORIGINAL_BIASES = [1.524087680940897, -0.5386213342007502, 5.70250473957562e-05]
ORIGINAL_NEXT = 0.2879377648901865, 0.20484909029779508


def seeded(kind: type = network.Network) -> Any:
    random.seed(7)
    np.random.seed(7)
    return kind([4, 3, 2])


def trained(kind: type = network.Network) -> Any:
    net = seeded(kind)
    net.SGD(pairs(25), 3, 4, 3.0)
    return net


def assert_same(net: Any, other: Any) -> None:
    for mine, theirs in zip(net.weights + net.biases, other.weights + other.biases, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


def test_the_originals_numbers_lines_and_random_state(capsys: pytest.CaptureFixture[str]) -> None:
    net = seeded()
    net.SGD(zip(*map(list, zip(*pairs(25), strict=True)), strict=True), 3, 4, 3.0, test_data=iter(pairs(20, True)))
    assert capsys.readouterr().out.splitlines() == [f"Epoch {epoch} : 13 / 20" for epoch in range(3)]
    np.testing.assert_allclose(net.weights[1], ORIGINAL_WEIGHTS, rtol=0, atol=1e-13)
    np.testing.assert_allclose(net.biases[0].ravel(), ORIGINAL_BIASES, rtol=0, atol=1e-13)
    assert (random.random(), np.random.rand()) == ORIGINAL_NEXT
    assert net._current_twin().network.engine == "native"


def test_without_test_data(capsys: pytest.CaptureFixture[str]) -> None:
    seeded().SGD(pairs(5), 2, 10, 0.1)
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"


def test_attributes() -> None:
    net = seeded()
    assert (net.num_layers, net.sizes) == (3, [4, 3, 2])
    assert [w.shape for w in net.weights] == [(3, 4), (2, 3)]
    assert [b.shape for b in net.biases] == [(3, 1), (2, 1)]
    np.random.seed(7)
    np.testing.assert_array_equal(net.biases[0], np.random.randn(3, 1))


def test_backprop_is_the_slope_of_the_quadratic_cost() -> None:
    net = seeded()
    (x, y), *_ = pairs(1)
    nabla_b, nabla_w = net.backprop(x, y)
    wanted = slopes(lambda: 0.5 * float(np.sum((net.feedforward(x) - y) ** 2)), net.biases + net.weights)
    for mine, slope in zip(nabla_b + nabla_w, wanted, strict=True):
        assert mine.shape == slope.shape
        np.testing.assert_allclose(mine, slope, atol=1e-9)


def test_update_mini_batch_moves_against_the_mean_of_backprop() -> None:
    net, other = seeded(), seeded()
    batch = pairs(5)
    net.update_mini_batch(batch, 0.7)
    gradients = [other.backprop(x, y) for x, y in batch]
    for layer in range(2):
        mean = sum(nabla_w[layer] for _, nabla_w in gradients) / 5
        np.testing.assert_allclose(net.weights[layer], other.weights[layer] - 0.7 * mean, atol=1e-14)


def test_weights_may_be_replaced_or_changed_in_place_at_any_time() -> None:
    net = seeded()
    x, _ = pairs(1)[0]
    before = net.backprop(*pairs(1)[0])[0][1].copy()
    net.weights[1][0, 0] += 1.0
    assert not np.allclose(net.backprop(*pairs(1)[0])[0][1], before)
    net.weights = [np.zeros((5, 4)), np.zeros((2, 5))]
    net.biases = [np.zeros((5, 1)), np.array([[1.0], [2.0]])]
    np.testing.assert_allclose(net.feedforward(x).ravel(), 1 / (1 + np.exp([-1.0, -2.0])))
    net.SGD(pairs(25), 1, 5, 0.5)
    assert [w.shape for w in net.weights] == [(5, 4), (2, 5)]


def test_weights_kept_aside_stay_as_they_were() -> None:
    net = seeded()
    kept, copied = net.weights, [w.copy() for w in net.weights]
    net.SGD(pairs(25), 1, 5, 3.0)
    for one, other in zip(kept, copied, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.allclose(net.weights[0], copied[0])


class OwnBackprop(network.Network):
    """The script's own gradient, here the right one by another way: half as much, twice."""

    def backprop(self, x: Any, y: Any) -> Any:
        nabla_b, nabla_w = super().backprop(x, y)
        return [b / 2 + b / 2 for b in nabla_b], [w / 2 + w / 2 for w in nabla_w]


class OwnUpdate(network.Network):
    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        for x, y in mini_batch:
            nabla_b, nabla_w = self.backprop(x, y)
            kept = getattr(self, "_sums", None) or [0.0 * g for g in nabla_b + nabla_w]
            self._sums = [a + g for a, g in zip(kept, nabla_b + nabla_w, strict=True)]
        rate = eta / len(mini_batch)
        self.biases = [b - rate * g for b, g in zip(self.biases, self._sums[:2], strict=True)]
        self.weights = [w - rate * g for w, g in zip(self.weights, self._sums[2:], strict=True)]
        self._sums = []


class OwnDerivative(network.Network):
    def cost_derivative(self, output_activations: Any, y: Any) -> Any:
        return 1.0 * (output_activations - y)


@pytest.mark.parametrize("kind", [OwnBackprop, OwnUpdate, OwnDerivative])
def test_a_script_that_overrides_a_method_with_the_same_maths_gets_the_same_numbers(kind: type) -> None:
    assert_same(trained(kind), trained())


def test_another_cost_derivative_is_followed() -> None:
    class Cubic(network.Network):
        def cost_derivative(self, output_activations: Any, y: Any) -> Any:
            return 4 * (output_activations - y) ** 3

    net = seeded(Cubic)
    (x, y), *_ = pairs(1)
    nabla_b, nabla_w = net.backprop(x, y)
    wanted = slopes(lambda: float(np.sum((net.feedforward(x) - y) ** 4)), net.biases + net.weights)
    for mine, slope in zip(nabla_b + nabla_w, wanted, strict=True):
        np.testing.assert_allclose(mine, slope, atol=1e-9)
    assert not np.allclose(trained(Cubic).weights[1], ORIGINAL_WEIGHTS)


def test_overridden_evaluate_and_feedforward_are_called(capsys: pytest.CaptureFixture[str]) -> None:
    class Forward(network.Network):
        def feedforward(self, a: Any) -> Any:
            return np.array([[0.0], [1.0]])

    class Evaluate(network.Network):
        def evaluate(self, test_data: Any) -> int:
            return -len(list(test_data))

    ones = sum(k for _, k in pairs(20, True))
    assert seeded(Forward).evaluate(pairs(20, True)) == ones
    seeded(Evaluate).SGD(pairs(5), 1, 5, 0.1, pairs(20, True))
    assert capsys.readouterr().out == "Epoch 0 : -20 / 20\n"


def test_a_method_replaced_on_the_object_or_the_class_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    net = seeded()
    net.update_mini_batch = lambda mini_batch, eta: calls.append(len(mini_batch))
    net.SGD(pairs(25), 1, 10, 3.0)
    assert calls == [10, 10, 5]
    monkeypatch.setattr(network.Network, "update_mini_batch", lambda self, mini_batch, eta: calls.append(0))
    seeded().SGD(pairs(25), 1, 25, 3.0)
    assert calls == [10, 10, 5, 0]


def test_a_subclass_that_does_not_call_our_init() -> None:
    class Own(network.Network):
        def __init__(self, sizes: list[int]) -> None:
            self.num_layers, self.sizes = len(sizes), sizes
            self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
            self.weights = [np.random.randn(y, x) for x, y in pairwise(sizes)]

    assert_same(trained(Own), trained())


def test_copies_and_pickles_are_networks_of_their_own() -> None:
    net = trained()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        other.SGD(pairs(25), 1, 5, 3.0)
        assert not np.allclose(other.weights[0], net.weights[0])


def test_evaluate_takes_columns_and_class_numbers() -> None:
    net = trained()
    assert net.evaluate(pairs(20)) == net.evaluate(pairs(20, True)) == 13


def test_sigmoid_is_quiet_where_the_original_warns() -> None:
    np.testing.assert_array_equal(network.sigmoid(np.array([-1e4, 0.0, 1e4])), [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(network.sigmoid_prime(np.array([0.0, 1e4])), [0.25, 0.0])


def test_negative_eta_climbs() -> None:
    net, other = seeded(), seeded()
    net.update_mini_batch(pairs(3), -0.5)
    other.update_mini_batch(pairs(3), 0.5)
    w = seeded().weights[0]
    np.testing.assert_allclose(net.weights[0] - w, w - other.weights[0], atol=1e-15)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda net: net.SGD([], 1, 10, 3.0), "training_data is empty; a zip can be gone through only once"),
        (lambda net: net.SGD(5, 1, 10, 3.0), "training_data must be a list or zip of pairs"),
        (lambda net: net.SGD([(1, 2, 3)], 1, 10, 3.0), r"training_data\[0\] is no pair"),
        (lambda net: net.SGD(pairs(3), 1, 0, 3.0), "mini_batch_size must be a whole number of 1 or more, got 0"),
        (lambda net: net.SGD(pairs(3), 1.5, 1, 3.0), "epochs must be a whole number"),
        (lambda net: net.SGD(pairs(3), 1, 1, float("nan")), "eta must be a finite number"),
        (lambda net: net.SGD([(np.zeros((5, 1)), np.zeros((2, 1)))], 1, 1, 1.0), r"\(5, 1\), but the network takes"),
        (lambda net: net.SGD([(np.zeros((4, 1)), np.zeros((3, 1)))], 1, 1, 1.0), "outputs of the shape"),
        (lambda net: net.backprop(np.zeros((4, 1)), np.zeros((2, 2))), "outputs of the shape"),
        (lambda net: net.feedforward(np.zeros((5, 1))), r"the layer takes \(4, 1\)"),
        (lambda net: net.evaluate([(np.zeros((4, 1)), 1), (np.zeros((4, 1)), np.zeros((2, 1)))]), "one kind"),
    ],
)
def test_bad_input_is_one_sentence(act: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        act(seeded())
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [[], [5], [4, 0, 2], [4, 2.5], 4, "42"])
def test_bad_sizes(sizes: Any) -> None:
    with pytest.raises(InputError, match="sizes must hold two or more whole numbers"):
        network.Network(sizes)


@pytest.mark.parametrize(
    ("weights", "biases", "said"),
    [
        ([np.zeros((3, 4)), np.zeros((2, 5))], [np.zeros((3, 1)), np.zeros((2, 1))], r"\(2, 3\) fits"),
        ([np.zeros((3, 4))], [np.zeros((4, 1))], r"\(3, 1\) fits"),
        ([np.zeros((3, 4))], [], "each layer needs one of each"),
        ([[[1.0]]], [[[1.0]]], "must be an array"),
    ],
)
def test_weights_that_do_not_chain(weights: Any, biases: Any, said: str) -> None:
    net = seeded()
    net.weights, net.biases = weights, biases
    with pytest.raises(InputError, match=said):
        net.backprop(*pairs(1)[0])
