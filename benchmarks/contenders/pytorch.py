"""PyTorch, eager: nn.Sequential and torch.optim, with the form of the update that was measured to be its fastest."""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders.trials import quickest
from benchmarks.problems import SOFTMAX, SQUARED_ERROR, Array, Data, Problem
from benchmarks.stages import IMAGE, shapes


class PyTorch:
    """Tensors are made beforehand; a batch is gathered by index_select. Images may lie channels last."""

    def __init__(self, problem: Problem, data: Data, memory_format: Any = torch.contiguous_format) -> None:
        self.problem, self.first = problem, data.layers
        self.model = _model(problem).to(memory_format=memory_format)
        self.learning: list[Any] = [part for part in self.model if isinstance(part, nn.Linear | nn.Conv2d)]
        self.x = torch.from_numpy(data.x)
        if problem.stages:
            self.x = self.x.view(-1, *IMAGE).contiguous(memory_format=memory_format)
        self.labels = torch.from_numpy(data.labels)
        self.t = torch.from_numpy(data.targets(problem.sizes[-1]))
        self.batches = list(torch.split(torch.from_numpy(data.order), problem.batch))
        self.loss = _loss(problem)
        self.reset()

    def reset(self) -> None:
        with torch.no_grad():
            for part, (w, b) in zip(self.learning, self.first, strict=True):
                part.weight.copy_(torch.from_numpy(_turned(w).copy()))
                part.bias.copy_(torch.from_numpy(b))
        self.optimizer = _optimizer(self.problem, self.model)

    def run(self) -> float:
        return {"train": self._train, "step": self._steps, "predict": self._predictions}[self.problem.kind]()

    def result(self) -> list[Array]:
        if self.problem.kind == "predict":
            with torch.inference_mode():
                y = self.model(self.x[:100])
                return [(torch.sigmoid(y) if self.problem.loss != SOFTMAX else torch.softmax(y, 1)).numpy()]
        pairs = [(one.weight.detach().numpy(), one.bias.detach().numpy()) for one in self.learning]
        return [part for w, b in pairs for part in (_turned(w), b)]

    def trial(self) -> float:
        return self._epoch(self.batches[:2])

    def _targets(self) -> torch.Tensor:
        return self.labels if self.problem.loss == SOFTMAX else self.t

    def _train(self) -> float:
        return self._epoch(self.batches)

    def _epoch(self, batches: list[torch.Tensor]) -> float:
        model, loss, optimizer, x, t = self.model, self.loss, self.optimizer, self.x, self._targets()
        began = perf_counter()
        for rows in batches:
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
        model, samples = self.model, list(torch.split(self.x, 1))
        with torch.inference_mode():
            began = perf_counter()
            for one in samples:
                link(model(one))
            return perf_counter() - began


def _turned(w: Array) -> Array:
    """Between ours, (I, O), and PyTorch's (O, I); filters lie alike in both."""
    return w.T if w.ndim == 2 else w


def _model(problem: Problem) -> Any:
    parts: list[nn.Module] = []
    for stage, shape in zip(problem.stages, shapes(problem.stages), strict=False):
        parts += [nn.Conv2d(shape[0], stage.channels, stage.window, padding=stage.padding), nn.ReLU()]
        parts += [nn.MaxPool2d(2)] if stage.pooled else []
    parts += [nn.Flatten()] if problem.stages else []
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
    if not problem.stages:
        return PyTorch(problem, data)
    return quickest(PyTorch(problem, data, form) for form in (torch.contiguous_format, torch.channels_last))
