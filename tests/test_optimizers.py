"""Optimizers against PyTorch and the papers' formulas, step after step, and what they refuse."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid.optimizers
from pellucid.engines import Model, OptimizerState, passes
from pellucid.errors import InputError
from pellucid.layers import Affine, Named
from pellucid.losses import MeanSquaredError
from pellucid.ops import Array
from pellucid.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Lion,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)
from pellucid.schedules import Constant, Exponential

FIXTURE = Path(__file__).parent / "fixtures" / "optimizers.npz"
STEPS = 12

CASES: dict[str, Optimizer] = {
    "SGD": SGD(0.3),
    "SGD, weight decay": SGD(0.3, weight_decay=0.1),
    "SGD, l1": SGD(0.3, l1=0.05),
    "SGD, clip value": SGD(0.3, clip_value=0.7),
    "SGD, clip norm": SGD(0.3, clip_norm=1.5),
    "Momentum": Momentum(0.05, momentum=0.8),
    "Momentum, weight decay": Momentum(0.05, momentum=0.8, weight_decay=0.1),
    "Nesterov": Nesterov(0.05, momentum=0.8),
    "Nesterov, weight decay": Nesterov(0.05, momentum=0.8, weight_decay=0.1),
    "AdaGrad": AdaGrad(0.2),
    "AdaGrad, weight decay": AdaGrad(0.2, weight_decay=0.1),
    "RMSprop": RMSprop(0.02),
    "RMSprop, weight decay": RMSprop(0.02, weight_decay=0.1),
    "Adam": Adam(0.05, beta1=0.8, beta2=0.95),
    "Adam, weight decay": Adam(0.05, beta1=0.8, beta2=0.95, weight_decay=0.1),
    "Adam, clip value": Adam(0.05, beta1=0.8, beta2=0.95, clip_value=0.7),
    "Adam, clip norm": Adam(0.05, beta1=0.8, beta2=0.95, clip_norm=1.5),
    "AdamW": AdamW(0.05, weight_decay=0.0),
    "AdamW, weight decay": AdamW(0.05, weight_decay=0.1),
    "AMSGrad": AMSGrad(0.05, beta1=0.8, beta2=0.5),
    "AMSGrad, weight decay": AMSGrad(0.05, beta1=0.8, beta2=0.5, weight_decay=0.1),
    "AdaMax": AdaMax(0.05, beta1=0.8, beta2=0.7),
    "AdaMax, weight decay": AdaMax(0.05, beta1=0.8, beta2=0.7, weight_decay=0.1),
    "Lion": Lion(0.03, beta1=0.8, beta2=0.6),
    "Lion, weight decay": Lion(0.03, beta1=0.8, beta2=0.6, weight_decay=0.5),
}

APART: tuple[type[Optimizer], ...] = (AdamW, Lion)
"""Rules whose weight decay stands apart from the gradient."""


@pytest.fixture(scope="module")
def expected() -> dict[str, Array]:
    with np.load(FIXTURE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def every_optimizer() -> list[type[Optimizer]]:
    exported = [getattr(pellucid.optimizers, name) for name in pellucid.optimizers.__all__]
    return [kind for kind in exported if issubclass(kind, Optimizer) and not inspect.isabstract(kind)]


def test_every_exported_optimizer_is_tested() -> None:
    assert set(every_optimizer()) == {type(optimizer) for optimizer in CASES.values()}


def steps_of(optimizer: Optimizer, expected: dict[str, Array], dtype: str) -> Model:
    """A model with one affine layer, after twelve updates by the fixture's gradients. Its bias must not decay."""
    model = Model([Affine(5)], MeanSquaredError(), (3,), 0, np.dtype(dtype))
    state = OptimizerState(optimizer, model.parameters.layout, model.dtype)
    for name in ("W", "b"):
        model.parameters[f"0.{name}"] = expected[f"start/{name}"]
    numbers = np.arange(STEPS)
    scalars = optimizer.scalars(numbers, optimizer.schedule.rates(numbers, 1, ()))
    for step in range(STEPS):
        gradients = {f"0.{name}": expected[f"gradients/{name}"][step].astype(dtype) for name in ("W", "b")}
        now = Named({name: float(values[step]) for name, values in scalars.items()})
        changed = passes.learned(model, optimizer, model.parameters, gradients, state.views(), now)
        changed.store(model.parameters, state.views())
    return model


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("name", CASES)
def test_twelve_steps_end_where_the_independent_implementation_ends(
    name: str, dtype: str, tolerance: float, expected: dict[str, Array]
) -> None:
    model = steps_of(CASES[name], expected, dtype)
    for own in ("W", "b"):
        found = model.parameters[f"0.{own}"]
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, expected[f"{name}/{own}"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [name for name in CASES if "decay" in name or "l1" in name])
def test_decay_moves_weights_and_not_biases(name: str, expected: dict[str, Array]) -> None:
    plain = name.split(",")[0]
    assert not np.allclose(expected[f"{name}/W"], expected[f"{plain}/W"])
    np.testing.assert_allclose(expected[f"{name}/b"], expected[f"{plain}/b"], rtol=1e-14)
    with_decay, without = (steps_of(CASES[n], expected, "float64") for n in (name, plain))
    np.testing.assert_array_equal(with_decay.parameters["0.b"], without.parameters["0.b"])


