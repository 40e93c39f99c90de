"""What is particular to single layers: shapes, constants that are refused, and behaviour at the edges.

What holds for all of them is in test_cases.py.
"""

import math
from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid.errors import InputError
from pellucid.layers import (
    ELU,
    GELU,
    Affine,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Mode,
    Named,
    ReLU,
    Rescale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Step,
    Tanh,
)
from pellucid.ops import Array

NONE = Named()
PREDICT, TRAIN = Mode(), Mode(training=True, seed=1, layer=2, step=3)


def forward(layer: Layer, x: Any, mode: Mode = PREDICT) -> Array:
    return layer.forward(NONE, np.asarray(x), mode)[0]


def test_affine_wants_one_vector_per_sample() -> None:
    with pytest.raises(
        InputError, match=r"takes one vector per sample, not \(1, 28, 28\); put a Flatten\(\) before it"
    ):
        Affine(3).parameters((1, 28, 28))


def test_affine_excludes_its_bias_from_decay() -> None:
    made = Affine(3).parameters((5,))
    assert {name: (p.shape, p.decay) for name, p in made.items()} == {"W": ((5, 3), True), "b": ((3,), False)}


def test_layers_are_values() -> None:
    assert Affine(3) == Affine(3) != Affine(4)
    assert hash(LeakyReLU(0.2)) == hash(LeakyReLU(0.2))
    with pytest.raises(AttributeError):
        Affine(3).units = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (Affine, {"units": 0}, "units must be an integer of 1 or more, got 0"),
        (Affine, {"units": -3}, "units must be an integer of 1 or more, got -3"),
        (Affine, {"units": 2.0}, r"units must be an integer of 1 or more, got 2\.0"),
        (Affine, {"units": True}, "units must be an integer of 1 or more, got True"),
        (Affine, {"units": (3,)}, r"units must be an integer of 1 or more, got \(3,\)"),
        (Affine, {"units": 3, "weights": 0.1}, r"weights must be an initializer, such as Normal\(0\.1\), got 0\.1"),
        (Affine, {"units": 3, "bias": Sigmoid}, "bias must be an initializer"),
        (Dropout, {"rate": 1.0}, r"rate must be at least 0 and less than 1, got 1\.0"),
        (Dropout, {"rate": -0.1}, r"rate must be at least 0 and less than 1, got -0\.1"),
        (Dropout, {"rate": math.nan}, "rate must be at least 0 and less than 1, got nan"),
        (LeakyReLU, {"slope": math.inf}, "slope must be a finite number, got inf"),
        (ELU, {"alpha": "1"}, "alpha must be a finite number, got '1'"),
        (Rescale, {"scale": math.nan}, "scale must be a finite number, got nan"),
        (Rescale, {"offset": None}, "offset must be a finite number, got None"),
    ],
)
def test_constants_that_cannot_be_are_refused(kind: type[Layer], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        kind(**arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [(Sigmoid(), 0, 1), (Tanh(), -1, 1), (ReLU(), 0, 1e4), (ELU(), -1, 1e4), (GELU(), 0, 1e4), (SiLU(), 0, 1e4)]
    + [(Softplus(), 0, 1e4), (LeakyReLU(), -100, 1e4), (Step(), 0, 1)],
    ids=str,
)
def test_activations_neither_overflow_nor_lose_their_limits(layer: Layer, low: float, high: float, dtype: Any) -> None:
    x = np.array([[-1e4, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, saved = layer.forward(NONE, x, PREDICT)
        np.testing.assert_allclose(y, [[low, high]], rtol=1e-6, atol=1e-30)
        if not isinstance(layer, Step):
            dx, _ = layer.backward(NONE, saved, np.ones_like(x))
            assert np.isfinite(dx).all()
            assert y.dtype == dx.dtype == dtype


def test_the_derivative_at_a_kink_is_the_one_stated() -> None:
    x, dy = np.array([[0.0, -0.0]]), np.ones((1, 2))
    for layer, expected in ((ReLU(), 0.0), (LeakyReLU(0.1), 0.1), (ELU(0.5), 0.5)):
        dx, _ = layer.backward(NONE, layer.forward(NONE, x, PREDICT)[1], dy)
        assert dx.tolist() == [[expected, expected]]


def test_softmax_rows_are_probabilities_however_large() -> None:
    y = forward(Softmax(), [[1e4, 1e4 - math.log(3)], [-1e30, 1e30], [0.0, 0.0]])
    np.testing.assert_allclose(y, [[0.75, 0.25], [0, 1], [0.5, 0.5]], atol=1e-12)


def test_step_is_a_perceptron() -> None:
    assert forward(Step(), [[-1.0, -0.0, 0.0, 1e-30]]).tolist() == [[0, 0, 0, 1]]
    with pytest.raises(InputError, match="Step cannot be trained through"):
        Step().backward(NONE, NONE, np.zeros((1, 1)))


def test_dropout_leaves_prediction_alone_and_silences_in_training() -> None:
    x = np.ones((50, 50), np.float32)
    assert forward(Dropout(0.4), x) is x
    y = forward(Dropout(0.4), x, TRAIN)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.6)}
    np.testing.assert_array_equal(y, forward(Dropout(0.4), x, TRAIN))
    assert (y != forward(Dropout(0.4), x, Mode(training=True, seed=1, layer=2, step=4))).any()
    assert (y != forward(Dropout(0.4), x, Mode(training=True, seed=1, layer=3, step=3))).any()


def test_dropout_sends_back_through_the_same_mask() -> None:
    x = numbers(1, (9, 7))
    y, saved = Dropout(0.5).forward(NONE, x, TRAIN)
    dx, _ = Dropout(0.5).backward(NONE, saved, np.ones_like(x))
    np.testing.assert_allclose(dx * x, y)


def test_flatten_goes_there_and_back() -> None:
    x = numbers(1, (3, 2, 4, 5))
    assert Flatten().output_shape((2, 4, 5)) == (40,)
    y, saved = Flatten().forward(NONE, x, PREDICT)
    np.testing.assert_array_equal(y, x.reshape(3, 40))
    np.testing.assert_array_equal(Flatten().backward(NONE, saved, y)[0], x)


def test_rescale_brings_bytes_to_one() -> None:
    np.testing.assert_allclose(forward(Rescale(), np.array([[0.0, 51.0, 255.0]])), [[0, 0.2, 1]])


def test_a_named_dictionary_reads_as_attributes_and_names_what_is_there() -> None:
    named = Named(W=1, b=2)
    assert (named.W, named["b"]) == (1, 2)
    with pytest.raises(AttributeError, match="there is no 'w' here, only W, b"):
        named.w  # noqa: B018
    with pytest.raises(AttributeError, match="there is no 'x' here, only nothing"):
        Named().x  # noqa: B018
