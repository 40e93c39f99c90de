"""Learning-rate schedules: the rate as a function of the step number, and of nothing that a resumed run would lack.

A schedule is asked for the rates of many steps at once. Steps count updates from 0 over the whole run.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.checks import at_least_zero, keep, positive
from pellucid.errors import InputError

Rates = NDArray[np.float64]


class Schedule(ABC):
    """Gives the learning rate η of each step."""

    @abstractmethod
    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        """Returns η (S,) for the step numbers (S,); `losses` holds the monitored loss of every finished epoch."""


@final
@dataclass(frozen=True)
class Constant(Schedule):
    """η = rate, always."""

    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", positive("learning_rate", self.rate))

    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        return np.full(len(steps), float(self.rate))


@final
@dataclass(frozen=True)
class StepDecay(Schedule):
    """η = rate · factor^⌊epoch / every⌋: falls at once after every so many epochs."""

    rate: float
    every: int = 10
    factor: float = 0.5

    def __post_init__(self) -> None:
        keep(self, positive, "rate", "every", "factor")

    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        return self.rate * np.power(self.factor, (steps // steps_per_epoch) // self.every, dtype=np.float64)


@final
@dataclass(frozen=True)
class Exponential(Schedule):
    """η = rate · factor^(step / steps per epoch): falls smoothly by `factor` each epoch."""

    rate: float
    factor: float = 0.95

    def __post_init__(self) -> None:
        keep(self, positive, "rate", "factor")

    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        return self.rate * np.power(self.factor, steps / steps_per_epoch)


@final
@dataclass(frozen=True)
class Cosine(Schedule):
    """η = final + ½ (rate − final) (1 + cos(π epoch / epochs)), and `final` afterwards.

    Source: Loshchilov and Hutter, "SGDR", 2017.
    """

    rate: float
    epochs: int
    final: float = 0.0

    def __post_init__(self) -> None:
        keep(self, positive, "rate", "epochs")
        keep(self, at_least_zero, "final")

    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        part = np.minimum(steps / (self.epochs * steps_per_epoch), 1.0)
        return self.final + 0.5 * (self.rate - self.final) * (1.0 + np.cos(np.pi * part))


@final
@dataclass(frozen=True)
class WarmUp(Schedule):
    """η rises in a straight line to that of `then` over the first so many epochs. Source: Goyal et al., 2017."""

    then: Schedule
    epochs: float = 1.0

    def __post_init__(self) -> None:
        keep(self, positive, "epochs")
        if not isinstance(self.then, Schedule):
            raise InputError(f"then must be a Schedule, such as Constant(0.1), got {self.then!r}.")

    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        part = np.minimum((steps + 1) / (self.epochs * steps_per_epoch), 1.0)
        return part * self.then.rates(steps, steps_per_epoch, losses)


@final
@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """η = rate · factor^r, where r counts how often the loss has gone `patience` epochs without a new best.

    A new best must be lower by the fraction `threshold`. A pure function of the losses so far, so that a resumed run
    falls at the same epochs. The validation loss is taken where there is one, else the training loss.
    """

    rate: float
    factor: float = 0.5
    patience: int = 5
    threshold: float = 1e-4
    minimum: float = 0.0

    def __post_init__(self) -> None:
        keep(self, positive, "rate", "factor", "patience")
        keep(self, at_least_zero, "threshold", "minimum")

    def rates(self, steps: NDArray[np.int64], steps_per_epoch: int, losses: Sequence[float]) -> Rates:
        rate, best, waited = self.rate, float("inf"), 0
        for loss in losses:
            if loss < (best - self.threshold * abs(best) if best < float("inf") else best):
                best, waited = loss, 0
                continue
            waited += 1
            if waited >= self.patience:
                rate, waited = max(rate * self.factor, self.minimum), 0
        return np.full(len(steps), rate)


__all__ = ["Constant", "Cosine", "Exponential", "ReduceOnPlateau", "Schedule", "StepDecay", "WarmUp"]