@pytest.mark.parametrize("kind", [kind for kind in every_optimizer() if kind not in APART])
def test_l1_and_l2_are_added_to_the_gradient(kind: type[Optimizer], expected: dict[str, Array]) -> None:
    decayed = steps_of(kind(0.01, weight_decay=0.1, l1=0.02), expected, "float64")
    by_hand = Model([Affine(5)], MeanSquaredError(), (3,), 0, np.dtype(np.float64))
    plain = kind(0.01)
    state = OptimizerState(plain, by_hand.parameters.layout, by_hand.dtype)
    for name in ("W", "b"):
        by_hand.parameters[f"0.{name}"] = expected[f"start/{name}"]
    numbers = np.arange(STEPS)
    scalars = plain.scalars(numbers, plain.schedule.rates(numbers, 1, ()))
    for step in range(STEPS):
        W = by_hand.parameters["0.W"]
        g = {f"0.{name}": expected[f"gradients/{name}"][step] for name in ("W", "b")}
        g["0.W"] = g["0.W"] + 0.1 * W + 0.02 * np.sign(W)
        now = Named({name: float(values[step]) for name, values in scalars.items()})
        changed = passes.learned(by_hand, plain, by_hand.parameters, g, state.views(), now)
        changed.store(by_hand.parameters, state.views())
    for name in ("0.W", "0.b"):
        np.testing.assert_allclose(decayed.parameters[name], by_hand.parameters[name], rtol=1e-12)


def test_clipping_by_norm_counts_all_gradients_together_and_leaves_short_ones_alone() -> None:
    gradients = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    clipped = passes.clip(SGD(clip_norm=1.0), gradients)
    np.testing.assert_allclose(clipped["a"], [0.6, 0.0])
    np.testing.assert_allclose(clipped["b"], [[0.8]])
    same = passes.clip(SGD(clip_norm=5.0), gradients)
    np.testing.assert_array_equal(same["a"], gradients["a"])
    zero = passes.clip(SGD(clip_norm=1.0), {"a": np.zeros(2)})
    np.testing.assert_array_equal(zero["a"], [0.0, 0.0])


def test_clipping_by_value_comes_before_clipping_by_norm() -> None:
    clipped = passes.clip(SGD(clip_value=1.0, clip_norm=1.0), {"a": np.array([30.0, 0.0]), "b": np.array([-40.0])})
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0]], [np.sqrt(0.5), -np.sqrt(0.5)])


def test_the_first_step_of_adam_is_as_long_as_the_learning_rate(expected: dict[str, Array]) -> None:
    optimizer = Adam(0.05)
    scalars = {name: float(v[0]) for name, v in optimizer.scalars(np.array([0]), np.array([0.05])).items()}
    for size in (1e-6, 1.0, 1e6):
        w, m, v = np.zeros(2), np.zeros(2), np.zeros(2)
        g = np.array([size, -size])
        after, slots = optimizer.update(w, g, Named(m=m, v=v), Named(scalars), decays=True)
        np.testing.assert_allclose(after, [-0.05, 0.05], rtol=0.02)
        np.testing.assert_allclose(slots.m, 0.1 * g, rtol=1e-12)
        for before in (w, m, v):
            np.testing.assert_array_equal(before, 0.0)


