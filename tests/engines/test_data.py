"""Data at the door: what form it takes, and class weights. Refusals of x, t and sample_weight: test_network.py."""

from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid.engines import Data, Model, check_data
from pellucid.engines.data import batch_of
from pellucid.errors import InputError
from pellucid.layers import Affine
from pellucid.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

X = numbers(1, (6, 4))
T = np.array([0, 1, 2, 0, 0, 1])


def model(outputs: int = 3, loss: Loss | None = None, dtype: str = "float32") -> Model:
    return Model([Affine(outputs)], loss or SoftmaxCrossEntropy(), (4,), 0, np.dtype(dtype))


def weights(class_weight: Any, t: Any = T, sample_weight: Any = None) -> list[float]:
    data = check_data(X, t, model(), sample_weight, class_weight)
    assert data.weight is not None
    return data.weight.tolist()


@pytest.mark.parametrize("t", [T, T.astype("f8"), T.tolist(), np.eye(3)[T], np.eye(3, dtype=np.uint8)[T]])
def test_classes_become_numbers_in_whatever_form_they_come(t: Any) -> None:
    data = check_data(X, t, model())
    assert data.labels
    assert (data.t.dtype, data.t.tolist()) == (np.int32, T.tolist())
    assert data.classes is data.t
    assert data.weight is None
    assert data.rows == 6


def test_values_stay_values() -> None:
    t = numbers(2, (6, 3))
    data = check_data(X, t, model(loss=MeanSquaredError()))
    assert not data.labels
    assert data.classes is None
    np.testing.assert_array_equal(data.t, t)


def test_one_output_with_zeros_and_ones_is_countable_where_the_loss_is_about_probabilities() -> None:
    t = T % 2
    assert check_data(X, t, model(1, SigmoidCrossEntropy())).classes is not None
    assert check_data(X, t / 2, model(1, SigmoidCrossEntropy())).classes is None
    assert check_data(X, t, model(1, MeanSquaredError())).classes is None


def test_soft_rows_are_taken_as_they_are() -> None:
    t = np.full((6, 3), [0.2, 0.3, 0.5])
    data = check_data(X, t, model())
    assert (data.labels, data.classes) == (False, None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [slice(1, 4), np.array([5, 0, 0]), slice(None)])
def test_a_batch_is_in_the_networks_type(rows: Any, dtype: str) -> None:
    net = model(loss=MeanSquaredError(), dtype=dtype)
    data = check_data((X * 10).astype(np.int16), numbers(2, (6, 3)), net, np.arange(6.0))
    x, t, weight = batch_of(data, rows, net)
    assert {x.dtype, t.dtype, weight.dtype} == {np.dtype(dtype)}
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(x, (X * 10).astype(np.int16)[rows])
    np.testing.assert_array_equal(weight[:, 0], np.arange(6.0)[rows])
    assert weight.shape == (len(x), 1)


def test_samples_are_not_copied_at_the_door() -> None:
    for kind in (np.float32, np.float64, np.uint8):
        x = np.ones((6, 4), kind)
        assert np.shares_memory(check_data(x, T, model()).x, x)


# Class weights ------------------------------------------------------------------------------------------------------


def test_class_weights_follow_the_class() -> None:
    assert weights({0: 2.0, 2: 0.5}) == [2.0, 1.0, 0.5, 2.0, 2.0, 1.0]
    assert weights({np.int64(1): 3}) == [1.0, 3.0, 1.0, 1.0, 1.0, 3.0]
    assert weights({0: 2.0}, np.eye(3)[T]) == [2.0, 1.0, 1.0, 2.0, 2.0, 1.0]
    assert weights({0: 2.0}, sample_weight=[1.0, 2, 3, 4, 5, 6]) == [2.0, 2, 3, 8, 10, 6]


def test_balanced_weights_give_every_class_the_same_sum() -> None:
    found = np.array(weights("balanced"))
    np.testing.assert_allclose([found[k == T].sum() for k in range(3)], 2.0)
    missing = np.array(weights("balanced", np.array([0, 0, 0, 0, 0, 2])))
    np.testing.assert_allclose(missing, [0.6] * 5 + [3.0])


def test_balanced_weights_are_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    np.testing.assert_allclose(weights("balanced"), sklearn.compute_sample_weight("balanced", T))


@pytest.mark.parametrize(
    ("class_weight", "said"),
    [
        ("balance", "class_weight must be 'balanced' or a table of class number to weight, got 'balance'"),
        ([1.0, 2.0, 3.0], r"class_weight must be 'balanced' or a table of class number to weight, got \[1"),
        (2.0, r"class_weight must be 'balanced' or a table of class number to weight, got 2\.0"),
        ({3: 1.0}, "class_weight names the class 3; classes are numbered 0 to 2"),
        ({"0": 1.0}, "class_weight names the class '0'; classes are numbered 0 to 2"),
        ({True: 1.0}, "class_weight names the class True; classes are numbered 0 to 2"),
        ({1: -1.0}, r"class_weight\[1\] must be a finite number of 0 or more, got -1\.0"),
        ({1: float("nan")}, r"class_weight\[1\] must be a finite number of 0 or more, got nan"),
        ({1: "2"}, r"class_weight\[1\] must be a finite number of 0 or more, got '2'"),
        ({0: 0, 1: 0, 2: 0}, "class_weight leaves every sample of x with the weight 0"),
    ],
)
def test_bad_class_weights_are_refused(class_weight: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        weights(class_weight)


def test_class_weights_need_classes() -> None:
    with pytest.raises(InputError, match="class_weight needs class numbers or one-hot rows as t; use sample_weight"):
        weights({0: 2.0}, np.full((6, 3), [0.2, 0.3, 0.5]))


def test_data_says_how_many_rows_it_has() -> None:
    assert Data(X, T, None, True, None).rows == 6
