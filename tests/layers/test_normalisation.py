"""What is particular to normalisations: what they measure, what they count, and how many rows they need."""

from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid import Network
from pellucid.errors import InputError
from pellucid.layers import Affine, BatchNorm, Conv2D, Flatten, LayerNorm, Mode, Named
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD, Adam

TRAIN, PREDICT = Mode(training=True), Mode()
SHAPES = [(9, 5), (4, 5, 3, 2)]
"""Vectors and images of five channels."""


def parameters(shape: tuple[int, ...]) -> Named:
    wanted = BatchNorm().parameters(shape[1:])
    return Named({name: p.initializer.draw(p.shape, (0, 0, 0)) for name, p in wanted.items()})


def channels_of(y: Any) -> Any:
    return np.moveaxis(y, 1, 0).reshape(y.shape[1], -1)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_batch_comes_out_with_mean_0_and_variance_1(shape: tuple[int, ...]) -> None:
    x = 3 + 7 * numbers(1, shape)
    y, _ = BatchNorm(epsilon=1e-12).forward(parameters(shape), x, TRAIN)
    np.testing.assert_allclose(channels_of(y).mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(channels_of(y).var(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_running_values_keep_the_share_that_momentum_says(shape: tuple[int, ...]) -> None:
    layer, p = BatchNorm(momentum=0.75), parameters(shape)
    mean, variance = np.zeros(5), np.ones(5)
    for stream in range(4):
        x = stream + numbers(stream, shape)
        before = p.running_mean.copy()
        made = layer.after_step(p, layer.forward(p, x, TRAIN)[1])
        np.testing.assert_array_equal(p.running_mean, before)  # nothing is changed in place
        p = Named({**p, **made})
        mean = 0.75 * mean + 0.25 * channels_of(x).mean(axis=1)
        variance = 0.75 * variance + 0.25 * channels_of(x).var(axis=1)
    np.testing.assert_allclose(p.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(p.running_variance, variance, rtol=1e-12)
    x = numbers(9, shape)
    expected = (channels_of(x) - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5)
    np.testing.assert_allclose(channels_of(layer.forward(p, x, PREDICT)[0]), expected, rtol=1e-12)


def network(**options: Any) -> Network:
    layers = [Conv2D(4, 3), BatchNorm(momentum=0.5), Flatten(), Affine(3), BatchNorm(), Affine(2)]
    return Network(layers, MeanSquaredError(), input_shape=(1, 4, 4), seed=1, engine="reference", **options)


def test_training_counts_and_prediction_only_reads() -> None:
    net, x, t = network(), numbers(1, (16, 1, 4, 4)), numbers(2, (16, 2))
    before = {name: p.copy() for name, p in net.parameters.items()}
    net.predict(x)
    net.evaluate(x, t)
    net.gradient(x, t)
    assert all((net.parameters[name] == p).all() for name, p in before.items())
    net.step(x, t, Adam())
    for name in ("1.running_mean", "1.running_variance", "4.running_mean", "4.running_variance"):
        assert (net.parameters[name] != before[name]).all(), name


def test_weight_decay_and_the_optimizer_leave_running_values_alone() -> None:
    plain, decayed = network(), network()
    x, t = numbers(1, (16, 1, 4, 4)), numbers(2, (16, 2))
    plain.step(x, t, SGD(0.1))
    decayed.step(x, t, SGD(0.1, weight_decay=0.5, l1=0.1))
    for index in (1, 4):
        for name in ("running_mean", "running_variance"):
            full = f"{index}.{name}"
            np.testing.assert_array_equal(plain.parameters[full], decayed.parameters[full])


def test_only_weights_decay() -> None:
    for layer in (BatchNorm(), LayerNorm()):
        assert not any(p.decay for p in layer.parameters((3, 4, 5)).values())


@pytest.mark.parametrize(
    ("shape", "least"), [((5,), 2), ((5, 1, 1), 2), ((5, 2, 1), 1), ((1, 1, 3), 1), ((3, 4, 4), 1)]
)
def test_how_many_rows_have_a_variance(shape: tuple[int, ...], least: int) -> None:
    assert BatchNorm().least_rows(shape) == least


def test_a_training_batch_of_one_vector_is_refused_before_anything_changes() -> None:
    net, before = network(), network().parameters.flat.copy()
    with pytest.raises(InputError, match=r"layer 4, BatchNorm\(\), needs training batches of at least 2 rows"):
        net.step(numbers(1, (1, 1, 4, 4)), numbers(2, (1, 2)), SGD())
    with pytest.raises(InputError, match="the last of the 3 batches of x has only 1"):
        net.fit(numbers(1, (9, 1, 4, 4)), numbers(2, (9, 2)), epochs=1, batch_size=4, optimizer=SGD(), verbose=0)
    np.testing.assert_array_equal(net.parameters.flat, before)
    assert net.predict(numbers(1, (1, 1, 4, 4))).shape == (1, 2)


def test_batch_normalisation_takes_vectors_and_images() -> None:
    with pytest.raises(
        InputError, match=r"takes vectors or images \(channels, height, width\), not \(3, 4\); put a Fl"
    ):
        BatchNorm().parameters((3, 4))


@pytest.mark.parametrize("shape", [(9, 5), (4, 5, 3, 2), (3, 4, 2)])
def test_a_sample_comes_out_of_layer_normalisation_with_mean_0_and_variance_1(shape: tuple[int, ...]) -> None:
    layer = LayerNorm(epsilon=1e-12)
    p = Named({name: w.initializer.draw(w.shape, (0, 0, 0)) for name, w in layer.parameters(shape[1:]).items()})
    x = 3 + 7 * numbers(1, shape)
    y, _ = layer.forward(p, x, TRAIN)
    np.testing.assert_allclose(y.reshape(len(y), -1).mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.reshape(len(y), -1).var(axis=1), 1, rtol=1e-9)
    np.testing.assert_array_equal(layer.forward(p, x, PREDICT)[0], y)
    np.testing.assert_allclose(layer.forward(p, x[:1], TRAIN)[0], y[:1], rtol=1e-12)
