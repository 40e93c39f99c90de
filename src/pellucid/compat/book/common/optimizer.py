"""The book's optimizers, 6.1: `update(params, grads)` changes every entry of params by Pellucid's rule of that name.

params and grads are dictionaries of arrays under the same keys; arrays are changed in place, plain numbers replaced.
What an optimizer remembers is in the attributes that the book gives it (v, h, m, iter), a dictionary by key each.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import ops
from pellucid.ops import Array

Params = dict[str, Any]


def _each(params: Params, grads: Params, change: Callable[[str, Array, Any], None]) -> None:
    for key in params:
        value = params[key]
        array = value if isinstance(value, np.ndarray) else np.array(value, dtype=float)
        change(key, array, grads[key])
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
        _each(params, grads, lambda key, w, g: ops.sgd_update(w, g, self.lr))


class Momentum:
    """v ← momentum v − lr g,  w ← w + v"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        v = self.v = _zeros(params) if self.v is None else self.v
        _each(params, grads, lambda key, w, g: ops.momentum_update(w, g, v[key], self.lr, momentum=self.momentum))


class Nesterov:
    """v ← momentum v − lr g,  w ← w + momentum v − lr g"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        v = self.v = _zeros(params) if self.v is None else self.v
        _each(params, grads, lambda key, w, g: ops.nesterov_update(w, g, v[key], self.lr, momentum=self.momentum))


class AdaGrad:
    """h ← h + g²,  w ← w − lr g / (√h + 10⁻⁷)"""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        h = self.h = _zeros(params) if self.h is None else self.h
        _each(params, grads, lambda key, w, g: ops.adagrad_update(w, g, h[key], self.lr, epsilon=1e-7))


class RMSprop:
    """h ← decay_rate h + (1 − decay_rate) g²,  w ← w − lr g / (√h + 10⁻⁷)"""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.h: dict[str, Array] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """Changes params in place."""
        h = self.h = _zeros(params) if self.h is None else self.h
        _each(
            params,
            grads,
            lambda key, w, g: ops.rmsprop_update(w, g, h[key], self.lr, rho=self.decay_rate, epsilon=1e-7),
        )


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
        moments = {"beta1": self.beta1, "beta2": self.beta2, "epsilon": 1e-7}
        _each(params, grads, lambda key, w, g: ops.adam_update(w, g, m[key], v[key], rate, 1.0, **moments))


__all__ = ["np", "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]
