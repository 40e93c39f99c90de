"""Chapter 7's layers: what they compute, their derivatives against numeric ones, and what scripts find in them."""

from typing import Any

import numpy as np
import pytest

from pellucid.compat.book.common.gradient import numerical_gradient
from pellucid.compat.book.common.layers import Convolution, Pooling
from pellucid.compat.book.common.util import im2col
from pellucid.errors import InputError

RNG = np.random.default_rng(6)
X = RNG.normal(size=(3, 2, 6, 5))


def filters() -> tuple[np.ndarray, np.ndarray]:
    return RNG.normal(size=(4, 2, 3, 2)), RNG.normal(size=4)


def test_a_convolution_is_im2col_times_the_filters() -> None:
    W, b = filters()
    layer = Convolution(W, b, 2, 1)
    y = layer.forward(X)
    rows = im2col(X, 3, 2, 2, 1) @ W.reshape(4, -1).T + b
    assert y.shape == (3, 4, 3, 3)
    assert np.allclose(y.transpose(0, 2, 3, 1).reshape(-1, 4), rows, atol=1e-12)
    assert layer.x is X and np.array_equal(layer.col, im2col(X, 3, 2, 2, 1))
    assert np.array_equal(layer.col_W, W.reshape(4, -1).T)


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1)])
def test_derivatives_of_a_convolution(stride: int, pad: int) -> None:
    W, b = filters()
    layer = Convolution(W, b, stride, pad)
    dy = RNG.normal(size=layer.forward(X).shape)
    x = X.copy()
    dx = layer.backward(dy)
    given: list[tuple[Any, Any]] = [(x, dx), (W, layer.dW), (b, layer.db)]
    for array, gradient in given:
        numeric = numerical_gradient(lambda _: (layer.forward(x) * dy).sum(), array)
        assert np.allclose(gradient, numeric, atol=1e-7)


def test_a_bias_may_be_one_number_as_in_apply_filter() -> None:
    W, _ = filters()
    with_number = Convolution(W, 2).forward(X)
    assert np.allclose(with_number, Convolution(W, np.full(4, 2.0)).forward(X))


@pytest.mark.parametrize(("stride", "pad"), [(2, 0), (1, 1)])
def test_pooling_and_its_derivative(stride: int, pad: int) -> None:
    layer = Pooling(2, 3, stride, pad)
    y = layer.forward(X)
    padded = np.pad(X, [(0, 0), (0, 0), (pad, pad), (pad, pad)], constant_values=-np.inf)
    assert y[1, 0, 1, 1] == padded[1, 0, stride : stride + 2, stride : stride + 3].max()
    col = im2col(padded, 2, 3, stride).reshape(-1, 6)
    assert np.array_equal(layer.arg_max, col.argmax(axis=1)) and layer.x is X
    dy = RNG.normal(size=y.shape)
    numeric = numerical_gradient(lambda x: (layer.forward(x) * dy).sum(), X.copy())
    layer.forward(X)
    assert np.allclose(layer.backward(dy), numeric, atol=1e-7)


@pytest.mark.parametrize(
    ("layer", "x", "said"),
    [
        (Convolution(np.zeros((4, 2, 3, 2)), 0), X[:, :1], r"take images \(N, 2, H, W\)"),
        (Convolution(np.zeros((4, 2, 3, 2)), 0), X[0], r"take images \(N, 2, H, W\)"),
        (Convolution(np.zeros((4, 2, 7, 2)), 0), X, "larger than|7"),
        (Pooling(2, 2), X[0], r"images \(N, C, H, W\)"),
        (Pooling(7, 2), X, "larger than|7"),
    ],
)
def test_images_that_do_not_fit(layer: Any, x: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        layer.forward(x)
