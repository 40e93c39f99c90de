"""What a gradient check looks at: the network, each layer and the loss, as numbers that depend on some arrays."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import ops, philox
from pellucid.engines import Model, passes
from pellucid.layers import Join, Named
from pellucid.layers.graph import Graph
from pellucid.ops import Array

Point = Mapping[str, Array]


@dataclass(frozen=True)
class Subject:
    """A number that depends on some arrays, with its gradient by backpropagation. `labels` are the rows' names."""

    at: Point
    labels: Mapping[str, str]
    value: Callable[[Point], float]
    gradients: Callable[[Point], Mapping[str, Array]]


def in_float64(model: Model) -> Model:
    """Returns a copy that computes in float64."""
    graph = Graph.wired(model.layers, model.inputs)
    copy = Model(graph, model.loss, model.input_shape, model.seed, np.dtype(np.float64))
    for name, values in model.parameters.items():
        copy.parameters[name][...] = values
    return copy


def subjects_of(model: Model, batch: tuple[Array, Array, Array], training: bool, seed: int) -> Iterator[Subject]:
    """Gives the whole network, each of its layers, and its loss."""
    x, t, weight = batch
    if t.ndim == 1:
        t = ops.one_hot(t, classes=model.output_shape[0], dtype=model.dtype)
    yield _network(model, x, t, weight, training)
    done = passes.forward(model, model.parameters, x, training)
    for index in range(len(model.layers)):
        yield _layer(model, index, done, training, seed)
    yield _loss(model, done.output, t, seed)


def _network(model: Model, x: Array, t: Array, weight: Array, training: bool) -> Subject:
    loss = model.loss
    assert loss is not None, "checked by check_data"

    def value(at: Point) -> float:
        row_losses, _ = loss.forward(passes.forward(model, {**counted, **at}, at["x"], training).output, t)
        return float(ops.sum_all(row_losses * ops.mean_weights(weight)))

    def gradients(at: Point) -> Mapping[str, Array]:
        p = {**counted, **at}
        result = passes.backward(model, loss, p, passes.forward(model, p, at["x"], training), t, weight)
        return {"x": result.deltas[0], **result.gradients}

    # What is counted stays out of the point: it has no gradient, and a variance must not be nudged below 0.
    counted = {name: values for name, values in model.parameters.items() if name not in model.learned}
    at = {"x": x, **{name: np.array(model.parameters[name]) for name in model.learned}}
    return Subject(at, {name: name for name in at}, value, gradients)


def _layer(model: Model, index: int, done: passes.Forward, training: bool, seed: int) -> Subject:
    layer, mode = model.layers[index], model.mode(index, training)
    dy = philox.normal(seed, philox.purpose_of(philox.PROJECTION, 1 + index), 0, done.values[index + 1].shape)
    counted = model.own(index, {n: v for n, v in model.parameters.items() if n not in model.learned})
    learned = model.own(index, {name: model.parameters[name] for name in model.learned})
    several = isinstance(layer, Join)
    xs = {f"dx{place}" if several else "dx": done.values[n] for place, n in enumerate(model.inputs[index], 1)}

    def parts(at: Point) -> tuple[Named, Any]:
        read = tuple(at[name] for name in xs)
        return Named({**counted, **{name: at[f"d{name}"] for name in learned}}), read if several else read[0]

    def value(at: Point) -> float:
        return float((layer.forward(*parts(at), mode)[0] * dy).sum())

    def gradients(at: Point) -> Mapping[str, Array]:
        p, read = parts(at)
        dx, own = layer.backward(p, layer.forward(p, read, mode)[1], dy)
        dxs = dict(zip(xs, dx if several else (dx,), strict=True))
        return {**dxs, **{f"d{name}": gradient for name, gradient in own.items()}}

    at = {**xs, **{f"d{name}": np.array(values) for name, values in learned.items()}}
    return Subject(at, {name: f"{model.name_of(index)}: {name}" for name in at}, value, gradients)


def _loss(model: Model, y: Array, t: Array, seed: int) -> Subject:
    loss = model.loss
    assert loss is not None, "checked by check_data"
    share = philox.normal(seed, philox.PROJECTION, 1, (len(y), 1))

    def value(at: Point) -> float:
        return float((loss.forward(at["dy"], t)[0] * share).sum())

    def gradients(at: Point) -> Mapping[str, Array]:
        return {"dy": loss.backward(loss.forward(at["dy"], t)[1]) * share}

    return Subject({"dy": y}, {"dy": f"loss ({type(loss).__name__}): dy"}, value, gradients)
