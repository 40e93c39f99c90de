"""PyTorch, eager: nn.Sequential and torch.optim, with the form of the update that was measured to be its fastest."""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.problems import SOFTMAX, SQUARED_ERROR, Array, Data, Problem


class PyTorch:
    """Tensors are made beforehand; a batch is gathered by index_select."""

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem, self.first = problem, data.layers
        self.model = _model(problem)
        self.linears = [part for part in self.model if isinstance(part, nn.Linear)]
        self.x = torch.from_numpy(data.x)
        self.labels = torch.from_numpy(data.labels)
        self.t = torch.from_numpy(data.targets(problem.sizes[-1]))
        self.batches = list(torch.from_numpy(data.order).split(problem.batch))
        self.loss = _loss(problem)
        self.reset()

    def reset(self) -> None:
        with torch.no_grad():
            for linear, (w, b) in zip(self.linears, self.first, strict=True):
                linear.weight.copy_(torch.from_numpy(w.T.copy()))
                linear.bias.copy_(torch.from_numpy(b))
        self.optimizer = _optimizer(self.problem, self.model)

    def run(self) -> float:
        return {"train": self._epoch, "step": self._steps, "predict": self._predictions}[self.problem.kind]()

    def result(self) -> list[Array]:
        if self.problem.kind == "predict":
            with torch.inference_mode():
                y = self.model(self.x[:100])
                return [(torch.sigmoid(y) if self.problem.loss != SOFTMAX else torch.softmax(y, 1)).numpy()]
        return [part for one in self.linears for part in (one.weight.detach().numpy().T, one.bias.detach().numpy())]

    def _targets(self) -> torch.Tensor:
        return self.labels if self.problem.loss == SOFTMAX else self.t

    def _epoch(self) -> float:
        model, loss, optimizer, x, t = self.model, self.loss, self.optimizer, self.x, self._targets()
        began = perf_counter()
        for rows in self.batches:
            optimizer.zero_grad()
            loss(model(x.index_select(0, rows)), t.index_select(0, rows)).backward()
            optimizer.step()
        return perf_counter() - began

    def _steps(self) -> float:
        model, loss, optimizer = self.model, self.loss, self.optimizer
        x, t = self.x, self._targets()
        samples = [(x.index_select(0, rows), t.index_select(0, rows)) for rows in self.batches]
        began = perf_counter()
        for one, target in samples:
            optimizer.zero_grad()
            loss(model(one), target).backward()
            optimizer.step()
        return perf_counter() - began

    def _predictions(self) -> float:
        link = torch.sigmoid if self.problem.loss != SOFTMAX else lambda y: torch.softmax(y, 1)
        model, samples = self.model, list(self.x.split(1))
        with torch.inference_mode():
            began = perf_counter()
            for one in samples:
                link(model(one))
            return perf_counter() - began


def _model(problem: Problem) -> Any:
    parts: list[nn.Module] = []
    for i, o in pairwise(problem.sizes):
        parts += [nn.Linear(i, o), nn.ReLU() if problem.hidden == "relu" else nn.Sigmoid()]
    return nn.Sequential(*parts[:-1])


def _optimizer(problem: Problem, model: Any) -> Any:
    if problem.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=problem.learning_rate, fused=True)
    return torch.optim.SGD(model.parameters(), lr=problem.learning_rate, foreach=True)


def _loss(problem: Problem) -> Callable[[Any, Any], Any]:
    if problem.loss == SOFTMAX:
        return functional.cross_entropy
    outputs, batch = problem.sizes[-1], problem.batch
    if problem.loss == SQUARED_ERROR:
        return lambda y, t: functional.mse_loss(torch.sigmoid(y), t, reduction="sum") * (0.5 / batch)
    return lambda y, t: functional.binary_cross_entropy_with_logits(y, t) * outputs


def make(problem: Problem, data: Data, threads: int) -> PyTorch:
    torch.set_num_threads(threads)
    return PyTorch(problem, data)
