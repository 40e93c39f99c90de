"""Standardize: measured once, kept with the network, and not learned."""

from pathlib import Path

import numpy as np
import pytest

from pellucid import Network
from pellucid.errors import InputError
from pellucid.layers import Affine, Sigmoid, Standardize
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(60, 3)) * [1e-3, 1.0, 1e4] + [5.0, 0.0, -2e5]
T = (X[:, :1] - 5.0) * 1e3 + X[:, 2:] / 1e4


def network(**options: str) -> Network:
    layers = [Standardize(), Affine(4), Sigmoid(), Affine(1)]
    net = Network(layers, MeanSquaredError(), input_shape=3, dtype="float64", **options)
    for name, values in Standardize.measure(X).items():
        net.parameters[f"0.{name}"] = values
    return net


def test_columns_come_out_with_mean_0_and_deviation_1() -> None:
    net = network()
    y = (X - net.parameters["0.mean"]) / net.parameters["0.deviation"]
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-9)
    bare = Network([Standardize()], input_shape=3, dtype="float64")
    bare.parameters["0.mean"], bare.parameters["0.deviation"] = Standardize.measure(X).values()
    np.testing.assert_allclose(bare.predict(X), y, rtol=1e-12)


def test_the_numbers_are_kept_and_not_learned(tmp_path: Path) -> None:
    net = network()
    net.fit(X, T, epochs=3, batch_size=7, optimizer=SGD(0.1), verbose=0)
    for name, values in Standardize.measure(X).items():
        np.testing.assert_array_equal(net.parameters[f"0.{name}"], values)
    net.save(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(Network.load(tmp_path / "a.safetensors").predict(X), net.predict(X))


def test_a_constant_column_becomes_0() -> None:
    measured = Standardize.measure(np.full((7, 1), 0.1, np.float32))
    assert measured.deviation[0] == 1.0
    assert np.float32(measured.mean[0]) == np.float32(0.1)


def test_a_deviation_never_rounds_to_0_in_float32() -> None:
    x = np.zeros((10_000, 1), np.float32)
    x[0] = 1e-45
    assert np.float32(Standardize.measure(x).deviation[0]) > 0


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((0, 2)), r"x has the shape \(0, 2\)"),
        (np.zeros(3), r"x has the shape \(3,\)"),
        (np.array([[1.0, 2.0], [1.0, np.nan]]), "column 1 of x has no finite deviation"),
        (np.array([[1e300, 2.0], [-1e300, 0.0]]), "column 0 of x has no finite deviation"),
    ],
)
def test_what_cannot_be_measured_is_refused(x: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Standardize.measure(x)


def test_lists_are_measured_as_arrays_and_words_are_refused() -> None:
    measured = Standardize.measure([[1, 2], [3, 2]])
    np.testing.assert_array_equal(measured.mean, [2.0, 2.0])
    np.testing.assert_array_equal(measured.deviation, [1.0, 1.0])
    with pytest.raises(InputError, match="rows of numbers"):
        Standardize.measure([["a"], ["b"]])


def test_images_are_refused() -> None:
    with pytest.raises(InputError, match=r"takes one vector per sample, not \(1, 4, 4\)"):
        Network([Standardize()], input_shape=(1, 4, 4))
