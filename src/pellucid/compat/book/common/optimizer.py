"""The book's optimizers, 6.1: `update(params, grads)` changes every entry of params by Pellucid's rule of that name.

params and grads are dictionaries of arrays under the same keys; arrays are changed in place, plain numbers replaced.
What an optimizer remembers is in the attributes that the book gives it (v, h, m, iter), a dictionary by key each.
"""

from typing import Any

import numpy as np

from pellucid import optimizers
from pellucid.named import Named
from pellucid.ops import Array

Params = dict[str, Any]


def _each(
    params: Params, grads: Params, optimizer: optimizers.Optimizer, lr: float, memory: dict[str, dict[str, Array]]
) -> None:
    """Applies a rule to every entry; memory[slot][key] is changed in place."""
    scalars = Named(learning_rate=lr, root_correction=1.0)
    for key in params:
        value = params[key]
        array = value if isinstance(value, np.ndarray) else np.array(value, dtype=float)
        own = Named({slot: by_key[key] for slot, by_key in memory.items()})
        array[...], changed = optimizer.rule(array, grads[key], own, scalars)
        for slot, by_key in memory.items():
            by_key[key][...] = changed[slot]
        if array is not value:
            params[key] = array[()]


def _zeros(params: Params) -> dict[str, Array]:
    return {key: np.zeros_like(value, dtype=getattr(value, "dtype", float)) for key, value in params.items()}


class SGD:
    """w ← w − lr g"""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        _each(params, grads, optimizers.SGD(), self.lr, {})


class Momentum:
    """v ← momentum v − lr g,  w ← w + v"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        v = self.v = _zeros(params) if self.v is None else self.v
        _each(params, grads, optimizers.Momentum(momentum=self.momentum), self.lr, {"v": v})


class Nesterov:
    """v ← momentum v − lr g,  w ← w + momentum v − lr g"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        v = self.v = _zeros(params) if self.v is None else self.v
        _each(params, grads, optimizers.Nesterov(momentum=self.momentum), self.lr, {"v": v})


class AdaGrad:
    """h ← h + g²,  w ← w − lr g / (√h + 10⁻⁷)"""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        h = self.h = _zeros(params) if self.h is None else self.h
        _each(params, grads, optimizers.AdaGrad(epsilon=1e-7), self.lr, {"h": h})


class RMSprop:
    """h ← decay_rate h + (1 − decay_rate) g²,  w ← w − lr g / (√h + 10⁻⁷)"""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.h: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        h = self.h = _zeros(params) if self.h is None else self.h
        _each(params, grads, optimizers.RMSprop(rho=self.decay_rate, epsilon=1e-7), self.lr, {"h": h})


class Adam:
    """m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + 10⁻⁷), t = iter

    10⁻⁷ is added to √v before its bias is corrected, unlike in pellucid.optimizers.Adam; both orders are Kingma and
    Ba's.
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m: dict[str, Array] | None = None
        self.v: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        m = self.m = _zeros(params) if self.m is None else self.m
        v = self.v = _zeros(params) if self.v is None else self.v
        self.iter += 1
        rate = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        adam = optimizers.Adam(beta1=self.beta1, beta2=self.beta2, epsilon=1e-7)
        _each(params, grads, adam, rate, {"m": m, "v": v})


__all__ = ["np", "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]
