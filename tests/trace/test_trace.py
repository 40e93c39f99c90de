"""A trace holds every number of one pass, under names, and prints within 80 columns."""

import re

import numpy as np
import pytest

from cases import TRAINABLE, Case, named, numbers
from pellucid import ops
from pellucid.engines import Data, Model, ReferenceEngine, check_data
from pellucid.layers import Affine, Flatten, Rescale, Sigmoid
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.trace import trace
from pellucid.training import Session


def two_layers() -> tuple[Model, Data]:
    model = Model([Affine(3), Sigmoid()], MeanSquaredError(), (5,), 1, np.dtype(np.float32))
    return model, check_data(numbers(1, (7, 5)), np.arange(7) % 3, model)


def test_every_number_is_what_the_formulas_say() -> None:
    model, data = two_layers()
    traced = trace(model, data)
    affine, sigmoid = traced
    W, b, t = model.parameters["0.W"], model.parameters["0.b"], np.eye(3, dtype=np.float32)[np.arange(7) % 3]
    np.testing.assert_array_equal(traced.x, data.x.astype(np.float32))
    np.testing.assert_allclose(affine.y, traced.x @ W + b, rtol=1e-6)
    np.testing.assert_allclose(sigmoid.y, 1 / (1 + np.exp(-affine.y)), rtol=1e-6)
    np.testing.assert_array_equal(traced.t, t)
    np.testing.assert_allclose(traced.row_losses, 0.5 * ((traced.y - t) ** 2).sum(axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(traced.loss, traced.row_losses.mean(), rtol=1e-6)
    np.testing.assert_allclose(sigmoid.delta, (traced.y - t) / 7, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(affine.delta, sigmoid.delta * traced.y * (1 - traced.y), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(affine.gradients.W, traced.x.T @ affine.delta, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(affine.gradients.b, affine.delta.sum(axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(affine.dx, affine.delta @ W.T, rtol=1e-5, atol=1e-7)


def test_what_was_saved_is_there_by_name() -> None:
    affine, sigmoid = trace(*two_layers())
    assert set(affine.saved) == {"x"}
    np.testing.assert_array_equal(affine.saved.x, affine.x)
    np.testing.assert_array_equal(sigmoid.saved.y, sigmoid.y)
    assert affine.u is affine.y and sigmoid.u is sigmoid.x


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_a_trace_agrees_with_the_engine_and_chains(case: Case) -> None:
    model, data = case.model(), case.data(7)
    traced = trace(model, data)
    loss, gradients = Session(model, ReferenceEngine(model)).gradient(data)
    assert traced.loss == loss
    assert list(traced.gradients) == list(gradients) == list(model.learned)
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(traced.gradients[name], gradient)
    np.testing.assert_array_equal(traced.y, ReferenceEngine(model).predict(data.x))
    for index, below in enumerate(list(traced)[:-1]):
        above = traced.readers(index)
        read = [(x, dx) for a in above for v, x, dx in zip(a.reads, a.xs, a.dxs, strict=True) if v == index + 1]
        assert read and all(x is below.y for x, _ in read)
        np.testing.assert_allclose(below.delta, sum(dx for _, dx in read), rtol=1e-12)
    assert all(len(line) <= 80 for line in str(traced).splitlines()), str(traced)


def test_a_trace_keeps_its_numbers_when_training_goes_on() -> None:
    model, data = two_layers()
    traced = trace(model, data)
    before = traced[0].parameters.W.copy()
    model.parameters.flat[:] = 0
    np.testing.assert_array_equal(traced[0].parameters.W, before)


def test_it_prints_names_shapes_and_numbers() -> None:
    model = Model([Rescale(), Flatten(), Affine(10)], SoftmaxCrossEntropy(), (1, 28, 28), 1, np.dtype(np.float32))
    x = np.zeros((3, 1, 28, 28), np.uint8)
    x[..., 0] = 255
    text = str(trace(model, check_data(x, [1, 2, 3], model)))
    assert "--- layer 0 (Rescale)" in text
    assert re.search(r"\*\*\* x = the input \*\*\* +\(3, 1, 28, 28\)\n0 to 255, mean 9.107\n", text)
    assert re.search(r"\*\*\* u = x·W \+ b \*\*\* +\(3, 10\)\n", text)
    assert re.search(r"\*\*\* dW = xᵀ·du   \(BP4\) \*\*\* +\(784, 10\)\n", text)
    assert "*** L = Σ w l / Σ w   SoftmaxCrossEntropy ***\n" in text
    assert max(map(len, text.splitlines())) <= 80


def test_one_hot_targets_are_shown_for_class_numbers() -> None:
    traced = trace(*two_layers())
    np.testing.assert_array_equal(traced.t, ops.one_hot(np.arange(7) % 3, classes=3, dtype=np.float32))
    assert len(traced) == 2


def test_in_a_notebook_a_trace_is_one_line() -> None:
    traced = trace(*two_layers())
    assert re.fullmatch(r"<trace of 2 layers on 7 rows, loss 0\.\d+; print it for every number>", repr(traced))
    assert repr(traced[0]) == "<trace of layer 0 (Affine); print it for every number>"
