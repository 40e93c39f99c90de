"""network2.Network: the originals' numbers, faithful and right; early stopping; costs of a script's own; files.

The numbers named ORIGINAL were printed by DeepLearningPython35's network2.py for the same data and seeds.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compat.nielsen.shared import pairs, slopes
from pellucid import compat
from pellucid.compat.nielsen import network2
from pellucid.errors import FormatError, InputError

MONITORS = {
    "monitor_evaluation_cost": True,
    "monitor_evaluation_accuracy": True,
    "monitor_training_cost": True,
    "monitor_training_accuracy": True,
}
ORIGINAL = {
    "CrossEntropyCost": (
        [1.637315074301785, 1.6507828837738592, 1.6325113462987528],
        [1.5770528752793564, 1.5820654140168742, 1.6133893102141628],
        [0.07677654702675102, 0.17419010830811665, -0.8090366862906392],
    ),
    "QuadraticCost": (
        [0.5595172246774562, 0.5315024627285025, 0.5189516221729563],
        [0.5529816746746367, 0.5225225264955222, 0.5108468774371474],
        [0.19809549249005962, 0.21743721745803257, -0.7430483545014313],
    ),
}


def seeded(cost: Any = network2.CrossEntropyCost, **options: Any) -> Any:
    random.seed(7)
    np.random.seed(7)
    return network2.Network([4, 3, 2], cost=cost, **options)


def monitored(net: Any) -> Any:
    return net.SGD(pairs(25), 3, 4, 0.5, lmbda=0.2, evaluation_data=pairs(20, True), **MONITORS)


@pytest.mark.parametrize("name", ORIGINAL)
def test_faithful_gives_the_originals_costs_and_weights(name: str) -> None:
    evaluation, training, row = ORIGINAL[name]
    net = seeded(getattr(network2, name), faithful=True)
    costs, accuracies, training_costs, training_accuracies = monitored(net)
    np.testing.assert_allclose(costs, evaluation, rtol=1e-12)
    np.testing.assert_allclose(training_costs, training, rtol=1e-12)
    assert (accuracies, training_accuracies) == ([13] * 3, [17] * 3)
    np.testing.assert_allclose(net.weights[1][0], row, rtol=0, atol=1e-13)
    with compat.faithful():
        assert monitored(seeded(getattr(network2, name)))[0] == costs


@pytest.mark.parametrize("name", ORIGINAL)
def test_right_adds_the_weights_squares_once(name: str) -> None:
    evaluation, _, row = ORIGINAL[name]
    net = seeded(getattr(network2, name))
    costs, *_ = monitored(net)
    np.testing.assert_allclose(net.weights[1][0], row, rtol=0, atol=1e-13)
    squares = 0.5 * 0.2 / 20 * sum(float(np.sum(w**2)) for w in net.weights)
    np.testing.assert_allclose(costs[-1], evaluation[-1] - 19 * squares, rtol=1e-12)


def test_the_lines_that_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    costs, _, training_costs, _ = monitored(seeded())
    first = [
        "Epoch 0 training complete",
        f"Cost on training data: {training_costs[0]}",
        "Accuracy on training data: 17 / 25",
        f"Cost on evaluation data: {costs[0]}",
        "Accuracy on evaluation data: 13 / 20",
    ]
    assert capsys.readouterr().out.splitlines()[:5] == first


def test_what_is_not_asked_for_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert seeded().SGD(pairs(25), 2, 4, 0.5) == ([], [], [], [])
    assert capsys.readouterr().out == "Epoch 0 training complete\nEpoch 1 training complete\n"


@pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.CrossEntropyCost, network2.CrossEntropyCost()])
def test_backprop_is_the_slope_of_the_cost(cost: Any) -> None:
    net = seeded(cost)
    (x, y), *_ = pairs(1)
    nabla_b, nabla_w = net.backprop(x, y)
    wanted = slopes(lambda: float(cost.fn(net.feedforward(x), y)), net.biases + net.weights)
    for mine, slope in zip(nabla_b + nabla_w, wanted, strict=True):
        np.testing.assert_allclose(mine, slope, atol=1e-8)


class Fourth:
    """A cost of a script's own: Σ (a − y)⁴."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        assert a.shape == (2, 1)
        return np.sum((a - y) ** 4)

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        return 4 * (a - y) ** 3 * network2.sigmoid_prime(z)


@pytest.mark.parametrize("cost", [Fourth, Fourth()])
def test_a_cost_of_the_scripts_own(cost: Any) -> None:
    test_backprop_is_the_slope_of_the_cost(cost)
    net = seeded(cost)
    before = net.total_cost(pairs(25), 0.0)
    by_hand = np.mean([np.sum((net.feedforward(x) - y) ** 4) for x, y in pairs(25)])
    np.testing.assert_allclose(before, by_hand, rtol=1e-12)
    net.SGD(pairs(25), 3, 4, 0.5)
    assert net.total_cost(pairs(25), 0.0) < before


def test_weight_decay_of_one_step() -> None:
    net, other = seeded(), seeded()
    net.update_mini_batch(pairs(3), 0.5, 0.3, 30)
    other.update_mini_batch(pairs(3), 0.5, 0.0, 30)
    w = seeded().weights[0]
    np.testing.assert_allclose(net.weights[0], other.weights[0] - 0.5 * 0.3 / 30 * w, atol=1e-15)
    np.testing.assert_array_equal(net.biases[0], other.biases[0])


