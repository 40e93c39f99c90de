"""The book's layers: their interface, their derivatives against numeric ones, and where the originals have a fault."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid.compat.book.ch05.layer_naive import AddLayer, MulLayer
from pellucid.compat.book.common.gradient import numerical_gradient
from pellucid.compat.book.common.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)
from pellucid.compat.book.native_layers import BatchStatistics, Masked, Samples, Scale, ScaleAndShift
from pellucid.errors import InputError
from pellucid.layers.base import Mode
from pellucid.named import Named

RNG = np.random.default_rng(5)
X = RNG.normal(size=(7, 4))
DY = RNG.normal(size=(7, 4))


def slope(layer: Any, x: np.ndarray, dy: np.ndarray, forward: Callable[..., Any] | None = None) -> np.ndarray:
    return numerical_gradient(lambda x: ((forward or layer.forward)(x) * dy).sum(), x.copy())


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("kind", [Relu, Sigmoid])
def test_derivative_of_an_activation(kind: Any, faithful: bool) -> None:
    layer = kind(faithful=faithful)
    numeric = slope(layer, X, DY)
    layer.forward(X)
    assert np.allclose(layer.backward(DY.copy()), numeric, atol=1e-7)


def test_what_activations_remember() -> None:
    relu, sigmoid = Relu(), Sigmoid()
    relu.forward(X)
    assert np.array_equal(relu.mask, X <= 0)
    assert sigmoid.forward(X) is sigmoid.out


def test_relu_leaves_its_arguments_alone_unless_faithful() -> None:
    x, dy = X.copy(), DY.copy()
    layer = Relu()
    layer.forward(x)[:] = 9
    assert np.array_equal(x, X)
    layer.backward(dy)
    assert np.array_equal(dy, DY)
    original = Relu(faithful=True)
    original.forward(x)
    assert original.backward(dy) is dy and not np.array_equal(dy, DY)


def test_affine_gives_all_three_gradients() -> None:
    W, b, dy = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(7, 3))
    layer = Affine(W, b)
    assert np.allclose(layer.forward(X), X @ W + b, rtol=1e-14)
    dx = layer.backward(dy)
    assert np.allclose(dx, slope(layer, X, dy), atol=1e-7)
    for array, gradient in ((W, layer.dW), (b, layer.db)):
        assert np.allclose(gradient, numerical_gradient(lambda _: (layer.forward(X) * dy).sum(), array), atol=1e-7)


def test_affine_reads_images_as_rows() -> None:
    layer = Affine(RNG.normal(size=(4, 3)), np.zeros(3))
    images = X.reshape(7, 1, 2, 2)
    assert np.array_equal(layer.forward(images), layer.forward(X))
    layer.forward(images)
    assert layer.original_x_shape == (7, 1, 2, 2) and layer.x.shape == (7, 4)
    assert layer.backward(np.ones((7, 3))).shape == (7, 1, 2, 2)


@pytest.mark.parametrize("t", [np.array([0, 1, 2, 3, 0, 1, 2]), np.eye(4)[[0, 1, 2, 3, 0, 1, 2]]])
@pytest.mark.parametrize("faithful", [False, True])
def test_softmax_with_loss(t: np.ndarray, faithful: bool) -> None:
    layer = SoftmaxWithLoss(faithful)
    numeric = numerical_gradient(lambda x: layer.forward(x, t), X.copy())
    loss = layer.forward(X, t)
    assert loss == layer.loss and layer.t is t
    assert np.allclose(layer.y.sum(axis=1), 1)
    assert np.allclose(layer.backward(), numeric, atol=1e-6)


def test_softmax_with_loss_reads_columns_soft_rows_and_what_comes_from_above() -> None:
    layer = SoftmaxWithLoss()
    numbers = np.array([0, 1, 2, 3, 0, 1, 2])
    assert layer.forward(X, numbers[:, None]) == layer.forward(X, numbers)
    soft = np.full((7, 4), 0.25)
    numeric = numerical_gradient(lambda x: layer.forward(x, soft), X.copy())
    layer.forward(X, soft)
    assert np.allclose(layer.backward(3.0), 3.0 * numeric, atol=1e-6)
    original = SoftmaxWithLoss(faithful=True)
    original.forward(X, numbers)
    assert np.array_equal(original.backward(3.0), original.backward(1.0))


def test_one_output_has_no_softmax() -> None:
    with pytest.raises(InputError, match="always 1"):
        SoftmaxWithLoss().forward(X[:, :1], np.ones(7, dtype=int))
    assert SoftmaxWithLoss(faithful=True).forward(X[:, :1], np.ones(7, dtype=int)) == pytest.approx(0, abs=1e-6)


def test_dropout_draws_as_the_original_does() -> None:
    layer = Dropout(0.3)
    np.random.seed(2)
    y = layer.forward(X)
    np.random.seed(2)
    mask = np.random.rand(7, 4) > 0.3
    assert np.array_equal(y, X * mask) and np.array_equal(layer.backward(DY), DY * mask)
    assert np.allclose(layer.forward(X, False), X * 0.7)
    with pytest.raises(InputError, match="forward"):
        Dropout().backward(DY)


def batch_norm() -> BatchNormalization:
    return BatchNormalization(np.array([1.0, 2.0, 0.5, -1.0]), np.array([0.0, 1.0, -1.0, 0.2]))


def test_batch_normalisation_has_the_right_derivatives() -> None:
    layer = batch_norm()
    numeric = slope(layer, X, DY)
    gammas = numerical_gradient(lambda _: (layer.forward(X) * DY).sum(), layer.gamma)
    betas = numerical_gradient(lambda _: (layer.forward(X) * DY).sum(), layer.beta)
    layer.forward(X)
    assert np.allclose(layer.backward(DY), numeric, atol=1e-7)
    assert np.allclose(layer.dgamma, gammas, atol=1e-7) and np.allclose(layer.dbeta, betas, atol=1e-7)


def test_batch_normalisation_keeps_running_averages_for_prediction() -> None:
    layer = batch_norm()
    layer.forward(X)
    layer.forward(X + 1)
    mean = 0.9 * 0.1 * X.mean(axis=0) + 0.1 * (X + 1).mean(axis=0)
    variance = (0.9 * 0.1 + 0.1) * X.var(axis=0)
    assert np.allclose(layer.running_mean, mean) and np.allclose(layer.running_var, variance)
    expected = layer.gamma * (X - mean) / np.sqrt(variance + 1e-6) + layer.beta
    assert np.allclose(layer.forward(X, train_flg=False), expected)
    assert np.allclose(X * layer.values()["scale"] + layer.values()["shift"], expected)


def test_batch_normalisation_of_images_is_per_number() -> None:
    flat, images = batch_norm(), batch_norm()
    y = images.forward(X.reshape(7, 1, 2, 2))
    assert y.shape == (7, 1, 2, 2) and np.array_equal(y.reshape(7, 4), flat.forward(X))
    assert np.allclose(images.backward(DY.reshape(7, 1, 2, 2)).reshape(7, 4), flat.backward(DY))


@pytest.mark.parametrize("layer", [Scale(0.7), ScaleAndShift()])
def test_layers_of_prediction_have_the_right_derivatives(layer: Any) -> None:
    p = Named(scale=RNG.normal(size=4), shift=RNG.normal(size=4))
    mode = Mode()
    _, saved = layer.forward(p, X, mode)
    dx, gradients = layer.backward(p, saved, DY)
    assert np.allclose(dx, slope(layer, X, DY, lambda x: layer.forward(p, x, mode)[0]), atol=1e-7)
    for name, gradient in gradients.items():
        numeric = numerical_gradient(lambda _: (layer.forward(p, X, mode)[0] * DY).sum(), p[name])
        assert np.allclose(gradient, numeric, atol=1e-7)


def test_normalisation_by_the_batch_has_the_right_derivatives_and_tells_what_it_measured() -> None:
    layer, mode = BatchStatistics(1e-6), Mode()
    p = Named(gamma=RNG.normal(size=4), beta=RNG.normal(size=4), mean=np.zeros(4), variance=np.zeros(4))
    _, saved = layer.forward(p, X, mode)
    dx, gradients = layer.backward(p, saved, DY)
    assert np.allclose(dx, slope(layer, X, DY, lambda x: layer.forward(p, x, mode)[0]), atol=1e-7)
    for name in ("gamma", "beta"):
        numeric = numerical_gradient(lambda _: (layer.forward(p, X, mode)[0] * DY).sum(), p[name])
        assert np.allclose(gradients[name], numeric, atol=1e-7)
    assert np.allclose(gradients.mean, X.mean(axis=0)) and np.allclose(gradients.variance, X.var(axis=0))


def test_samples_and_masks_are_columns_of_what_is_given() -> None:
    given = RNG.normal(size=(7, 6))
    y, saved = Samples((2, 1, 2)).forward(Named(), given, Mode())
    assert np.array_equal(y.reshape(7, 4), given[:, :4])
    dx, _ = Samples((2, 1, 2)).backward(Named(), saved, DY.reshape(7, 2, 1, 2))
    assert np.array_equal(dx, np.hstack([DY, np.zeros((7, 2))]))
    for shape in ((2,), (1, 1, 2)):
        x = RNG.normal(size=(7, *shape))
        y, saved = Masked(4).forward(Named(), (x, given), Mode())
        assert np.array_equal(y.reshape(7, 2), x.reshape(7, 2) * given[:, 4:])
        (dx, dgiven), _ = Masked(4).backward(Named(), saved, np.ones_like(x))
        assert np.array_equal(dx.reshape(7, 2), given[:, 4:]) and not dgiven.any()


def test_backward_before_forward_is_told() -> None:
    with pytest.raises(InputError, match="Relu has no forward pass"):
        Relu().backward(DY)


def test_the_apple_shop() -> None:
    times, plus = MulLayer(), AddLayer()
    assert plus.forward(times.forward(100, 2), 50) == 250
    assert plus.backward(1.1) == (1.1, 1.1) and times.backward(1.1) == (2.2, pytest.approx(110))
