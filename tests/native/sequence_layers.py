"""Layers over sequences (N, T, D), written as a user would, and networks of them: every op they need, both ways."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cases import Case, numbers
from pellucid import ops
from pellucid.initializers import Normal
from pellucid.layers import Affine, Flatten, Layer, Named, Parameter, Tanh
from pellucid.losses import Huber, Loss, MeanSquaredError, SoftmaxCrossEntropy
from pellucid.ops import Array

CLASSES = 5
"""How many rows an embedding has, and how many columns a one-hot row."""


def weight_gradient(x: Array, du: Array) -> Array:
    """dW of u = x·W at every position        x (N, T, I)   du (N, T, O)   dW (I, O)"""
    return ops.matmul_tn(ops.merge_positions(x), ops.merge_positions(du))


def sum_positions(du: Array) -> Array:
    """The sum over batch and positions        du (N, T, O) -> (O,)"""
    return ops.sum_rows(ops.merge_positions(du))


@dataclass(frozen=True)
class SelfAttention(Layer):
    """y = softmax(q·kᵀ / √D)·v,  q, k, v = x·Wq, x·Wk, x·Wv        x (N, T·D)   y (N, T, D)"""

    positions: int

    def _width(self, input_shape: Any) -> int:
        return int(input_shape[0]) // self.positions

    def parameters(self, input_shape: Any) -> Any:
        width = self._width(input_shape)
        return {name: Parameter((width, width), Normal(1 / math.sqrt(width))) for name in ("Wq", "Wk", "Wv")}

    def output_shape(self, input_shape: Any) -> Any:
        return (self.positions, self._width(input_shape))

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        width = self._width(x.shape[1:])
        scale = 1 / math.sqrt(width)
        x = ops.reshape(x, shape=(self.positions, width))
        q, k, v = x @ p.Wq, x @ p.Wk, x @ p.Wv
        a = ops.softmax(ops.matmul_nt(q, k) * scale)
        return ops.matmul(a, v), Named(x=x, q=q, k=k, v=v, a=a, scale=scale)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        x, a = saved.x, saved.a
        dv, da = ops.matmul_tn(a, dy), ops.matmul_nt(dy, saved.v)
        ds = a * (da - ops.sum_columns(a * da)) * saved.scale
        dq, dk = ops.matmul(ds, saved.k), ops.matmul_tn(ds, saved.q)
        dx = ops.matmul_nt(dq, p.Wq) + ops.matmul_nt(dk, p.Wk) + ops.matmul_nt(dv, p.Wv)
        gradients = Named(Wq=weight_gradient(x, dq), Wk=weight_gradient(x, dk), Wv=weight_gradient(x, dv))
        return ops.reshape(dx, shape=(x.shape[1] * x.shape[2],)), gradients


@dataclass(frozen=True)
class Embedding(Layer):
    """y[n, t] = W[x[n, t]]        x (N, T) whole numbers   W (V, D)   y (N, T, D)"""

    width: int
    rows: int = CLASSES

    def parameters(self, input_shape: Any) -> Any:
        return {"W": Parameter((self.rows, self.width), Normal(1.0))}

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.width)

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        return ops.take_rows(p.W, x), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return saved.x * 0.0, Named(W=ops.add_rows(dy, saved.x, rows=self.rows))


@dataclass(frozen=True)
class OneHot(Layer):
    """y[n, t, x[n, t]] = 1, else 0        x (N, T) whole numbers   y (N, T, V)"""

    classes: int = CLASSES

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.classes)

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        return ops.one_hot(x, classes=self.classes, dtype=x.dtype), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return saved.x * 0.0, Named()


@dataclass(frozen=True)
class PerPosition(Layer):
    """y = x·W + b at every position, of rows that are merged, or of sequences        x (N, T, I)   y (N, T, O)"""

    width: int
    merged: bool = False

    def parameters(self, input_shape: Any) -> Any:
        inputs = input_shape[-1]
        shapes = {"W": (inputs, self.width), "b": (self.width,)}
        return {name: Parameter(shape, Normal(1 / math.sqrt(inputs))) for name, shape in shapes.items()}

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.width)

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        if not self.merged:
            return ops.affine(x, p.W, p.b), Named(x=x)
        u = ops.affine(ops.merge_positions(x), p.W, p.b)
        return ops.split_positions(u, positions=x.shape[1]), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        x = saved.x
        gradients = Named(W=weight_gradient(x, dy), b=sum_positions(dy))
        if not self.merged:
            return ops.matmul_nt(dy, p.W), gradients
        dx = ops.matmul_nt(ops.merge_positions(dy), p.W)
        return ops.split_positions(dx, positions=x.shape[1]), gradients


@dataclass(frozen=True)
class NormPositions(Layer):
    """y = γ z + β,  z = (x − mean) / √(variance + ε) at every position        x, y (N, T, D)   γ, β (D,)"""

    epsilon: float = 0.1

    def parameters(self, input_shape: Any) -> Any:
        return {name: Parameter(input_shape[-1:], Normal(1.0)) for name in ("gamma", "beta")}

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        centred = x - ops.mean_columns(x)
        scale = 1.0 / ops.sqrt(ops.mean_columns(ops.square(centred)) + self.epsilon)
        z = centred * scale
        return z * p.gamma + p.beta, Named(z=z, scale=scale)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        z, g = saved.z, dy * p.gamma
        dx = saved.scale * (g - ops.mean_columns(g) - z * ops.mean_columns(g * z))
        return dx, Named(gamma=sum_positions(dy * z), beta=sum_positions(dy))


@dataclass(frozen=True)
class Gate(Layer):
    """y = [a σ(b), x],  [a, b] = x·W + c        x (N, T, D)   W (D, 2 K)   y (N, T, K + D)"""

    width: int = 3

    def parameters(self, input_shape: Any) -> Any:
        shapes = {"W": (input_shape[-1], 2 * self.width), "c": (2 * self.width,)}
        return {name: Parameter(shape, Normal(0.5)) for name, shape in shapes.items()}

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.width + input_shape[-1])

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        u = ops.affine(x, p.W, p.c)
        a = ops.slice_columns(u, first=0, last=self.width)
        s = ops.sigmoid(ops.slice_columns(u, first=self.width, last=2 * self.width))
        return ops.concatenate_columns(a * s, x), Named(x=x, a=a, s=s)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        x, a, s = saved.x, saved.a, saved.s
        dh = ops.slice_columns(dy, first=0, last=self.width)
        du = ops.concatenate_columns(dh * s, dh * a * s * (1.0 - s))
        dx = ops.matmul_nt(du, p.W) + ops.slice_columns(dy, first=self.width, last=self.width + x.shape[-1])
        return dx, Named(W=weight_gradient(x, du), c=sum_positions(du))


@dataclass(frozen=True)
class Waves(Layer):
    """y = sin(w c) + cos c,  c = x cut to ±1.5        x, y (N, T, D)   w (D,)"""

    most: float = 1.5

    def parameters(self, input_shape: Any) -> Any:
        return {"w": Parameter(input_shape[-1:], Normal(1.0))}

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        c = ops.clip(x, -self.most, self.most)
        return ops.sin(c * p.w) + ops.cos(c), Named(x=x, c=c)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        x, c = saved.x, saved.c
        along = dy * ops.cos(c * p.w)
        inside = ops.greater(x, -self.most) * ops.greater(self.most, x)
        return inside * (along * p.w - dy * ops.sin(c)), Named(w=sum_positions(along * c))


@dataclass(frozen=True)
class MixPositions(Layer):
    """yᵀ = xᵀ·M: every column is mixed over the positions        x, y (N, T, D)   M (T, T)"""

    def parameters(self, input_shape: Any) -> Any:
        return {"M": Parameter((input_shape[0], input_shape[0]), Normal(1 / math.sqrt(input_shape[0])))}

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        columns = ops.transpose(x)
        return ops.transpose(ops.matmul(columns, p.M)), Named(columns=columns)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        dcolumns = ops.transpose(dy)
        return ops.transpose(ops.matmul_nt(dcolumns, p.M)), Named(M=weight_gradient(saved.columns, dcolumns))


@dataclass(frozen=True)
class Summaries(Layer):
    """y = [max, mean, sum] of every position        x (N, T, D)   y (N, T, 3)"""

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 3)

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        top = ops.max_columns(x)
        return ops.concatenate_columns(top, ops.mean_columns(x), ops.sum_columns(x)), Named(x=x, top=top)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        dtop, dmean, dsum = (ops.slice_columns(dy, first=k, last=k + 1) for k in range(3))
        return ops.greater_equal(saved.x, saved.top) * dtop + dmean * (1 / saved.x.shape[-1]) + dsum, Named()


@dataclass(frozen=True)
class Numbered(Case):
    """A case whose input is whole numbers, as floats."""

    def x(self, rows: int, dtype: str = "float64") -> Array:
        whole: Array = np.abs(5 * numbers(1, (rows, *self.input_shape))) // 1 % CLASSES
        return whole.astype(dtype)


def sequence_cases(positions: int, width: int) -> tuple[Case, ...]:
    """Networks about each layer, over sequences of so many positions, the last of so many numbers each."""
    flat, sequence, indices = (positions * width,), (positions, width), (positions,)
    end, labels = (Flatten(), Affine(3)), SoftmaxCrossEntropy()
    affine, merged = PerPosition(width), PerPosition(width, merged=True)

    def case(name: str, *layers: Layer, shape: tuple[int, ...] = sequence, loss: Loss = labels) -> Case:
        kind = Numbered if shape == indices and isinstance(layers[0], Embedding | OneHot) else Case
        return kind(name, (*layers, *end), loss, shape, "labels" if loss is labels else "values")

    return (
        case("attention", SelfAttention(positions), shape=flat),
        case(
            "attention between",
            *(PerPosition(width), Tanh(), Flatten(), SelfAttention(positions), PerPosition(4, merged=True), Tanh()),
            loss=Huber(),
        ),
        case("embedding", Embedding(width), shape=indices),
        case("embedding first", Embedding(width), merged, Tanh(), affine, shape=indices, loss=MeanSquaredError()),
        case("one-hot", OneHot(), PerPosition(width), shape=indices),
        case("per position", affine, Tanh(), PerPosition(7), loss=MeanSquaredError()),
        case("per position, merged", merged, Tanh(), PerPosition(7, merged=True)),
        case("normalisation", NormPositions(), loss=Huber()),
        case("normalisation between", affine, NormPositions(), Tanh(), affine),
        case("gate", Gate(), loss=MeanSquaredError()),
        case("gates", Gate(), Tanh(), Gate(5)),
        case("waves", MixPositions(), Waves()),
        case("waves between", affine, Waves(), Waves(0.5), loss=MeanSquaredError()),
        case("mixing", MixPositions(), Tanh(), MixPositions()),
        case("summaries", affine, Summaries(), loss=Huber()),
        case(
            "all together",
            *(Embedding(width), Flatten(), SelfAttention(positions), NormPositions(), MixPositions(), Gate(), Waves()),
            *(Summaries(), merged),
            shape=indices,
        ),
    )
