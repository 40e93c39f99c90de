"""scikit-learn's updates: a weight decay of its own for each batch, and Adam's ε where scikit-learn puts it."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid import ops
from pellucid.named import Named
from pellucid.ops import Array
from pellucid.optimizers import Optimizer

Column = NDArray[np.float64]


@dataclass(frozen=True)
class _DecayByBatch(Optimizer):
    """The gradient of a batch gets α W / Σₙ wₙ added, so the decay l2 = α / Σₙ wₙ is a number for each batch."""

    def scalars(self, steps: NDArray[np.int64], rates: Column) -> dict[str, Column]:
        return {"learning_rate": rates, "l2": np.zeros(len(rates))}

    def decayed(self, w: Array, g: Array, scalars: Named) -> tuple[Array, Array]:
        return w, g + scalars.l2 * w


@final
@dataclass(frozen=True)
class MomentumByBatch(_DecayByBatch):
    """v ← μ v − η g,  w ← w + v. momentum μ from 0 to 1."""

    momentum: float = 0.9
    slots = ("v",)

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        v = self.momentum * slots.v - scalars.learning_rate * g
        return w + v, Named(v=v)


@final
@dataclass(frozen=True)
class NesterovByBatch(_DecayByBatch):
    """v ← μ v − η g,  w ← w + μ v − η g. momentum μ from 0 to 1."""

    momentum: float = 0.9
    slots = ("v",)

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        step = scalars.learning_rate * g
        v = self.momentum * slots.v - step
        return w + (self.momentum * v - step), Named(v=v)


@final
@dataclass(frozen=True)
class AdamByBatch(_DecayByBatch):
    """w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε): ε beside the raw √v, as in the paper's section 2.

    Source: Kingma and Ba, 2015. `pellucid.optimizers.Adam` has ε beside √v̂, the paper's algorithm 1.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    slots = ("m", "v")

    def scalars(self, steps: NDArray[np.int64], rates: Column) -> dict[str, Column]:
        t = steps + 1.0
        corrected = rates * np.sqrt(1.0 - np.power(self.beta2, t)) / (1.0 - np.power(self.beta1, t))
        return super().scalars(steps, corrected)

    def rule(self, w: Array, g: Array, slots: Named, scalars: Named) -> tuple[Array, Named]:
        m = self.beta1 * slots.m + (1.0 - self.beta1) * g
        v = self.beta2 * slots.v + (1.0 - self.beta2) * ops.square(g)
        return w - scalars.learning_rate * (m / (ops.sqrt(v) * 1.0 + self.epsilon)), Named(m=m, v=v)


@dataclass
class LearningRate:
    """The learning rate of the next epoch; it goes on from call to call where training does.

    kind: "constant", "invscaling" or "adaptive", as scikit-learn's `learning_rate`; Adam's is always constant.
    """

    initial: float
    kind: str
    power_t: float
    learning_rate: float

    LEAST = 1e-6
    """An adaptive rate at or below this ends training."""

    def epoch_ended(self, samples: int) -> None:
        """Follows η = η₀ / (t + 1)^p, t the number of samples seen, where the kind is invscaling."""
        if self.kind == "invscaling":
            self.learning_rate = self.initial / (samples + 1) ** self.power_t

    def falls(self) -> bool:
        """Divides an adaptive rate by 5; False where it is of another kind, or small enough already."""
        if self.kind != "adaptive" or self.learning_rate <= self.LEAST:
            return False
        self.learning_rate /= 5.0
        return True
