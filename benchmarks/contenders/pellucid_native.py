"""Pellucid on its native engine, through the public face: fit, step and predict."""

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.problems import SEED, SOFTMAX, SQUARED_ERROR, Array, Data, Problem
from benchmarks.stages import IMAGE
from pellucid import Network
from pellucid.layers import Affine, Conv2D, Flatten, MaxPool2D, ReLU, Sigmoid
from pellucid.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam
from pellucid.training import Callback


class Clock(Callback):
    """Times an epoch from its very beginning, the drawing of the shuffle included, without the check of the data."""

    seconds = 0.0

    def on_epoch_begin(self, run: Any, epoch: int) -> None:
        self.seconds = perf_counter()

    def on_epoch_end(self, run: Any, epoch: int, logs: Any) -> None:
        self.seconds = perf_counter() - self.seconds


class Pellucid:
    """The data are plain NumPy arrays; the order is Pellucid's own for this seed, which the others are given."""

    def __init__(self, problem: Problem, data: Data, threads: int, engine: str) -> None:
        self.problem = problem
        self.data = replace(data, x=data.x.reshape(-1, *IMAGE)) if problem.stages else data
        self.network = network_for(problem, threads, engine)
        if self.network.engine != engine:
            raise ImportError(f"the {engine} engine is not there: {self.network.engine_reason}")
        self.optimizer = (Adam if problem.optimizer == "adam" else SGD)(learning_rate=problem.learning_rate)
        self.reset()

    def reset(self) -> None:
        parameters = self.network.parameters
        flat = [part for layer in self.data.layers for part in layer]
        for name, value in zip(parameters, flat, strict=True):
            parameters[name] = value

    def run(self) -> float:
        return {"train": self._train, "step": self._steps, "predict": self._predictions}[self.problem.kind]()

    def result(self) -> list[Array]:
        if self.problem.kind == "predict":
            return [self.network.predict(self.data.x[:100])]
        return [np.array(value) for value in self.network.parameters.values()]

    def _train(self) -> float:
        clock, problem, data = Clock(), self.problem, self.data
        self.network.fit(
            data.x,
            data.labels,
            epochs=1,
            batch_size=problem.batch,
            optimizer=self.optimizer,
            callbacks=[clock],
            verbose=0,
        )
        return clock.seconds

    def _steps(self) -> float:
        x, single = self.data.x, self.problem.sizes[-1] == 1
        t = self.data.targets(1) if single else self.data.labels
        samples = [(x[i : i + 1], t[i : i + 1]) for i in self.data.order]
        step, optimizer = self.network.step, self.optimizer
        began = perf_counter()
        for one, label in samples:
            step(one, label, optimizer)
        return perf_counter() - began

    def _predictions(self) -> float:
        samples = [self.data.x[i : i + 1] for i in range(self.problem.steps)]
        predict = self.network.predict
        began = perf_counter()
        for one in samples:
            predict(one)
        return perf_counter() - began


def network_for(problem: Problem, threads: int, engine: str) -> Network:
    hidden = ReLU if problem.hidden == "relu" else Sigmoid
    layers: list[Any] = []
    for stage in problem.stages:
        layers += [Conv2D(stage.channels, stage.window, padding=stage.padding), ReLU()]
        layers += [MaxPool2D(2)] if stage.pooled else []
    layers += [Flatten()] if problem.stages else []
    for units in problem.sizes[1:]:
        layers += [Affine(units), hidden()]
    squared = problem.loss == SQUARED_ERROR
    layers = layers[:-1] + ([Sigmoid()] if squared else [])
    losses = {SQUARED_ERROR: MeanSquaredError(), SOFTMAX: SoftmaxCrossEntropy()}
    loss = losses.get(problem.loss, SigmoidCrossEntropy())
    shape = IMAGE if problem.stages else (problem.sizes[0],)
    return Network(layers, loss=loss, input_shape=shape, seed=SEED, engine=engine, threads=threads)


def make(problem: Problem, data: Data, threads: int) -> Pellucid:
    return Pellucid(problem, data, threads, "native")
