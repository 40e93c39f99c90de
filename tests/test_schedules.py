"""Schedules against values computed by hand, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest

import pellucid.schedules
from pellucid.errors import InputError
from pellucid.schedules import Constant, Cosine, Exponential, ReduceOnPlateau, Schedule, StepDecay, WarmUp

PER_EPOCH = 4


def rates(schedule: Schedule, *steps: int, losses: tuple[float, ...] = ()) -> list[float]:
    found = schedule.rates(np.array(steps), PER_EPOCH, losses)
    assert found.dtype == np.float64
    assert found.shape == (len(steps),)
    return found.tolist()


def test_constant() -> None:
    assert rates(Constant(0.3), 0, 1, 1000) == [0.3, 0.3, 0.3]


def test_step_decay_falls_at_once_after_every_so_many_epochs() -> None:
    schedule = StepDecay(0.8, every=2, factor=0.5)
    assert rates(schedule, 0, 7, 8, 15, 16, 24) == [0.8, 0.8, 0.4, 0.4, 0.2, 0.1]


def test_exponential_falls_smoothly() -> None:
    schedule = Exponential(0.8, factor=0.25)
    assert rates(schedule, 0, 2, 4, 8) == pytest.approx([0.8, 0.4, 0.2, 0.05])


def test_cosine_goes_from_rate_to_final_and_stays() -> None:
    schedule = Cosine(1.0, epochs=10, final=0.1)
    quarter = 0.1 + 0.45 * (1 + math.sqrt(0.5))
    assert rates(schedule, 0, 10, 20, 40, 41, 400) == pytest.approx([1.0, quarter, 0.55, 0.1, 0.1, 0.1])


def test_warm_up_rises_in_a_straight_line_and_then_follows() -> None:
    schedule = WarmUp(Constant(0.8), epochs=2)
    assert rates(schedule, 0, 1, 3, 7, 8, 100) == pytest.approx([0.1, 0.2, 0.4, 0.8, 0.8, 0.8])
    after = WarmUp(StepDecay(0.8, every=3), epochs=1)
    assert rates(after, 1, 4, 12) == pytest.approx([0.4, 0.8, 0.4])


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ((), 0.8),
        ((1.0,), 0.8),
        ((1.0, 1.0), 0.8),
        ((1.0, 1.0, 1.0), 0.4),
        ((1.0, 1.0, 0.5, 0.6), 0.8),
        ((1.0, 1.0, 0.5, 0.6, 0.7), 0.4),
        ((1.0,) * 4, 0.4),
        ((1.0,) * 5, 0.2),
        ((1.0, 0.9999, 0.9999), 0.4),
        ((math.nan, math.nan), 0.4),
        ((math.inf, 1.0, 1.0), 0.8),
        ((0.0, 0.0, -1.0), 0.8),
    ],
)
def test_reduce_on_plateau_counts_epochs_without_a_new_best(losses: tuple[float, ...], rate: float) -> None:
    schedule = ReduceOnPlateau(0.8, factor=0.5, patience=2, threshold=1e-3)
    assert rates(schedule, 0, 99, losses=losses) == pytest.approx([rate, rate])


def test_reduce_on_plateau_counts_a_negative_loss_that_falls_as_better() -> None:
    schedule = ReduceOnPlateau(0.8, factor=0.5, patience=2)
    assert rates(schedule, 0, losses=(-1.0, -2.0, -3.0, -4.0)) == [0.8]
    assert rates(schedule, 0, losses=(-1.0, -1.0, -1.0)) == [0.4]


def test_reduce_on_plateau_stops_at_its_minimum() -> None:
    schedule = ReduceOnPlateau(0.8, factor=0.1, patience=1, minimum=0.05)
    assert rates(schedule, 0, losses=(1.0,) * 9) == [0.05]


@pytest.mark.parametrize(
    "schedule",
    [Constant(0.3), StepDecay(0.8, 2), Exponential(0.5), Cosine(1.0, 3), WarmUp(Exponential(1.0), 2)],
    ids=str,
)
def test_many_steps_at_once_are_what_each_step_is_alone(schedule: Schedule) -> None:
    together = rates(schedule, *range(30))
    assert together == [rates(schedule, step)[0] for step in range(30)]


def test_every_exported_schedule_is_tested() -> None:
    known = {Constant, Cosine, Exponential, ReduceOnPlateau, StepDecay, WarmUp, Schedule}
    assert {getattr(pellucid.schedules, name) for name in pellucid.schedules.__all__} == known


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (Constant, {"rate": 0.0}, "learning_rate must be a finite number above 0, got 0.0"),
        (StepDecay, {"rate": -1.0}, "rate must be a finite number above 0, got -1.0"),
        (StepDecay, {"rate": 1.0, "every": 0}, "every must be a finite number above 0, got 0"),
        (Exponential, {"rate": 1.0, "factor": math.nan}, "factor must be a finite number above 0, got nan"),
        (Cosine, {"rate": 1.0, "epochs": 0}, "epochs must be a finite number above 0, got 0"),
        (Cosine, {"rate": 1.0, "epochs": 3, "final": -0.1}, "final must be a finite number of 0 or more, got -0.1"),
        (WarmUp, {"then": Constant(1.0), "epochs": 0}, "epochs must be a finite number above 0, got 0"),
        (WarmUp, {"then": 0.1}, r"then must be a Schedule, such as Constant\(0\.1\), got 0\.1"),
        (ReduceOnPlateau, {"rate": 1.0, "patience": 0}, "patience must be a finite number above 0, got 0"),
        (ReduceOnPlateau, {"rate": 1.0, "threshold": -1.0}, "threshold must be a finite number of 0 or more, got -1.0"),
        (ReduceOnPlateau, {"rate": 1.0, "minimum": math.nan}, "minimum must be a finite number of 0 or more, got nan"),
    ],
)
def test_constants_that_cannot_be_are_refused(kind: type[Schedule], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        kind(**arguments)