def test_amsgrad_forgets_no_large_gradient(expected: dict[str, Array]) -> None:
    """Where Adam's v̂ falls again, AMSGrad's does not: after a large gradient, its steps stay short."""
    moved = []
    for optimizer in (Adam(0.05, beta1=0.0, beta2=0.5), AMSGrad(0.05, beta1=0.0, beta2=0.5)):
        w, slots = np.zeros(1), Named({name: np.zeros(1) for name in optimizer.slots})
        for step, g in enumerate([100.0] + [1.0] * 20):
            before = w
            rates = optimizer.scalars(np.array([step]), np.array([0.05]))
            now = Named({name: float(v[0]) for name, v in rates.items()})
            w, slots = optimizer.update(w, np.array([g]), slots, now, decays=False)
        moved.append(float(before[0] - w[0]))
    assert moved[0] > 0.04 and moved[1] < 0.001


def test_every_step_of_lion_is_as_long_as_the_learning_rate() -> None:
    optimizer = Lion(0.03)
    for size in (1e-30, 1.0, 1e30):
        given = np.zeros(3), np.array([size, -size, 0.0]), Named(m=np.zeros(3))
        w, slots = optimizer.update(*given, Named(learning_rate=0.03, decay=1.0), decays=True)
        np.testing.assert_array_equal(w, [-0.03, 0.03, 0.0])
        np.testing.assert_allclose(slots.m, 0.01 * given[1], rtol=1e-12)


def test_a_schedule_may_stand_for_the_learning_rate() -> None:
    assert SGD(0.5).schedule == Constant(0.5)
    assert SGD(Exponential(0.5)).schedule == Exponential(0.5)


@pytest.mark.parametrize("kind", every_optimizer())
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rate", 0, "learning_rate must be a finite number above 0, got 0"),
        ("learning_rate", -0.1, "learning_rate must be a finite number above 0, got -0.1"),
        ("learning_rate", float("nan"), "learning_rate must be a finite number above 0, got nan"),
        ("learning_rate", float("inf"), "learning_rate must be a finite number above 0, got inf"),
        ("learning_rate", "0.1", "learning_rate must be a finite number above 0, got '0.1'"),
        ("learning_rate", True, "learning_rate must be a finite number above 0, got True"),
        ("learning_rate", None, "learning_rate must be a finite number above 0, got None"),
        ("weight_decay", -1e-4, "weight_decay must be a finite number of 0 or more, got -0.0001"),
        ("weight_decay", float("nan"), "weight_decay must be a finite number of 0 or more, got nan"),
        ("l1", -1.0, "l1 must be a finite number of 0 or more, got -1.0"),
        ("clip_value", 0.0, "clip_value must be a finite number above 0, got 0.0"),
        ("clip_norm", -2.0, "clip_norm must be a finite number above 0, got -2.0"),
    ],
)
def test_constants_that_cannot_be_are_refused(kind: type[Optimizer], name: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Momentum, "momentum", 1.0),
        (Nesterov, "momentum", -0.1),
        (RMSprop, "rho", 1.0),
        (Adam, "beta1", 1.0),
        (AdamW, "beta2", float("nan")),
        (AMSGrad, "beta1", 1.5),
        (AdaMax, "beta2", 1.0),
        (Lion, "beta1", -1.0),
        (Lion, "beta2", 1.0),
    ],
)
def test_fractions_are_less_than_one(kind: type[Optimizer], name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} must be at least 0 and less than 1, got {value}"):
        kind(**{name: value})


@pytest.mark.parametrize("kind", [AdaGrad, RMSprop, Adam, AdamW, AMSGrad, AdaMax])
def test_epsilon_is_above_zero(kind: type[Optimizer]) -> None:
    with pytest.raises(InputError, match=r"epsilon must be a finite number above 0, got 0\.0"):
        kind(epsilon=0.0)


@pytest.mark.parametrize("kind", APART)
def test_decay_apart_from_the_gradient_has_no_l1(kind: type[Optimizer]) -> None:
    said = rf"{kind.__name__} has no l1, got 0\.1: its decay stands apart from the gradient; use Adam"
    with pytest.raises(InputError, match=said):
        kind(l1=0.1)
