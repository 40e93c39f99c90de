"""NumPy with convolutions in the manner of "Deep Learning from Scratch", chapter 7: im2col, one product, col2im."""

from typing import Any

import numpy as np

from benchmarks.contenders.numpy_vectorised import Vectorised
from benchmarks.problems import Array, Data, Problem
from benchmarks.stages import IMAGE, shapes


def im2col(x: Array, window: int, stride: int, padding: int) -> Array:
    """Returns each window of x (N, C, H, W) as a row, (N·H'·W', C·window·window)."""
    n, c, h, w = x.shape
    out_h, out_w = (h + 2 * padding - window) // stride + 1, (w + 2 * padding - window) // stride + 1
    image = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    col = np.empty((n, c, window, window, out_h, out_w), x.dtype)
    for i in range(window):
        for j in range(window):
            col[:, :, i, j] = image[:, :, i : i + stride * out_h : stride, j : j + stride * out_w : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * out_h * out_w, -1)


def col2im(col: Array, shape: tuple[int, ...], window: int, stride: int, padding: int) -> Array:
    """Returns (N, C, H, W) with every row of col added where `im2col` took it from."""
    n, c, h, w = shape
    out_h, out_w = (h + 2 * padding - window) // stride + 1, (w + 2 * padding - window) // stride + 1
    parts = col.reshape(n, out_h, out_w, c, window, window).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((n, c, h + 2 * padding, w + 2 * padding), col.dtype)
    for i in range(window):
        for j in range(window):
            image[:, :, i : i + stride * out_h : stride, j : j + stride * out_w : stride] += parts[:, :, i, j]
    return image[:, :, padding : padding + h, padding : padding + w]


class Convolution:
    """With ReLU behind it."""

    def __init__(self, w: Array, b: Array, window: int, padding: int) -> None:
        self.w, self.b, self.window, self.padding = w, b, window, padding

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        self.col = im2col(x, self.window, 1, self.padding)
        out = self.col @ self.w.reshape(len(self.w), -1).T
        out += self.b
        less = 2 * self.padding - self.window + 1
        self.y = np.maximum(out, 0, out=out)
        return out.reshape(len(x), x.shape[2] + less, x.shape[3] + less, -1).transpose(0, 3, 1, 2)

    def backward(self, dy: Array, needs_dx: bool) -> tuple[Array | None, list[Array]]:
        dout = dy.transpose(0, 2, 3, 1).reshape(-1, len(self.w))
        dout = dout * (self.y > 0)
        gradients = [(dout.T @ self.col).reshape(self.w.shape), dout.sum(axis=0)]
        if not needs_dx:
            return None, gradients
        dcol = dout @ self.w.reshape(len(self.w), -1)
        return col2im(dcol, self.shape, self.window, 1, self.padding), gradients


class Pooling:
    """The largest of each 2 x 2 cells."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        n, c, h, w = x.shape
        col = im2col(x, 2, 2, 0).reshape(-1, 4)
        self.places = col.argmax(axis=1)
        largest: Array = col.max(axis=1).reshape(n, h // 2, w // 2, c).transpose(0, 3, 1, 2)
        return largest

    def backward(self, dy: Array, needs_dx: bool) -> tuple[Array | None, list[Array]]:
        flat = dy.transpose(0, 2, 3, 1).ravel()
        col = np.zeros((len(flat), 4), dy.dtype)
        col[np.arange(len(flat)), self.places] = flat
        rows = len(flat) // self.shape[1]
        return col2im(col.reshape(rows, -1), self.shape, 2, 2, 0), []


class Im2col(Vectorised):
    """The stages as layers with forward and backward; the fully connected layers and Adam as in NumPy's contender."""

    def __init__(self, problem: Problem, data: Data, dtype: Any = np.float32) -> None:
        super().__init__(problem, data, dtype)
        self.x = self.x.reshape(-1, *IMAGE)

    def reset(self) -> None:
        super().reset()
        self.layers: list[Convolution | Pooling] = []
        for stage, w, b in zip(self.problem.stages, self.weights, self.biases, strict=False):
            self.layers.append(Convolution(w, b, stage.window, stage.padding))
            self.layers += [Pooling()] if stage.pooled else []
        count = len(self.problem.stages)
        self.weights, self.biases = self.weights[count:], self.biases[count:]

    def _activations(self, x: Array) -> list[Array]:
        for layer in self.layers:
            x = layer.forward(x)
        return super()._activations(x.reshape(len(x), -1))

    def _before(self, dx: Array) -> list[Array]:
        dy: Array | None = dx.reshape(-1, *shapes(self.problem.stages)[-1])
        gradients: list[Array] = []
        for layer in reversed(self.layers):
            assert dy is not None, "only the first layer gives none"
            dy, own = layer.backward(dy, needs_dx=layer is not self.layers[0])
            gradients[:0] = own
        return gradients


def make(problem: Problem, data: Data, threads: int) -> Im2col:
    return Im2col(problem, data)
