"""Losses at their edges, as predictions and as classes. Values and derivatives for all of them: test_cases.py."""

import math
from typing import Any

import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.losses import (
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)


def rows(loss: Loss, y: Any, t: Any) -> list[float]:
    losses, _ = loss.forward(np.asarray(y, np.float64), np.asarray(t, np.float64))
    assert losses.shape == (len(y), 1)
    return losses[:, 0].tolist()


def test_values_by_hand() -> None:
    y, t = [[1.0, 2.0], [0.0, -3.0]], [[0.0, 4.0], [0.0, 0.0]]
    assert rows(MeanSquaredError(), y, t) == [2.5, 4.5]
    assert rows(MeanAbsoluteError(), y, t) == [3.0, 3.0]
    assert rows(Huber(), y, t) == [0.5 + 1.5, 2.5]
    assert rows(Huber(delta=2.0), y, t) == [0.5 + 2.0, 4.0]
    assert rows(SoftmaxCrossEntropy(), [[0.0, math.log(3)]], [[0.0, 1.0]]) == pytest.approx([math.log(4 / 3)])
    assert rows(SigmoidCrossEntropy(), [[0.0, math.log(3)]], [[1.0, 0.0]]) == pytest.approx([math.log(2) + math.log(4)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SigmoidCrossEntropy()], ids=str)
def test_no_logit_is_too_large(loss: Loss, dtype: Any) -> None:
    y, t = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype), np.array([[1, 0], [1, 0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses, saved = loss.forward(y, t)
        dy = loss.backward(saved)
    np.testing.assert_allclose(losses, [[0], [2e4]])
    np.testing.assert_allclose(dy, [[0, 0], [-1, 1]])
    assert losses.dtype == dy.dtype == dtype


def test_a_small_probability_keeps_its_logarithm() -> None:
    assert rows(SoftmaxCrossEntropy(), [[0.0, 800.0]], [[1.0, 0.0]]) == [800.0]
    assert rows(SigmoidCrossEntropy(), [[-800.0]], [[1.0]]) == [800.0]


def test_huber_is_the_squared_error_near_and_the_absolute_one_far() -> None:
    near, far = np.array([[0.01, -0.2]]), np.array([[100.0, -300.0]])
    zero = np.zeros((1, 2))
    assert rows(Huber(0.5), near, zero) == pytest.approx(rows(MeanSquaredError(), near, zero))
    assert rows(Huber(1e-9), far, zero)[0] / 1e-9 == pytest.approx(rows(MeanAbsoluteError(), far, zero)[0])


@pytest.mark.parametrize("delta", [0, -1.0, math.nan, math.inf, "1", None, True])
def test_hubers_delta_is_above_zero(delta: Any) -> None:
    with pytest.raises(InputError, match="delta must be a finite number above 0, got "):
        Huber(delta)


def test_outputs_read_as_probabilities_where_the_loss_is_about_them() -> None:
    y = np.array([[0.0, math.log(3)]])
    np.testing.assert_allclose(SoftmaxCrossEntropy().link(y), [[0.25, 0.75]])
    np.testing.assert_allclose(SigmoidCrossEntropy().link(y), [[0.5, 0.75]])
    for loss in (MeanSquaredError(), MeanAbsoluteError(), Huber()):
        assert loss.link(y) is y


def test_classes_are_the_largest_output_the_first_of_equals() -> None:
    y = np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 1.0], [-5.0, -5.0, -4.0]])
    for loss in (MeanSquaredError(), SoftmaxCrossEntropy(), SigmoidCrossEntropy()):
        assert loss.classes(y).tolist() == [1, 0, 2]


def test_one_output_tells_two_classes_apart_at_one_half() -> None:
    y = np.array([[-1.0], [0.4], [0.6], [2.0]])
    assert MeanSquaredError().classes(y).tolist() == [0, 0, 1, 1]
    assert SigmoidCrossEntropy().classes(y).tolist() == [0, 1, 1, 1]
    assert SigmoidCrossEntropy().classes(np.zeros((1, 1))).tolist() == [0]