def test_an_overridden_step_or_cost_is_followed() -> None:
    class Own(network2.Network):
        def backprop(self, x: Any, y: Any) -> Any:
            return super().backprop(x, y)

        def total_cost(self, data: Any, lmbda: float, convert: bool = False) -> float:
            return 42.0

    random.seed(7)
    np.random.seed(7)
    net = Own([4, 3, 2])
    assert monitored(net)[0] == [42.0] * 3
    np.testing.assert_allclose(net.weights[1][0], ORIGINAL["CrossEntropyCost"][2], atol=1e-13)


def worsening(**options: Any) -> Any:
    """A network that starts perfect for a task whose labels are then turned round."""
    net = seeded(**options)
    net.SGD(pairs(200), 30, 10, 1.0)
    turned = [(x, y[::-1]) for x, y in pairs(200)]
    net.result = net.SGD(
        turned, 50, 10, 0.5, evaluation_data=pairs(50, True), monitor_evaluation_accuracy=True, early_stopping_n=3
    )
    return net


def test_early_stopping_ends_and_restores_the_best_weights() -> None:
    net = worsening()
    accuracies = net.result[1]
    best = accuracies.index(max(accuracies))
    assert len(accuracies) == best + 4
    assert net.accuracy(pairs(50, True)) == max(accuracies) > accuracies[-1]


def test_faithful_early_stopping_leaves_the_last_weights() -> None:
    net = worsening(faithful=True)
    assert net.accuracy(pairs(50, True)) == net.result[1][-1] < max(net.result[1])


def test_early_stopping_needs_no_monitor() -> None:
    net = seeded()
    assert net.SGD(pairs(25), 50, 4, 1e-9, early_stopping_n=2) == ([], [], [], [])


def test_cross_entropy_at_the_ends() -> None:
    a, y = np.array([[1.0], [0.0], [1.0]]), np.array([[1.0], [0.0], [0.0]])
    assert network2.CrossEntropyCost.fn(a[:2], y[:2]) == 0
    assert 37 < network2.CrossEntropyCost.fn(a, y) < 38
    with compat.faithful():
        assert network2.CrossEntropyCost.fn(a[:2], y[:2]) == 0
        assert network2.CrossEntropyCost.fn(a, y) > 1e308


def test_initializers() -> None:
    net = seeded()
    np.random.seed(7)
    biases = [np.random.randn(3, 1), np.random.randn(2, 1)]
    weights = np.random.randn(3, 4)
    np.testing.assert_array_equal(net.biases[1], biases[1])
    np.testing.assert_array_equal(net.weights[0], weights / 2)
    np.random.seed(7)
    net.large_weight_initializer()
    np.testing.assert_array_equal(net.weights[0], weights)


def test_accuracy_and_cost_see_for_themselves_what_y_is() -> None:
    net = seeded()
    net.SGD(pairs(25), 3, 4, 0.5)
    assert net.accuracy(pairs(20, True)) == net.accuracy(pairs(20), convert=True) == 13
    assert net.total_cost(pairs(20), 0.1) == net.total_cost(pairs(20, True), 0.1, convert=True)


@pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.CrossEntropyCost()])
def test_save_and_load(tmp_path: Path, cost: Any) -> None:
    net = seeded(cost)
    net.SGD(pairs(25), 1, 4, 0.5)
    net.save(tmp_path / "net.json")
    data = json.loads((tmp_path / "net.json").read_text())
    assert set(data) == {"sizes", "weights", "biases", "cost"} and np.shape(data["weights"][0]) == (3, 4)
    other = network2.load(tmp_path / "net.json")
    assert other.sizes == [4, 3, 2] and other.cost.__name__ == data["cost"]
    np.testing.assert_array_equal(other.weights[1], net.weights[1])
    np.testing.assert_array_equal(other.biases[0], net.biases[0])


GOOD = {"sizes": [1, 1], "weights": [[[1.0]]], "biases": [[[1.0]]], "cost": "QuadraticCost"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "a JSON object is expected"),
        ("[" * 100_000, "a JSON object is expected"),
        ("[1]", "a JSON object is expected"),
        (json.dumps(GOOD | {"cost": "Network"}), "has the cost 'Network'"),
        (json.dumps(GOOD | {"cost": "json"}), "has the cost 'json'"),
        (json.dumps({"sizes": [1]}), "has no biases, cost, weights"),
        (json.dumps(GOOD | {"sizes": [2, 1]}), r"the sizes \[2, 1\] are not those"),
        (json.dumps(GOOD | {"weights": [[["a"]]]}), "is no network"),
        (json.dumps(GOOD | {"weights": [[[1.0], [1.0, 2.0]]]}), "is no network"),
        (json.dumps(GOOD | {"weights": 5}), "is no network"),
    ],
)
def test_files_that_are_no_network(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "net.json").write_text(content)
    with pytest.raises((InputError, FormatError), match=said):
        network2.load(tmp_path / "net.json")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the network"):
        network2.load(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot write"):
        seeded().save(tmp_path / "none" / "net.json")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lmbda": -1.0}, "lmbda must be a finite number of 0 or more"),
        ({"monitor_evaluation_cost": True}, "evaluation_data is missing"),
        ({"evaluation_data": []}, None),
    ],
)
def test_bad_arguments(options: dict[str, Any], said: str | None) -> None:
    if said is None:
        seeded().SGD(pairs(5), 1, 1, 0.1, **options)
        return
    with pytest.raises(InputError, match=said):
        seeded().SGD(pairs(5), 1, 1, 0.1, **options)


def test_vectorized_result() -> None:
    np.testing.assert_array_equal(network2.vectorized_result(3), np.eye(10)[:, [3]])
    with pytest.raises(InputError, match="a digit from 0 to 9"):
        network2.vectorized_result(10)
