"""Checks of numbers: what counts as one, what is said otherwise, and that NumPy's scalars become Python's."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid.checks import at_least_zero, finite, fraction, integer, is_finite, is_whole, positive
from pellucid.datasets.augment import Augment
from pellucid.description import describe, written
from pellucid.errors import InputError
from pellucid.initializers import Constant, Normal
from pellucid.layers import Affine, AveragePool2D, BatchNorm, Conv2D, Dropout, LeakyReLU, MaxPool2D, Rescale, ZeroPad2D
from pellucid.losses import Huber
from pellucid.optimizers import SGD, AdamW, Momentum, RMSprop
from pellucid.schedules import Constant as ConstantRate
from pellucid.schedules import Cosine, ReduceOnPlateau, StepDecay, WarmUp

NO_NUMBERS = (None, True, np.True_, "1", [1], (1,), 1j, np.complex64(1), np.array([0.5]), np.array(1))


@pytest.mark.parametrize("value", [0, -3, 10**400, np.int8(4), np.uint64(2**64 - 1)])
def test_integers_are_whole(value: Any) -> None:
    assert is_whole(value)


@pytest.mark.parametrize("value", [1.0, np.float32(1), float("nan"), *NO_NUMBERS])
def test_nothing_else_is_whole(value: Any) -> None:
    assert not is_whole(value)
    with pytest.raises(InputError, match="size must be an integer of 1 or more, got "):
        integer("size", value)


@pytest.mark.parametrize("value", [0, -3, 0.5, np.float16(0.5), np.float32(0.1), np.float64(0.1), np.longdouble(2)])
def test_real_numbers_are_finite(value: Any) -> None:
    assert is_finite(value)
    assert type(finite("size", value)) in (int, float)
    assert finite("size", value) == value


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), np.float32("inf"), 10**400, *NO_NUMBERS])
@pytest.mark.parametrize(
    ("check", "said"),
    [
        (finite, "a finite number, got "),
        (positive, "a finite number above 0, got "),
        (at_least_zero, "a finite number of 0 or more, got "),
        (fraction, "at least 0 and less than 1, got "),
    ],
)
def test_nothing_else_is_finite(check: Callable[[str, Any], float], said: str, value: Any) -> None:
    assert not is_finite(value)
    with pytest.raises(InputError, match=f"size must be {said}"):
        check("size", value)


@pytest.mark.parametrize(
    ("check", "within", "beyond"),
    [(positive, 1e-300, 0.0), (at_least_zero, 0.0, -1e-300), (fraction, 0.0, 1.0), (integer, 1, 0)],
)
def test_bounds(check: Callable[[str, Any], float], within: float, beyond: float) -> None:
    assert check("size", within) == within
    with pytest.raises(InputError):
        check("size", beyond)


HALF, THREE = np.float32(0.5), np.int64(3)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Affine(THREE), Affine(3)),
        (Affine(2, weights=Normal(HALF), bias=Constant(HALF)), Affine(2, weights=Normal(0.5), bias=Constant(0.5))),
        (LeakyReLU(HALF), LeakyReLU(0.5)),
        (Rescale(HALF, THREE), Rescale(0.5, 3)),
        (Dropout(np.float32(0.25)), Dropout(0.25)),
        (BatchNorm(HALF, epsilon=HALF), BatchNorm(0.5, epsilon=0.5)),
        (Conv2D(THREE, (THREE, 2), padding=THREE), Conv2D(3, (3, 2), padding=3)),
        (MaxPool2D(THREE, stride=(1, np.int32(2))), MaxPool2D(3, stride=(1, 2))),
        (AveragePool2D(THREE), AveragePool2D(3)),
        (ZeroPad2D((THREE, 1)), ZeroPad2D((3, 1))),
        (Huber(HALF), Huber(0.5)),
        (SGD(HALF, l1=HALF, clip_norm=THREE), SGD(0.5, l1=0.5, clip_norm=3)),
        (Momentum(ConstantRate(HALF), momentum=HALF), Momentum(ConstantRate(0.5), momentum=0.5)),
        (RMSprop(rho=HALF, epsilon=HALF), RMSprop(rho=0.5, epsilon=0.5)),
        (AdamW(beta1=HALF, beta2=HALF), AdamW(beta1=0.5, beta2=0.5)),
        (WarmUp(StepDecay(HALF, THREE, HALF), THREE), WarmUp(StepDecay(0.5, 3, 0.5), 3)),
        (Cosine(HALF, THREE, HALF), Cosine(0.5, 3, 0.5)),
        (ReduceOnPlateau(HALF, HALF, THREE, HALF, HALF), ReduceOnPlateau(0.5, 0.5, 3, 0.5, 0.5)),
        (
            Augment(shift=THREE, rotate=HALF, image_shape=(1, THREE, 3)),
            Augment(shift=3, rotate=0.5, image_shape=(1, 3, 3)),
        ),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_numpys_numbers_are_kept_as_plain_ones(given: Any, plain: Any) -> None:
    assert given == plain
    assert repr(given) == repr(plain)
    assert written(given) == written(plain)
    assert json.dumps(describe(given)) == json.dumps(describe(plain))
