"""The books' convolutional networks: their sizes, their dropout, their votes; and that nothing falls back on NumPy."""

import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.initializers import Normal
from pellucid.layers import Affine, ReLU
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import SGD
from pellucid.reproduce import Setting
from pellucid.reproduce.book6 import _learning, deep_network, normalised_network
from pellucid.reproduce.book7 import filters, simple_conv_net
from pellucid.reproduce.book8 import deep_conv_net, in_half, predict_in_half
from pellucid.reproduce.convolution import IMAGE, books_dropout, mistakes, pictured
from pellucid.reproduce.nielsen6 import (
    _Judge,
    _Plan,
    _Run,
    one_convolution,
    shallow,
    two_convolutions,
    vote,
    with_dropout,
)

FAST = Setting(fast=True)
NIELSEN = {
    "shallow": (shallow(), 79_510),
    "one convolution": (one_convolution(), 520 + 2880 * 100 + 100 + 1010),
    "two convolutions": (two_convolutions(ReLU()), 520 + 20_040 + 640 * 100 + 100 + 1010),
    "two layers": (two_convolutions(ReLU(), 2), 520 + 20_040 + 640 * 100 + 100 + 10_100 + 1010),
    "dropout": (with_dropout(), 520 + 20_040 + 641_000 + 1_001_000 + 10_010),
}


@pytest.mark.parametrize("name", NIELSEN)
def test_nielsens_networks_have_his_sizes_and_run_natively(name):
    layers, size = NIELSEN[name]
    net = Network(layers, SoftmaxCrossEntropy(), input_shape=IMAGE)
    assert (sum(values.size for values in net.parameters.values()), net.engine) == (size, "native"), net.engine_reason


@pytest.mark.parametrize(
    ("net", "size"),
    [(simple_conv_net(0), 780 + 4320 * 100 + 100 + 1010), (deep_conv_net(0), 71_792 + 1024 * 50 + 50 + 510)],
)
def test_the_books_networks_have_its_sizes_and_run_natively(net, size):
    assert (sum(values.size for values in net.parameters.values()), net.engine) == (size, "native"), net.engine_reason


def test_convolutions_start_from_the_deviation_that_nielsen_gives_them():
    net = Network(two_convolutions(ReLU()), SoftmaxCrossEntropy(), input_shape=IMAGE)
    for name, variance in (("0.W", 4 / 500), ("3.W", 4 / 1000), ("7.W", 1 / 100), ("0.b", 1.0), ("3.b", 1.0)):
        values = net.parameters[name]
        assert np.mean(values**2) == pytest.approx(variance, rel=8 / np.sqrt(values.size)), name
    assert not net.parameters["9.W"].any()


def test_dropout_is_scaled_as_in_the_books():
    net = Network([*books_dropout(0.25), Affine(3, Normal(1.0))], SoftmaxCrossEntropy(), input_shape=50)
    x = np.ones((1, 50), np.float32)
    W = net.parameters["2.W"].copy()
    np.testing.assert_allclose(net.predict(x)[0], 0.75 * W.sum(axis=0), rtol=1e-5)
    net.step(x, np.array([0]), SGD(1.0))
    size = np.abs(net.parameters["2.W"] - W).max(axis=1)
    kept = size[size > 0]
    assert 0 < len(kept) < 50
    share = np.abs(net.parameters["2.b"]).max()  # of a bias, whose input is 1, as those that were kept
    np.testing.assert_allclose(kept, share, rtol=1e-5)


def test_a_vote_goes_to_the_most_and_among_equals_to_the_first():
    assert vote([np.array([1, 2, 3]), np.array([1, 5, 4]), np.array([7, 5, 9])]).tolist() == [1, 5, 3]


def test_the_test_images_are_asked_at_the_last_of_the_best_epochs():
    class Run:
        def __init__(self, epoch):
            self.network = self
            self.epoch = epoch

        def classify(self, x):
            return np.full(len(x), self.epoch)

    judge = _Judge((np.zeros((4, 1)), np.array([2, 2, 2, 0])))
    for epoch, accuracy in enumerate([0.5, 0.9, 0.9, 0.8]):
        judge.on_epoch_end(Run(epoch), epoch, {"validation_accuracy": accuracy})
    assert judge.answers.tolist() == [2] * 4 and judge.right == 75.0


