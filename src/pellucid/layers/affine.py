"""The affine layer: every output is a weighted sum of all inputs, plus a bias."""

from dataclasses import dataclass, field
from typing import final

from pellucid import ops
from pellucid.checks import integer, keep
from pellucid.errors import InputError
from pellucid.initializers import He, Initializer, Zeros
from pellucid.layers.base import Layer, Mode, Parameter, Shape
from pellucid.layers.checks import initializer
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class Affine(Layer):
    """u = x·W + b        x (N, I)   W (I, O)   b (O,)   u (N, O)

    dx = du·Wᵀ    dW = xᵀ·du    db = Σₙ du

    units is O. W starts as `weights` says (He normal), b as `bias` says (zeros).
    Raises InputError where x is not one vector per sample. Source: Nielsen, ch. 2; Deep Learning from Scratch, 5.6.
    """

    units: int
    weights: Initializer = field(default_factory=He)
    bias: Initializer = field(default_factory=Zeros)

    def __post_init__(self) -> None:
        keep(self, integer, "units")
        initializer("weights", self.weights)
        initializer("bias", self.bias)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        if len(input_shape) != 1:
            raise InputError(f"takes one vector per sample, not {input_shape}; put a Flatten() before it.")
        return {
            "W": Parameter((input_shape[0], self.units), self.weights),
            "b": Parameter((self.units,), self.bias, decay=False),
        }

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.units,)

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.affine(x, p.W, p.b), Named(x=x)

    def backward(self, p: Named, saved: Named, du: Array) -> tuple[Array, Named]:
        return ops.matmul_nt(du, p.W), Named(W=ops.matmul_tn(saved.x, du), b=ops.sum_rows(du))


__all__ = ["Affine"]
