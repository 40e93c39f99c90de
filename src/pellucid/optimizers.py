"""Optimizers: how a gradient changes the parameters. Each is a rule with its constants; its memory is kept outside.

g is the loss's gradient after clipping, plus l2·w + l1·sign(w) for parameters that decay (weights, not biases). The
reported loss is that of the data alone, without these two terms. η is the learning rate, a number or a Schedule.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from pellucid import ops
from pellucid.checks import at_least_zero, fraction, keep, positive
from pellucid.errors import InputError
from pellucid.named import Named
from pellucid.ops import Array
from pellucid.schedules import Constant, Schedule


@dataclass(frozen=True)
class Optimizer(ABC):
    """What all rules share.

    learning_rate: above 0, or a Schedule. weight_decay (L2) and l1: 0 or more. clip_value: every entry of a gradient
    is cut to ± this. clip_norm: all gradients together are scaled down to this Euclidean norm where they exceed it.
    """

    learning_rate: float | Schedule = 0.01
    weight_decay: float = 0.0
    l1: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None

    slots: ClassVar[tuple[str, ...]] = ()
    """The names of what is remembered per parameter from step to step, starting from zero."""

    def __post_init__(self) -> None:
        if not isinstance(self.learning_rate, Schedule):
            keep(self, positive, "learning_rate")
        keep(self, at_least_zero, "weight_decay", "l1")
        keep(self, positive, *(name for name in ("clip_value", "clip_norm") if getattr(self, name) is not None))

    @property
    def schedule(self) -> Schedule:
        return self.learning_rate if isinstance(self.learning_rate, Schedule) else Constant(self.learning_rate)

    def scalars(self, steps: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Returns the numbers that change from step to step, (S,) each, for step numbers and learning rates (S,)."""
        return {"learning_rate": rates}

    @abstractmethod
    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        """Changes w and its slots in place."""

    def _decay(self, decays: bool) -> dict[str, float]:
        return {"l2": float(self.weight_decay), "l1": float(self.l1)} if decays else {"l2": 0.0, "l1": 0.0}


@final
@dataclass(frozen=True)
class SGD(Optimizer):
    """w ← w − η g. Source: Nielsen, ch. 1, equations 20 and 21; Deep Learning from Scratch, 6.1.2."""

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        ops.sgd_update(w, g, scalars.learning_rate, **self._decay(decays))


@dataclass(frozen=True)
class _WithVelocity(Optimizer):
    """What Momentum and Nesterov share: a velocity v per weight, and the share μ of it that each step keeps."""

    momentum: float = 0.9
    slots = ("v",)

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, fraction, "momentum")


@final
@dataclass(frozen=True)
class Momentum(_WithVelocity):
    """v ← μ v − η g,  w ← w + v. momentum μ in [0, 1). Source: Deep Learning from Scratch, 6.1.4; Polyak, 1964."""

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        ops.momentum_update(w, g, slots.v, scalars.learning_rate, momentum=self.momentum, **self._decay(decays))


@final
@dataclass(frozen=True)
class Nesterov(_WithVelocity):
    """v ← μ v − η g,  w ← w + μ v − η g. momentum μ in [0, 1). Source: Sutskever et al., 2013."""

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        ops.nesterov_update(w, g, slots.v, scalars.learning_rate, momentum=self.momentum, **self._decay(decays))


@final
@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """h ← h + g²,  w ← w − η g / (√h + ε). Source: Duchi, Hazan and Singer, 2011; Deep Learning from Scratch, 6.1.5."""

    epsilon: float = 1e-7
    slots = ("h",)

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, _epsilon, "epsilon")

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        ops.adagrad_update(w, g, slots.h, scalars.learning_rate, epsilon=self.epsilon, **self._decay(decays))


@final
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """h ← ρ h + (1 − ρ) g²,  w ← w − η g / (√h + ε). rho ρ in [0, 1). Source: Tieleman and Hinton, 2012."""

    learning_rate: float | Schedule = 0.001
    rho: float = 0.9
    epsilon: float = 1e-7
    slots = ("h",)

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, fraction, "rho")
        keep(self, _epsilon, "epsilon")

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        ops.rmsprop_update(
            w, g, slots.h, scalars.learning_rate, rho=self.rho, epsilon=self.epsilon, **self._decay(decays)
        )


@dataclass(frozen=True)
class _Adaptive(Optimizer):
    """What Adam and AdamW share: two moments, and the corrections for their start at zero."""

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    slots = ("m", "v")

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, fraction, "beta1", "beta2")
        keep(self, _epsilon, "epsilon")

    def scalars(self, steps: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        t = steps + 1.0
        return {
            "learning_rate": rates / (1.0 - np.power(self.beta1, t)),
            "root_correction": 1.0 / np.sqrt(1.0 - np.power(self.beta2, t)),
        }

    def _moments(self) -> dict[str, float]:
        return {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}


@final
@dataclass(frozen=True)
class Adam(_Adaptive):
    """m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − η m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    beta1 and beta2 in [0, 1), epsilon above 0. Source: Kingma and Ba, 2015.
    """

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        ops.adam_update(
            w,
            g,
            slots.m,
            slots.v,
            scalars.learning_rate,
            scalars.root_correction,
            **self._moments(),
            **self._decay(decays),
        )


@final
@dataclass(frozen=True)
class AdamW(_Adaptive):
    """w ← (1 − η λ) w, then Adam's update: decay apart from the gradient. Source: Loshchilov and Hutter, 2019."""

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.l1:
            raise InputError(f"AdamW has no l1, got {self.l1}; use Adam(l1=...).")

    def scalars(self, steps: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return super().scalars(steps, rates) | {"decay": 1.0 - rates * self.weight_decay}

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> None:
        moments = self._moments()
        if decays:
            ops.adamw_update(
                w, g, slots.m, slots.v, scalars.learning_rate, scalars.root_correction, scalars.decay, **moments
            )
        else:
            ops.adam_update(w, g, slots.m, slots.v, scalars.learning_rate, scalars.root_correction, **moments)


def _epsilon(name: str, value: Any) -> float:
    number = positive(name, value)
    if number < 1e-30:
        raise InputError(f"{name} must be at least 1e-30, got {value!r}: in float32, less is next to dividing by 0.")
    return number


__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "Optimizer", "RMSprop"]
