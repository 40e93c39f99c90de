"""Networks at random: the native engine against the reference, and against numeric differentiation of its own loss."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import TRAINABLE, Case, named, numbers
from native.pairs import OPTIMIZERS, TOLERANCE, error, network, pair, steps_of_both
from pellucid.layers import (
    ELU,
    GELU,
    Affine,
    Dropout,
    Identity,
    Layer,
    LeakyReLU,
    ReLU,
    Rescale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from pellucid.losses import Huber, Loss, MeanAbsoluteError, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

ACTIVATIONS: tuple[Layer, ...] = (
    (Identity(), Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.2), ELU(0.8), GELU(), SiLU(), Softplus(), Softmax())
    + (Dropout(0.3), Rescale(0.5, 0.25))
)  # fmt: skip
SMOOTH = tuple(layer for layer in ACTIVATIONS if not isinstance(layer, ReLU | LeakyReLU | Dropout))
LOSSES: tuple[tuple[Loss, Any], ...] = (
    (MeanSquaredError(), "values"),
    (MeanSquaredError(), "labels"),
    (MeanAbsoluteError(), "values"),
    (Huber(0.4), "values"),
    (SoftmaxCrossEntropy(), "rows"),
    (SoftmaxCrossEntropy(), "labels"),
    (SigmoidCrossEntropy(), "entries"),
)
# Rules that divide by √h + ε make a whole step of any gradient, also of one that is what rounding left of a sum that
# cancels, as behind a Softmax over few units: below 1e-4, steps shrink with the gradient.
STEADY = tuple(replace(rule, epsilon=1e-4) if hasattr(rule, "epsilon") else rule for rule in OPTIMIZERS)


@st.composite
def cases(draw: Any, activations: tuple[Layer, ...] = ACTIVATIONS) -> Case:
    """A network of up to four affine layers, widths 1 to 70, any activations between and after them."""
    widths = draw(st.lists(st.integers(1, 70), min_size=1, max_size=4))
    layers: list[Layer] = []
    for width in widths:
        layers += [Affine(width), *draw(st.lists(st.sampled_from(activations), max_size=2))]
    loss, targets = draw(st.sampled_from([pair for pair in LOSSES if widths[-1] > 1 or pair[1] != "labels"]))
    return Case("random", tuple(layers), loss, (draw(st.integers(1, 70)),), targets, draw(st.booleans()))


def agree(case: Case, optimizer: Any, dtype: str, rows: int, batch_size: int, steps: int) -> None:
    tolerance = TOLERANCE[dtype]
    for native, reference, done, expected, before in steps_of_both(case, optimizer, dtype, rows, batch_size, steps):
        assert native.net.engine == "native"
        assert done.batches == expected.batches
        if expected.sums.loss > 1e3 * expected.sums.weight:
            return  # Diverging: every step multiplies the rounding of the one before.
        # A loss near 0 is the difference of numbers of the size of 1 per row, and as exact as those.
        size = max(abs(expected.sums.loss), expected.sums.weight)
        assert abs(done.sums.loss - expected.sums.loss) <= 2 * tolerance * size
        found = native.copies()
        for name, values in reference.copies().items():
            assert error(found[name], values, before[name]) < 20 * tolerance, name


# In float64, so that a sum that cancels cannot be mistaken for a fault: all is alike but the rounding.
@settings(max_examples=120)
@given(cases(), st.sampled_from(STEADY), st.integers(1, 40), st.integers(1, 40))
def test_random_networks_train_alike(case: Case, optimizer: Any, rows: int, batch_size: int) -> None:
    agree(case, optimizer, "float64", rows, batch_size, steps=4)


@settings(max_examples=60)
@given(cases(), st.integers(1, 40), st.integers(1, 600))
def test_random_networks_predict_and_evaluate_alike(case: Case, batch_size: int, rows: int) -> None:
    for dtype in TOLERANCE:
        native, reference = pair(case, dtype)
        x, t, weight = case.x(rows, dtype), case.t(rows, dtype), case.weight(rows)
        assert error(native.predict(x), reference.predict(x)) < 10 * TOLERANCE[dtype]
        found = native.evaluate(x, t, sample_weight=weight)
        assert error(found["loss"], reference.evaluate(x, t, sample_weight=weight)["loss"]) < 10 * TOLERANCE[dtype]


@pytest.mark.slow
@settings(max_examples=3000)
@given(cases(), st.sampled_from(STEADY), st.integers(1, 40), st.integers(1, 40))
def test_many_random_networks_train_alike(case: Case, optimizer: Any, rows: int, batch_size: int) -> None:
    agree(case, optimizer, "float64", rows, batch_size, steps=20)


# Numeric differentiation -------------------------------------------------------------------------------------------


def largest_slope_error(case: Case, rows: int) -> float:
    """Of native gradients against central differences of the native loss, along three directions per parameter.

    What the rounding of the two losses can make of their difference is not counted: where a gradient is tiny, as behind
    two Softmax layers, it is all that is left.
    """
    net = network(case, "native", "float64")
    x, t, weight = case.x(rows), case.t(rows), case.weight(rows)
    loss, gradients = net.gradient(x, t, sample_weight=weight)
    rounding = 10 * np.finfo(np.float64).eps * abs(loss)
    worst = 0.0
    for name, gradient in gradients.items():
        p = net.parameters[name]
        for stream in range(3):
            direction = numbers(20 + stream, p.shape)
            exact = float((gradient * direction).sum())
            size = float(np.abs(gradient * direction).sum()) or 1.0
            # Where a kink lies within one step, a smaller one is clear of it.
            errors = [
                max(abs(slope(net, p, direction, h, x, t, weight) - exact) - rounding / h, 0.0) / size
                for h in (1e-4, 1e-5, 1e-6)
            ]
            worst = max(worst, min(errors))
    return worst


def slope(net: Any, p: Any, direction: Any, h: float, x: Any, t: Any, weight: Any) -> float:
    kept = p.copy()
    losses = []
    for sign in (1, -1):
        p[...] = kept + sign * h * direction
        losses.append(net.evaluate(x, t, sample_weight=weight)["loss"])
    p[...] = kept
    return float((losses[0] - losses[1]) / (2 * h))


@pytest.mark.parametrize("case", [case for case in TRAINABLE if case.model().parameters], ids=named)
def test_native_gradients_are_the_slopes_of_the_native_loss(case: Case) -> None:
    for rows in (1, 9):
        assert largest_slope_error(case, rows) < 1e-7


@settings(max_examples=30)
@given(cases(SMOOTH).filter(lambda case: not isinstance(case.loss, MeanAbsoluteError | Huber)), st.integers(1, 40))
def test_random_native_gradients_are_the_slopes_of_the_native_loss(case: Case, rows: int) -> None:
    assert largest_slope_error(case, rows) < 1e-6


def test_a_gradient_wrong_by_a_thousandth_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.engines.native import NativeEngine

    right = NativeEngine.gradient

    def wrong(self: NativeEngine, *given: Any, **options: Any) -> Any:
        loss, flat = right(self, *given, **options)
        self.model.parameters.layout.view(flat, "0.W")[...] *= 1.001
        return loss, flat

    monkeypatch.setattr(NativeEngine, "gradient", wrong)
    assert largest_slope_error(TRAINABLE[1], 9) > 1e-4
