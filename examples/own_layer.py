"""A layer and a loss of your own: written in ops, they run natively; leaving the ops, they run on the reference engine.

Run it with: python examples/own_layer.py
"""

import math
from dataclasses import dataclass

import numpy as np

from pellucid import Network, ops
from pellucid.initializers import Constant
from pellucid.layers import Affine, Layer, Mode, Named, Parameter
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.optimizers import Adam


@dataclass(frozen=True)
class PReLU(Layer):
    """y = max(x, 0) + a · min(x, 0)        x (N, I)   a (I,)   y (N, I)

    dx = dy · (x > 0 ? 1 : a)    da = Σₙ dy · min(x, 0)

    A ReLU that learns its slope below 0, one per input. Source: He et al., 2015.
    """

    slope: float = 0.25

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, Parameter]:
        return {"a": Parameter(input_shape, Constant(self.slope), decay=False)}

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        below = ops.minimum(x, 0.0)
        return ops.maximum(x, 0.0) + p.a * below, Named(x=x, below=below)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        dx = ops.where(ops.greater(saved.x, 0.0), dy, dy * p.a)
        return dx, Named(a=ops.sum_rows(dy * saved.below))


@dataclass(frozen=True)
class LogCosh(Loss):
    """l = Σₖ ln cosh(y − t),  dl/dy = tanh(y − t): like squares near 0, like distances far from it.

    Computed as d + softplus(−2d) − ln 2, which cannot overflow.
    """

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        d = y - t
        return ops.sum_columns(d + ops.softplus(-2.0 * d) - math.log(2.0)), Named(d=d)

    def backward(self, saved: Named) -> Array:
        return ops.tanh(saved.d)


@dataclass(frozen=True)
class Arctan(Layer):
    """y = arctan(x),  dx = dy / (1 + x²). The arctangent is no op, so this layer runs on the reference engine only."""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return np.arctan(x), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy / (1.0 + saved.x * saved.x), Named()


def main() -> None:
    x = np.linspace(-3.0, 3.0, 300)[:, None]
    t = np.abs(x) + 0.1 * np.sin(9 * x)

    net = Network([Affine(20), PReLU(), Affine(1)], LogCosh(), input_shape=1)
    print(f"PReLU and LogCosh: {net.engine} engine, {net.engine_reason}")
    print(net.plan())
    print(net.check_gradients(x[::10], t[::10]))
    net.fit(x, t, epochs=200, optimizer=Adam(0.01), verbose=0)
    print(f"loss {net.evaluate(x, t)['loss']:.4f}")

    other = Network([Affine(20), Arctan(), Affine(1)], LogCosh(), input_shape=1)
    print(f"Arctan: {other.engine} engine, {other.engine_reason}")
    other.fit(x, t, epochs=20, optimizer=Adam(0.01), verbose=0)
    print(f"loss {other.evaluate(x, t)['loss']:.4f}")


if __name__ == "__main__":
    main()
