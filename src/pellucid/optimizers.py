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
    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        """Returns w and the slots anew, in elementwise ops over these; nothing is changed in place."""

    def decayed(self, w: Array, g: Array, scalars: Named) -> tuple[Array, Array]:
        """Returns w and g as the rule is to have them, for parameters that decay: g' = g + l2·w + l1·sign(w)."""
        if self.weight_decay:
            g = g + self.weight_decay * w
        if self.l1:
            g = g + self.l1 * ops.sign(w)
        return w, g

    def update(self, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> tuple[Array, Named]:
        """Returns what becomes of a parameter and its slots, given its clipped gradient."""
        if decays:
            w, g = self.decayed(w, g, scalars)
        return self.rule(w, g, slots, scalars)


@final
@dataclass(frozen=True)
class SGD(Optimizer):
    """w ← w − η g. Source: Nielsen, ch. 1, equations 20 and 21; Deep Learning from Scratch, 6.1.2."""

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        return w - scalars.learning_rate * g, slots


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

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        v = self.momentum * slots.v - scalars.learning_rate * g
        return w + v, Named(v=v)


@final
@dataclass(frozen=True)
class Nesterov(_WithVelocity):
    """v ← μ v − η g,  w ← w + μ v − η g. momentum μ in [0, 1). Source: Sutskever et al., 2013."""

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        step = scalars.learning_rate * g
        v = self.momentum * slots.v - step
        return w + (self.momentum * v - step), Named(v=v)


@final
@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """h ← h + g²,  w ← w − η g / (√h + ε). Source: Duchi, Hazan and Singer, 2011; Deep Learning from Scratch, 6.1.5."""

    epsilon: float = 1e-7
    slots = ("h",)

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, _epsilon, "epsilon")

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        h = slots.h + ops.square(g)
        return w - scalars.learning_rate * g / (ops.sqrt(h) + self.epsilon), Named(h=h)


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

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        h = self.rho * slots.h + (1.0 - self.rho) * ops.square(g)
        return w - scalars.learning_rate * g / (ops.sqrt(h) + self.epsilon), Named(h=h)


@dataclass(frozen=True)
class _WithMoments(Optimizer):
    """What the family of Adam shares: two moments, and the corrections for their start at zero."""

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    slots: ClassVar[tuple[str, ...]] = ("m", "v")

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

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        m = self.beta1 * slots.m + (1.0 - self.beta1) * g
        v = self.beta2 * slots.v + (1.0 - self.beta2) * ops.square(g)
        step = m / (ops.sqrt(v) * scalars.root_correction + self.epsilon)
        return w - scalars.learning_rate * step, Named(m=m, v=v)


@final
@dataclass(frozen=True)
class Adam(_WithMoments):
    """m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − η m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    beta1 and beta2 in [0, 1), epsilon above 0. Source: Kingma and Ba, 2015.
    """


@final
@dataclass(frozen=True)
class AMSGrad(_WithMoments):
    """Adam with the largest v̂ so far in the place of v̂: a step never grows because a gradient was forgotten.

    h ← max(h, v),  w ← w − η m̂ / (√ĥ + ε), ĥ = h / (1 − β₂ᵗ). beta1 and beta2 in [0, 1), epsilon above 0.
    Source: Reddi, Kale and Kumar, 2018; corrected for the start at zero as in PyTorch.
    """

    slots = ("m", "v", "h")

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        m = self.beta1 * slots.m + (1.0 - self.beta1) * g
        v = self.beta2 * slots.v + (1.0 - self.beta2) * ops.square(g)
        h = ops.maximum(slots.h, v)
        step = m / (ops.sqrt(h) * scalars.root_correction + self.epsilon)
        return w - scalars.learning_rate * step, Named(m=m, v=v, h=h)


@final
@dataclass(frozen=True)
class AdaMax(_WithMoments):
    """m ← β₁ m + (1 − β₁) g,  u ← max(β₂ u, |g| + ε),  w ← w − η m / ((1 − β₁ᵗ) u): Adam by the largest gradient.

    beta1 and beta2 in [0, 1), epsilon above 0. Source: Kingma and Ba, 2015, algorithm 2; ε as in PyTorch.
    """

    learning_rate: float | Schedule = 0.002
    slots = ("m", "u")

    def scalars(self, steps: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {"learning_rate": rates / (1.0 - np.power(self.beta1, steps + 1.0))}

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        m = self.beta1 * slots.m + (1.0 - self.beta1) * g
        u = ops.maximum(self.beta2 * slots.u, ops.absolute(g) + self.epsilon)
        return w - scalars.learning_rate * (m / u), Named(m=m, u=u)


def _check_no_l1(optimizer: Optimizer) -> None:
    if optimizer.l1:
        name = type(optimizer).__name__
        raise InputError(f"{name} has no l1, got {optimizer.l1}: its decay stands apart from the gradient; use Adam.")


@final
@dataclass(frozen=True)
class AdamW(_WithMoments):
    """w ← (1 − η λ) w, then Adam's update: decay apart from the gradient. Source: Loshchilov and Hutter, 2019."""

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_no_l1(self)

    def scalars(self, steps: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return super().scalars(steps, rates) | {"decay": 1.0 - rates * self.weight_decay}

    def decayed(self, w: Array, g: Array, scalars: Named) -> tuple[Array, Array]:
        return scalars.decay * w, g


@final
@dataclass(frozen=True)
class Lion(Optimizer):
    """w ← (1 − η λ) w − η sign(β₁ m + (1 − β₁) g),  m ← β₂ m + (1 − β₂) g: every weight moves by η, whatever its g.

    beta1 and beta2 in [0, 1). Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023; there a
    learning rate 3 to 10 times below AdamW's, with a weight decay larger by as much, is advised.
    """

    learning_rate: float | Schedule = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    slots = ("m",)

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, fraction, "beta1", "beta2")
        _check_no_l1(self)

    def scalars(self, steps: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {"learning_rate": rates, "decay": 1.0 - rates * self.weight_decay}

    def decayed(self, w: Array, g: Array, scalars: Named) -> tuple[Array, Array]:
        return (scalars.decay * w if self.weight_decay else w), g

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        direction = ops.sign(self.beta1 * slots.m + (1.0 - self.beta1) * g)
        return w - scalars.learning_rate * direction, Named(m=self.beta2 * slots.m + (1.0 - self.beta2) * g)


def _epsilon(name: str, value: Any) -> float:
    number = positive(name, value)
    if number < 1e-30:
        raise InputError(f"{name} must be at least 1e-30, got {value!r}: in float32, less is next to dividing by 0.")
    return number


__all__ = [
    "AMSGrad",
    "AdaGrad",
    "AdaMax",
    "Adam",
    "AdamW",
    "Lion",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "SGD",
]
