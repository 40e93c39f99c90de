"""The second text's numbers to the last digit it prints, and its derivatives against numeric ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import compat
from pellucid.compat.notebooks import functions, print_vec
from pellucid.errors import InputError

SINGLE_LAYER = """*** Total input ***
[1.4 2.2 3. ]
shape: (3,)

*** Intermediate layer output ***
[0.80218389 0.90024951 0.95257413]
shape: (3,)

"""


def test_forward_pass_of_a_single_layer(capsys: pytest.CaptureFixture[str]) -> None:
    w = np.arange(1, 4) / 10 + np.arange(4)[:, None] / 10
    u = np.dot(np.array([1.0, 5.0, 2.0, -1.0]), w) + np.array([0.1, 0.2, 0.3])
    print_vec("Total input", u)
    print_vec("Intermediate layer output", functions.sigmoid(u))
    assert capsys.readouterr().out == SINGLE_LAYER


def test_print_vec_of_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_vec("bias", 0.5)
    assert capsys.readouterr().out == "*** bias ***\n0.5\n\n"


def net(last: list[list[float]], b2: list[float]) -> tuple[Any, ...]:
    w1 = np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]])
    return w1, np.array([0.1, 0.2, 0.3]), np.array(last), np.array(b2)


def test_backward_pass_of_a_classification() -> None:
    w1, b1, w2, b2 = net([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [0.1, 0.2])
    x, d = np.array([[1.0, 5.0]]), np.array([[0, 1]])
    u1 = np.dot(x, w1) + b1
    z1 = functions.relu(u1)
    u2 = np.dot(z1, w2) + b2
    y = functions.softmax(u2)
    delta2 = functions.d_sigmoid_with_loss(d, y)
    delta1 = np.dot(delta2, w2.T) * functions.d_relu(z1)
    assert [str(number) for number in (u1, u2, y, delta2, delta1)] == [
        "[[1.2 2.5 3.8]]",
        "[[1.86 4.21]]",
        "[[0.08706577 0.91293423]]",
        "[[ 0.08706577 -0.08706577]]",
        "[[-0.02611973 -0.02611973 -0.02611973]]",
    ]
    assert str(np.dot(x.T, delta1)) == (
        "[[-0.02611973 -0.02611973 -0.02611973]\n [-0.13059866 -0.13059866 -0.13059866]]"
    )
    assert str(np.dot(z1.T, delta2)) == (
        "[[ 0.10447893 -0.10447893]\n [ 0.21766443 -0.21766443]\n [ 0.33084994 -0.33084994]]"
    )
    np.testing.assert_array_equal(functions.d_softmax_with_loss(d, y), delta2)
    assert abs(np.sum(y) - 1) <= 2.0**-52  # the last bit is the processor's: its exp, and its order of the products


def test_errors_as_the_text_prints_them_faithful_and_right() -> None:
    w1, b1, w2, b2 = net([[0.1, 0.4, 0.7, 1.0], [0.2, 0.5, 0.8, 1.1], [0.3, 0.6, 0.9, 1.2]], [0.1, 0.2, 0.3, 0.4])
    z1 = functions.relu(np.dot(np.array([1.0, 2.0]), w1) + b1)
    four = functions.softmax(np.dot(z1, w2) + b2)
    one = functions.sigmoid(np.dot(z1, np.array([[0.2], [0.4], [0.6]])) + 0.1)
    assert str(four) == "[0.01602796 0.05707321 0.20322929 0.72366954]" and str(one) == "[0.87435214]"
    with compat.faithful():
        assert functions.cross_entropy_error(np.array([0, 0, 0, 1]), four) == 0.3234202933601941
        assert functions.cross_entropy_error(np.array([1]), one) == 0.13427195993720972
        assert functions.cross_entropy_error(np.array([0]), one) == 0.13427195993720972
    np.testing.assert_allclose(
        functions.cross_entropy_error(np.array([0, 0, 0, 1]), four), -np.log(four[3]), rtol=1e-14
    )
    np.testing.assert_allclose(functions.cross_entropy_error(np.array([0]), one), -np.log(1 - one[0]), rtol=1e-14)
    assert functions.mean_squared_error(np.array([2.0, 4.0]), np.array([1.02, 2.29])) == 0.9711249999999999


def test_a_probability_of_nothing_has_a_finite_error() -> None:
    wrong = functions.cross_entropy_error(np.array([[1, 0]]), np.array([[0.0, 1.0]]))
    assert 700 < wrong < 710
    assert functions.cross_entropy_error(np.array([[0, 1]]), np.array([[0.0, 1.0]])) == 0


def softmax_loss(d: Any) -> Callable[[Any], Any]:
    return lambda u: functions.softmax_with_loss(d, u)


def sigmoid_loss(d: Any) -> Callable[[Any], Any]:
    return lambda u: functions.cross_entropy_error(d, functions.sigmoid(u))


DRAW = np.random.RandomState(3)
U, ONE_HOT, CLASSES = DRAW.randn(5, 4), np.eye(4)[[0, 2, 1, 3, 3]], np.array([0, 2, 1, 3, 3])
BITS = np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])

DERIVATIVES = {
    "sigmoid": (lambda u: np.sum(functions.sigmoid(u)), functions.d_sigmoid, U),
    "relu": (lambda u: np.sum(functions.relu(u)), functions.d_relu, U),
    "step": (lambda u: np.sum(functions.step(u)), lambda u: np.full_like(u, functions.d_step_function(u)), U),
    "squares": (
        lambda u: functions.mean_squared_error(ONE_HOT, u),
        lambda u: functions.d_mean_squared_error(ONE_HOT, u),
        U,
    ),
    "softmax": (softmax_loss(ONE_HOT), lambda u: functions.d_softmax_with_loss(ONE_HOT, functions.softmax(u)), U),
    "classes": (softmax_loss(CLASSES), lambda u: functions.d_softmax_with_loss(CLASSES, functions.softmax(u)), U),
    "one sample": (
        softmax_loss(ONE_HOT[0]),
        lambda u: functions.d_softmax_with_loss(ONE_HOT[0], functions.softmax(u)),
        U[0],
    ),
    "bits": (sigmoid_loss(BITS), lambda u: functions.d_sigmoid_with_loss(BITS, functions.sigmoid(u)), U[:, :1]),
    "one bit": (
        sigmoid_loss(BITS[0]),
        lambda u: functions.d_sigmoid_with_loss(BITS[0], functions.sigmoid(u)),
        U[0, :1],
    ),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_every_derivative_is_the_functions_slope(name: str) -> None:
    function, derivative, at = DERIVATIVES[name]
    slope = functions.numerical_gradient(function, at.copy())
    assert slope.shape == at.shape
    np.testing.assert_allclose(derivative(at), slope, atol=1e-7)


def test_faithful_derivatives_are_off_by_the_originals_factors() -> None:
    y = functions.softmax(U)
    with compat.faithful():
        assert np.allclose(functions.d_mean_squared_error(ONE_HOT, U), (U - ONE_HOT) / 5)
        assert np.allclose(functions.d_softmax_with_loss(ONE_HOT[0], y[0]), (y[0] - ONE_HOT[0]) / 4)
        assert np.allclose(functions.d_softmax_with_loss(ONE_HOT, y), (y - ONE_HOT) / 5)
        assert np.allclose(functions.d_sigmoid_with_loss(ONE_HOT, y), y - ONE_HOT)
    assert functions.d_mean_squared_error(2.0, 5.0) == 3.0


def test_activations() -> None:
    x = np.array([-1e4, -1.0, 0.0, 2.0, 1e4])
    np.testing.assert_array_equal(functions.relu(x), [0, 0, 0, 2, 1e4])
    np.testing.assert_array_equal(functions.step_function(x), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(functions.sigmoid(x)[[0, 2, 4]], [0.0, 0.5, 1.0])
    np.testing.assert_allclose(functions.softmax(np.array([[1e4, 1e4], [0.0, -1e4]])), [[0.5, 0.5], [1.0, 0.0]])


def test_the_regressions_mixed_up_derivative_is_found_by_numeric_differentiation() -> None:
    """A ReLU going forward and a sigmoid's derivative coming back: the script's own line, which runs as it stands."""
    draw = np.random.RandomState(1)
    w1, b1, w2 = draw.randn(2, 10), draw.randn(10), draw.randn(10)
    x, d = np.array([0.3, 0.8]), 2.5

    def loss(w: Any) -> Any:
        return functions.mean_squared_error(d, functions.relu(x @ w + b1) @ w2)

    u1 = x @ w1 + b1
    delta2 = functions.d_mean_squared_error(d, functions.relu(u1) @ w2)
    slope = functions.numerical_gradient(loss, w1.copy())
    np.testing.assert_allclose(np.outer(x, delta2 * w2 * functions.d_relu(functions.relu(u1))), slope, atol=1e-7)
    assert np.abs(np.outer(x, delta2 * w2 * functions.d_sigmoid(functions.relu(u1))) - slope).max() > 0.1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: functions.mean_squared_error(np.zeros(3), np.zeros((3, 1))), "takes d and y of one shape"),
        (lambda: functions.d_mean_squared_error(np.zeros(3), np.zeros(2)), "takes d and y of one shape"),
        (lambda: functions.d_sigmoid_with_loss(np.zeros(3), np.zeros((3, 1))), "takes d and y of one shape"),
        (lambda: functions.cross_entropy_error(np.zeros(3, int), np.full((2, 4), 0.25)), "or 2 class numbers"),
        (lambda: functions.d_softmax_with_loss(np.zeros(2), np.full((2, 4), 0.25)), "or 2 class numbers"),
        (lambda: functions.numerical_gradient(np.sum, np.arange(3)), "floating-point"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()