def test_finished_networks_of_a_vote_are_not_trained_again(tmp_path, monkeypatch):
    trained = []

    def run(plan, setting, seed):
        trained.append(seed)
        answers = np.array(digits)
        answers[[3, 17]] = (digits[[3, 17]] + 1 + seed) % 10
        return _Run(99.0 + seed, answers, [50.0, 99.0])

    setting = Setting(fast=True, folder=tmp_path)
    digits = setting.images().test[1]
    monkeypatch.setattr(_Plan, "run", run)
    plan = _Plan(shallow(), 60, 0.03)
    for _ in range(2):
        runs = [plan.run_once("vote", setting, seed) for seed in range(2)]
        assert [found.right for found in runs] == [99.0, 100.0] and runs[0].validation == [50.0, 99.0]
        assert np.flatnonzero(runs[1].answers != digits).tolist() == [3, 17]
        np.testing.assert_array_equal(runs[1].answers[[3, 17]], (digits[[3, 17]] + 2) % 10)
    assert trained == [0, 1] and {path.name for path in tmp_path.iterdir()} == {
        "fast-vote-seed-0.json", "fast-vote-seed-1.json"
    }  # fmt: skip
    for damage in ('{"right": 1}', '{"right": 1, "wrong": {"99999999": 1}, "validation": []}', "[]", "{"):
        (tmp_path / "fast-vote-seed-1.json").write_text(damage, encoding="utf-8")
        with pytest.raises(InputError, match="remove"):
            plan.run_once("vote", setting, 1)


def test_lambda_is_divided_by_the_number_of_batches(monkeypatch):
    given = {}

    class Stop(Exception):
        pass

    def fit(self, x, t, **arguments):
        given.update(arguments, rows=len(x))
        raise Stop

    monkeypatch.setattr(Network, "fit", fit)
    for expanded, rows in ((False, 300), (True, 1500)):
        with pytest.raises(Stop):
            _Plan(shallow(), 60, 0.03, 0.1, expanded=expanded).run(FAST, 0)
        assert given["rows"] == rows and given["batch_size"] == 10 and given["epochs"] == 3
        rule = given["optimizer"]
        assert type(rule) is SGD and rule.learning_rate == 0.03
        assert rule.weight_decay == pytest.approx(0.1 / (rows / 10))


def test_in_half_floats_only_a_little_changes():
    net, x = deep_conv_net(3), pictured(FAST.images().test)[0][:20]
    whole, half = net.predict(x), predict_in_half(net, x)
    assert half.dtype == np.float32 and (half == in_half(half)).all()
    assert 0 < np.abs(half - whole).max() < 0.01 * np.abs(whole).max()


def test_mistakes_are_named():
    images = np.arange(3 * 784, dtype=np.float32).reshape(3, *IMAGE)
    found = mistakes(images, np.array([1, 2, 3]), np.array([7, 2, 8]))
    assert list(found) == ["0: 1 as 7", "2: 3 as 8"]
    np.testing.assert_array_equal(found["2: 3 as 8"], images[2, 0])
    assert list(mistakes(images, [1, 2, 3], [7, 2, 8], count=1)) == ["0: 1 as 7"]


def test_filters_are_those_of_before_training():
    net = simple_conv_net(0)
    before = filters(net)
    x, t = pictured(FAST.images().train)
    net.step(x[:10], t[:10], SGD(1.0))
    after = filters(net)
    assert len(before) == 30 and any((before[name] != after[name]).any() for name in before)


def test_a_network_that_is_no_longer_finite_has_learnt_up_to_there():
    train = FAST.images().train
    part = train[0][:200], train[1][:200]
    assert _learning(deep_network(5, Normal(1e30), 0), part, 3) == []
    assert len(_learning(normalised_network(5, Normal(1.0), 0), part, 3)) == 3
