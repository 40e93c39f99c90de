"""Every recipe runs scaled down; what does not depend on size or luck comes out as printed."""

import numpy as np
import pytest

from pellucid.initializers import Normal
from pellucid.layers import Affine, ReLU
from pellucid.network import Network
from pellucid.optimizers import SGD, Momentum
from pellucid.reproduce import EXPERIMENTS, Setting, perform
from pellucid.reproduce.book6 import Position, Valley, activations, path
from pellucid.reproduce.nielsen1 import _outputs, sigmoid_network
from pellucid.reproduce.notebooks import MixedUp, plane, regression_network

FAST = Setting(fast=True)
SAME_AT_ANY_SIZE = ("book2-gates", "notebooks-forward", "notebooks-backward")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_runs_scaled_down(name):
    outcome = perform(EXPERIMENTS[name], FAST)
    assert outcome.result.rows
    verdicts = {row.verdict for row in outcome.result.rows}
    assert verdicts <= ({"within"} if name in SAME_AT_ANY_SIZE else {"scaled", "shown", "not yet"})
    assert outcome.agrees


@pytest.mark.parametrize(
    "name", [*SAME_AT_ANY_SIZE, "notebooks-mixed-up", "book6-optimizer-paths", "notebooks-regression"]
)
def test_what_needs_no_images_holds_in_full(name):
    outcome = perform(EXPERIMENTS[name], Setting())
    assert {row.verdict for row in outcome.result.rows} == {"within"}


def test_the_same_seeds_give_the_same_figures():
    first, second = (perform(EXPERIMENTS["nielsen3-cross-entropy"], FAST).result.rows for _ in range(2))
    assert list(first) == list(second)


def test_scaled_down_there_is_no_download_and_the_shapes_are_mnists(monkeypatch):
    monkeypatch.setattr("pellucid.reproduce.setting.mnist", lambda: pytest.fail("MNIST was asked for"))
    images = FAST.images()
    assert images.train[0].shape == (1197, 784) and images.test[0].shape == (300, 784)
    assert images.train[0].min() >= 0 and images.train[0].max() == 1
    assert len(images.book_train[0]) == len(images.book_train[1]) == 1497
    assert FAST.epochs(400) == 20 and FAST.epochs(30) == 2 and Setting().epochs(30) == 30


def test_momentum_follows_its_rule_on_the_valley():
    places = path(Momentum(0.1), 3)
    place, v = np.array([-7.0, 2.0]), np.zeros(2)
    for found in places[1:]:
        v = 0.9 * v - 0.1 * place * [0.1, 2.0]
        place = place + v
        np.testing.assert_allclose(found, place, rtol=1e-12)
    np.testing.assert_allclose(path(SGD(0.95), 1)[1], [-7 + 0.95 * 0.7, 2 - 0.95 * 4])


def test_the_valleys_derivatives_are_right_and_the_mixed_up_ones_are_found():
    net = Network([Position()], Valley(), input_shape=2, dtype="float64")
    net.parameters["0.p"] = [-7.0, 2.0]
    assert net.engine == "native"
    assert net.check_gradients(np.ones((1, 2)), np.array([[0.1, 2.0]])).ok
    report = regression_network(MixedUp()).check_gradients(*plane(20))
    assert [row.name for row in report.faults] == ["layer 1 (MixedUp): dx"]
    assert regression_network(ReLU()).check_gradients(*plane(20)).ok


def test_activations_are_those_of_each_layer_in_turn():
    found = activations(ReLU(), Normal(0.1))
    assert [layer.shape for layer in found] == [(1000, 100)] * 5
    second = Network([Affine(100, Normal(0.1)), ReLU(), Affine(100, Normal(0.1)), ReLU()], input_shape=100)
    W = second.parameters["2.W"]
    np.testing.assert_allclose(found[1], np.maximum(found[0] @ W, 0), rtol=1e-4, atol=1e-5)


def test_a_saturated_output_unit_is_seen():
    images = FAST.images()
    net = sigmoid_network([30], 0, Normal(0.01), Normal(0.01))
    net.parameters["2.b"][3] = -15.0
    recall, slope = _outputs(net, images)
    assert recall[3] == 0 and slope[3] < 1e-5 and slope[2] > 0.1
