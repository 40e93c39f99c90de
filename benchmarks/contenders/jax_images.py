"""JAX for networks with convolutions: jit of one step with the parameters donated, called batch by batch.

Not lax.scan: inside its loop XLA's convolutions for processors took two to seven times as long, when it was measured.
"""

from functools import partial
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contenders.jax_scan import first_state, update
from benchmarks.contenders.trials import quickest
from benchmarks.problems import Array, Data, Layers, Problem
from benchmarks.stages import IMAGE, shapes

Dimensions = tuple[str, str, str]
CHANNELS_FIRST, CHANNELS_LAST = ("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")


class JaxImages:
    """Images and filters lie as `dimensions` says; the rows of the first fully connected layer follow suit."""

    def __init__(self, problem: Problem, data: Data, dimensions: Dimensions) -> None:
        self.problem, self.dimensions = problem, dimensions
        self.first = _turned(problem, data.layers, dimensions, back=False)
        x = data.x.reshape(-1, *IMAGE)
        self.x = jnp.asarray(x if dimensions is CHANNELS_FIRST else x.transpose(0, 2, 3, 1))
        self.labels = jnp.asarray(data.labels)
        self.batches = [jnp.asarray(rows) for rows in data.order.reshape(problem.steps, problem.batch)]
        self.step = jax.jit(partial(_step, problem, dimensions), donate_argnums=0)
        self.reset()

    def reset(self) -> None:
        self.state = first_state(self.problem, self.first)

    def run(self) -> float:
        return self._epoch(self.batches)

    def trial(self) -> float:
        return self._epoch(self.batches[:1])

    def _epoch(self, batches: list[Any]) -> float:
        state, step, x, labels = self.state, self.step, self.x, self.labels
        began = perf_counter()
        for rows in batches:
            state = step(state, x, labels, rows)
        self.state = jax.block_until_ready(state)
        return perf_counter() - began

    def result(self) -> list[Array]:
        layers = [(np.asarray(w), np.asarray(b)) for w, b in self.state[0]]
        return [part for layer in _turned(self.problem, layers, self.dimensions, back=True) for part in layer]


def _turned(problem: Problem, layers: Layers, dimensions: Dimensions, back: bool) -> Layers:
    """Returns the layers as `dimensions` wants them, or, where `back`, as the problem has them."""
    if dimensions is CHANNELS_FIRST:
        return layers
    count = len(problem.stages)
    (w, b), (c, height, width) = layers[count], shapes(problem.stages)[-1]
    if back:
        filters = [(f.transpose(3, 2, 0, 1), bias) for f, bias in layers[:count]]
        rows = w.reshape(height, width, c, -1).transpose(2, 0, 1, 3)
    else:
        filters = [(f.transpose(2, 3, 1, 0), bias) for f, bias in layers[:count]]
        rows = w.reshape(c, height, width, -1).transpose(1, 2, 0, 3)
    return [*filters, (rows.reshape(w.shape), b), *layers[count + 1 :]]


def _logits(problem: Problem, dimensions: Dimensions, parameters: Any, x: Any) -> Any:
    last = dimensions is CHANNELS_LAST
    count = len(problem.stages)
    for stage, (w, b) in zip(problem.stages, parameters, strict=False):
        edges = [(stage.padding, stage.padding)] * 2
        u = jax.lax.conv_general_dilated(x, w, (1, 1), edges, dimension_numbers=dimensions)
        x = jax.nn.relu(u + (b if last else b[:, None, None]))
        if stage.pooled:
            window = (1, 2, 2, 1) if last else (1, 1, 2, 2)
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
    x = x.reshape(len(x), -1)
    *hidden, (w, b) = parameters[count:]
    for wh, bh in hidden:
        x = jax.nn.relu(x @ wh + bh)
    return x @ w + b


def _loss(problem: Problem, dimensions: Dimensions, parameters: Any, x: Any, labels: Any) -> Any:
    logs = jax.nn.log_softmax(_logits(problem, dimensions, parameters, x))
    return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], axis=1))


def _step(problem: Problem, dimensions: Dimensions, state: Any, x: Any, labels: Any, rows: Any) -> Any:
    x, labels = (jnp.take(part, rows, axis=0, mode="clip") for part in (x, labels))
    return update(problem, state, jax.grad(partial(_loss, problem, dimensions))(state[0], x, labels))


def make(problem: Problem, data: Data, threads: int) -> JaxImages:
    return quickest(JaxImages(problem, data, dimensions) for dimensions in (CHANNELS_FIRST, CHANNELS_LAST))
