"""The algorithm of the book's network.py: one sample at a time, column vectors, sums of gradients; in float32.

Source: M. Nielsen, Neural Networks and Deep Learning, chapter 1. Own code in the manner of the book's.
"""

from time import perf_counter

import numpy as np

from benchmarks.problems import SQUARED_ERROR, Array, Data, Problem, Unsupported


class PerSample:
    """Trains by plain gradient descent, each sample's gradient added to the batch's."""

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem, self.first = problem, data.layers
        t = data.targets(problem.sizes[-1])
        self.samples = [(data.x[i][:, None], t[i][:, None]) for i in data.order]
        self.reset()

    def reset(self) -> None:
        self.weights = [np.ascontiguousarray(w.T) for w, _ in self.first]
        self.biases = [b[:, None].copy() for _, b in self.first]

    def run(self) -> float:
        began = perf_counter()
        for start in range(0, len(self.samples), self.problem.batch):
            self._update(self.samples[start : start + self.problem.batch])
        return perf_counter() - began

    def result(self) -> list[Array]:
        return [part for w, b in zip(self.weights, self.biases, strict=True) for part in (w.T.copy(), b[:, 0])]

    def _update(self, batch: list[tuple[Array, Array]]) -> None:
        nabla_b = [np.zeros_like(b) for b in self.biases]
        nabla_w = [np.zeros_like(w) for w in self.weights]
        for x, y in batch:
            delta_b, delta_w = self._backprop(x, y)
            nabla_b = [nb + db for nb, db in zip(nabla_b, delta_b, strict=True)]
            nabla_w = [nw + dw for nw, dw in zip(nabla_w, delta_w, strict=True)]
        rate = np.float32(self.problem.learning_rate / len(batch))
        self.weights = [w - rate * nw for w, nw in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - rate * nb for b, nb in zip(self.biases, nabla_b, strict=True)]

    def _backprop(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        activations, zs = [x], []
        for w, b in zip(self.weights, self.biases, strict=True):
            zs.append(np.dot(w, activations[-1]) + b)
            activations.append(_sigmoid(zs[-1]))
        delta = activations[-1] - y
        if self.problem.loss == SQUARED_ERROR:
            delta = delta * _sigmoid_prime(zs[-1])
        nabla_b, nabla_w = [delta], [np.dot(delta, activations[-2].T)]
        for back in range(2, len(self.weights) + 1):
            delta = np.dot(self.weights[-back + 1].T, delta) * _sigmoid_prime(zs[-back])
            nabla_b.insert(0, delta)
            nabla_w.insert(0, np.dot(delta, activations[-back - 1].T))
        return nabla_b, nabla_w


def _sigmoid(z: Array) -> Array:
    return np.float32(1.0) / (np.float32(1.0) + np.exp(-z))


def _sigmoid_prime(z: Array) -> Array:
    s = _sigmoid(z)
    slope: Array = s * (1 - s)
    return slope


def make(problem: Problem, data: Data, threads: int) -> PerSample:
    if problem.kind == "predict" or problem.optimizer != "sgd" or problem.hidden != "sigmoid":
        raise Unsupported("trains sigmoid networks by plain gradient descent only")
    return PerSample(problem, data)
