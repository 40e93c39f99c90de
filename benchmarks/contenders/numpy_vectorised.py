"""NumPy, a batch at a time, updates in place: what a careful person writes by hand."""

from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.problems import SOFTMAX, SQUARED_ERROR, Array, Data, Problem


class Vectorised:
    """Trains, steps and predicts; float64 serves as the truth that the others are compared with."""

    def __init__(self, problem: Problem, data: Data, dtype: Any = np.float32) -> None:
        self.problem, self.dtype = problem, np.dtype(dtype)
        self.first = data.layers
        self.x, self.t = data.x.astype(dtype, copy=False), data.targets(problem.sizes[-1]).astype(dtype)
        self.batches = data.order.reshape(problem.steps, problem.batch)
        self.update = self._adam if problem.optimizer == "adam" else self._sgd
        self.reset()

    def reset(self) -> None:
        self.weights = [w.astype(self.dtype) for w, _ in self.first]
        self.biases = [b.astype(self.dtype) for _, b in self.first]
        self.parameters = [p for pair in zip(self.weights, self.biases, strict=True) for p in pair]
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self.parameters]
        self.count = 0

    def run(self) -> float:
        if self.problem.kind == "predict":
            return self._predictions()
        began = perf_counter()
        for rows in self.batches:
            self._step(self.x[rows], self.t[rows])
        return perf_counter() - began

    def result(self) -> list[Array]:
        if self.problem.kind == "predict":
            return [np.concatenate([self._predict(self.x[i : i + 1]) for i in range(min(100, len(self.x)))])]
        return [p.copy() for p in self.parameters]

    def _predictions(self) -> float:
        samples = [self.x[i : i + 1] for i in range(len(self.x))]
        began = perf_counter()
        for x in samples:
            self._predict(x)
        return perf_counter() - began

    def _predict(self, x: Array) -> Array:
        return self._activations(x)[-1]

    def _activations(self, x: Array) -> list[Array]:
        activations, last = [x], len(self.weights) - 1
        for index, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            u = activations[-1] @ w
            u += b
            if index == last and self.problem.loss == SOFTMAX:
                np.exp(u - u.max(axis=1, keepdims=True), out=u)
                u /= u.sum(axis=1, keepdims=True)
            elif index < last and self.problem.hidden == "relu":
                np.maximum(u, 0, out=u)
            else:
                u = 1 / (1 + np.exp(-u))
            activations.append(u)
        return activations

    def _step(self, x: Array, t: Array) -> None:
        activations = self._activations(x)
        delta = activations[-1] - t
        if self.problem.loss == SQUARED_ERROR:
            delta *= activations[-1] * (1 - activations[-1])
        delta /= len(x)
        gradients: list[Array] = []
        for index in reversed(range(len(self.weights))):
            a = activations[index]
            gradients[:0] = [a.T @ delta, delta.sum(axis=0)]
            if index:
                delta = delta @ self.weights[index].T
                delta *= (a > 0) if self.problem.hidden == "relu" else a * (1 - a)
        if self.problem.stages:
            gradients[:0] = self._before(delta @ self.weights[0].T)
        self.update(gradients)

    def _before(self, dx: Array) -> list[Array]:
        """Returns the gradients of what stands before the fully connected layers, given theirs by their input."""
        raise NotImplementedError("numpy_im2col.py has it")

    def _sgd(self, gradients: list[Array]) -> None:
        for p, g in zip(self.parameters, gradients, strict=True):
            g *= self.problem.learning_rate
            p -= g

    def _adam(self, gradients: list[Array], beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        self.count += 1
        rate = self.problem.learning_rate / (1 - beta1**self.count)
        correction = (1 - beta2**self.count) ** -0.5
        for p, g, (m, v) in zip(self.parameters, gradients, self.moments, strict=True):
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            g *= g
            g *= 1 - beta2
            v += g
            np.sqrt(v, out=g)
            g *= correction
            g += epsilon
            np.divide(m, g, out=g)
            g *= rate
            p -= g


def make(problem: Problem, data: Data, threads: int) -> Vectorised:
    return Vectorised(problem, data)
