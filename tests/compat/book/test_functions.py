"""The book's functions against plain formulas, and where the originals have a fault."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from pellucid.compat import faithful
from pellucid.compat.book.common.functions import (
    cross_entropy_error,
    identity_function,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from pellucid.compat.book.common.gradient import numerical_gradient, numerical_gradient_2d
from pellucid.compat.book.common.util import col2im, conv_output_size, im2col, shuffle_dataset, smooth_curve
from pellucid.errors import InputError

X = np.array([[-2.0, 0.0, 0.5], [3.0, -0.1, 0.0]])


def test_activations_are_their_formulas() -> None:
    assert identity_function(X) is X
    assert step_function(X).tolist() == [[0, 0, 1], [1, 0, 0]] and step_function(X).dtype.kind == "i"
    assert np.allclose(sigmoid(X), 1 / (1 + np.exp(-X)), rtol=1e-15)
    assert np.allclose(sigmoid_grad(X), sigmoid(X) * (1 - sigmoid(X)), rtol=1e-15)
    assert relu(X).tolist() == [[0, 0, 0.5], [3, 0, 0]]
    assert sigmoid(0.0) == 0.5 and relu(-3) == 0


def test_sigmoid_does_not_overflow_where_the_original_warns() -> None:
    assert sigmoid(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]
    with faithful(), pytest.warns(RuntimeWarning, match="overflow"):
        sigmoid(np.array([-1e4]))


def test_slope_of_relu_at_zero_is_the_layers_and_faithfully_the_originals() -> None:
    assert relu_grad(X).tolist() == [[0, 0, 1], [1, 0, 0]]
    with faithful():
        assert relu_grad(X).tolist() == [[0, 1, 1], [1, 0, 1]]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3)])
def test_softmax_goes_along_the_last_axis(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape) * 500
    y = softmax(x)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    assert np.allclose(y, e / e.sum(axis=-1, keepdims=True), rtol=1e-14) and y.shape == shape


def test_squared_error_is_not_spread_over_other_shapes() -> None:
    assert sum_squared_error(np.array([1.0, 3.0]), np.array([0.0, 1.0])) == 2.5
    with pytest.raises(InputError, match=r"y has the shape \(2, 1\) and t has \(2,\)"):
        sum_squared_error(np.ones((2, 1)), np.ones(2))


def test_cross_entropy_takes_rows_numbers_and_columns_of_numbers() -> None:
    y = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    expected = -(math.log(0.7) + math.log(0.8)) / 2
    for t in ([[1, 0, 0], [0, 0, 1]], [0, 2], [[0], [2]]):
        assert cross_entropy_error(y, np.array(t)) == pytest.approx(expected, rel=1e-15)
    assert cross_entropy_error(y[0], np.array([1, 0, 0])) == pytest.approx(-math.log(0.7), rel=1e-15)


def test_cross_entropy_of_rows_that_are_not_one_hot() -> None:
    y, t = np.array([[0.5, 0.25, 0.25]]), np.array([[0.5, 0.5, 0.0]])
    assert cross_entropy_error(y, t) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(4), rel=1e-15)
    with faithful():
        assert cross_entropy_error(y, t) == pytest.approx(math.log(2), rel=1e-6)


def test_cross_entropy_with_one_output_reads_the_label() -> None:
    y, t = np.array([[0.8], [0.4]]), np.array([1, 0])
    assert cross_entropy_error(y, t) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2, rel=1e-15)
    with faithful():
        assert cross_entropy_error(y, 1 - t) == cross_entropy_error(y, t)


def test_nothing_is_added_inside_the_logarithm_unless_faithful() -> None:
    y, t = np.array([[1e-9, 1 - 1e-9]]), np.array([0])
    assert cross_entropy_error(y, t) == pytest.approx(9 * math.log(10), rel=1e-12)
    assert cross_entropy_error(np.array([[0.0, 1.0]]), t) > 700
    with faithful():
        assert cross_entropy_error(y, t) == pytest.approx(-math.log(1e-9 + 1e-7), rel=1e-15)


def test_softmax_loss_comes_from_the_logits() -> None:
    assert softmax_loss(np.array([[0.0, 2000.0]]), np.array([0])) == 2000.0
    with faithful():
        assert softmax_loss(np.array([[0.0, 2000.0]]), np.array([0])) == pytest.approx(16.118, abs=1e-3)


@pytest.mark.parametrize(
    ("t", "message"),
    [
        (np.array([0, 3]), "class numbers from 0 to 3; 0 to 2 are known"),
        (np.array([0, -1]), "class numbers from -1 to 0"),
        (np.array([0.5, 1.0]), "0.5 among its class numbers"),
        (np.array([0, 1, 2]), r"t has the shape \(3,\), but y has \(2, 3\)"),
    ],
)
def test_targets_that_cannot_be(t: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cross_entropy_error(np.full((2, 3), 1 / 3), t)


def test_a_single_output_takes_probabilities_only() -> None:
    with pytest.raises(InputError, match="probability of a yes"):
        cross_entropy_error(np.array([[0.5]]), np.array([2]))


def test_numerical_gradient_finds_the_slope_and_puts_x_back() -> None:
    x = np.array([[3.0, 4.0], [0.0, -1.0]])
    before = x.copy()
    assert np.allclose(numerical_gradient(lambda x: (x**2).sum(), x), 2 * x, atol=1e-9)
    assert np.array_equal(x, before)
    assert np.allclose(numerical_gradient_2d(lambda row: (row**2).sum(), x), 2 * x, atol=1e-9)
    assert np.allclose(numerical_gradient_2d(lambda row: (row**3).sum(), x[0]), 3 * x[0] ** 2, atol=1e-6)


def test_numerical_gradient_puts_x_back_when_f_fails() -> None:
    x = np.array([1.0])
    with pytest.raises(ZeroDivisionError):
        numerical_gradient(lambda x: 1 / 0, x)
    assert x[0] == 1.0


def test_numerical_gradient_refuses_whole_numbers() -> None:
    with pytest.raises(InputError, match="int64"):
        numerical_gradient(lambda x: (x**2).sum(), np.array([3, 4]))
    with faithful():
        assert numerical_gradient(lambda x: (x**2).sum(), np.array([3, 4])).dtype == np.int64


def test_smooth_curve_keeps_a_straight_line_and_the_length() -> None:
    assert np.allclose(smooth_curve(np.full(40, 2.5)), 2.5)
    rng = np.random.default_rng(1)
    rough = rng.normal(size=60)
    smooth = smooth_curve(list(rough))
    assert len(smooth) == 60 and smooth.std() < 0.6 * rough.std()


def test_shuffle_keeps_pairs_together_and_uses_numpys_generator() -> None:
    x, t = np.arange(12.0).reshape(6, 2), np.arange(6)
    np.random.seed(3)
    sx, st = shuffle_dataset(x, t)
    np.random.seed(3)
    assert np.array_equal(st, np.random.permutation(6)) and np.array_equal(sx[:, 0], 2 * st)


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), (3, 2)])
def test_im2col_has_a_row_for_each_place_and_col2im_is_its_adjoint(stride: int, pad: int) -> None:
    x = np.random.default_rng(3).normal(size=(2, 3, 7, 6))
    col = im2col(x, 3, 2, stride, pad)
    padded = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    places = [
        padded[n, :, i : i + 3, j : j + 2].reshape(-1)
        for n in range(2)
        for i in range(0, 7 + 2 * pad - 2, stride)
        for j in range(0, 6 + 2 * pad - 1, stride)
    ]
    assert np.array_equal(col, np.array(places))
    assert conv_output_size(28, 5, stride=1, pad=2) == 28
    other = np.random.default_rng(4).normal(size=col.shape)
    back = col2im(other, x.shape, 3, 2, stride, pad)
    assert back.shape == x.shape and np.vdot(col, other) == pytest.approx(np.vdot(x, back), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: im2col(x[0], 2, 2), r"images \(N, C, H, W\)"),
        (lambda x: im2col(x, 5, 5), "filter of 5 by 5 is larger than the images"),
        (lambda x: im2col(x, 2, 2, stride=0), "stride must be 1 or more"),
        (lambda x: col2im(x, x.shape, 2, 2), r"\(9, 4\) is expected"),
    ],
)
def test_images_that_do_not_fit_im2col(call: Callable[[np.ndarray], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call(np.zeros((1, 1, 4, 4)))
