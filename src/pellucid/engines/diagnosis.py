"""Finds out where NaN or infinity first comes up in a batch, by running it once more on the reference engine."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid import ops
from pellucid.engines import passes
from pellucid.engines.data import Data, batch_of
from pellucid.engines.model import Model
from pellucid.ops import Array


def first_not_finite(model: Model, data: Data, rows: Any, step: int) -> str:
    """Returns, in words, the first array of the pass that holds NaN or infinity, in the order of computation."""
    for name, array in _in_order(model, data, rows, step):
        if not np.isfinite(array).all():
            kind = "NaN" if np.isnan(array).any() else "infinity"
            return f"{kind} in {name}"
    return "infinity in the parameters after the update: the step was too long"


def _in_order(model: Model, data: Data, rows: Any, step: int) -> Iterator[tuple[str, Array]]:
    for name, values in model.parameters.items():
        index = int(name.partition(".")[0])
        yield f"parameter {name} of {model.name_of(index)}", values
    x, t, weight = batch_of(data, rows, model)
    if data.labels:
        t = ops.one_hot(t, classes=model.output_shape[0], dtype=model.dtype)
    assert model.loss is not None
    with np.errstate(all="ignore"):
        done = passes.forward(model, model.parameters, x, training=True, step=step)
        result = passes.backward(model, model.loss, model.parameters, done, t, weight)
    for index, values in enumerate(done.values[1:]):
        yield f"the output of {model.name_of(index)}", values
    yield "the loss", np.asarray(result.loss)
    for index in reversed(range(len(model.layers))):
        yield f"dL/d(output) of {model.name_of(index)}", result.deltas[index + 1]
        for name, gradient in model.own(index, result.gradients).items():
            yield f"the gradient of parameter {index}.{name} of {model.name_of(index)}", gradient
