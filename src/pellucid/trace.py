"""One forward and backward pass with every number kept, by name: what a layer saw, gave, remembered and sent back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import ops
from pellucid.engines import Data, Model, passes
from pellucid.engines.data import batch_of
from pellucid.layers import Named
from pellucid.ops import Array
from pellucid.ops.plan import format_shape

_WIDTH = 80


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did: y = layer(x) on the way up, and on the way down dx and the gradients, given delta = dL/dy.

    x (N, ...), y (N, ...), delta like y, dx like x; `saved`, `parameters` and `gradients` by the layer's own names.
    """

    name: str
    x: Array
    y: Array
    saved: Named
    parameters: Named
    delta: Array
    dx: Array
    gradients: Named

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Gives all arrays with their names, in the order in which they come up."""
        yield "x", self.x
        yield from self.parameters.items()
        yield "y", self.y
        yield from ((f"saved {name}", v) for name, v in self.saved.items() if isinstance(v, np.ndarray))
        yield "delta", self.delta
        yield from ((f"d{name}", values) for name, values in self.gradients.items())
        yield "dx", self.dx

    def __str__(self) -> str:
        return "\n".join([self.name, *(_line(name, values) for name, values in self.arrays())])


@dataclass(frozen=True)
class Trace:
    """One pass through the whole network: `layers` in order, the loss, and the loss of each row.

    x (N, ...), t (N, K), weight (N, 1), y (N, K), row_losses (N, 1). `gradients` by the parameters' names, as in
    `Network.parameters`.
    """

    layers: tuple[LayerTrace, ...]
    loss_name: str
    loss: float
    row_losses: Array
    t: Array
    weight: Array
    gradients: Mapping[str, Array]

    @property
    def x(self) -> Array:
        return self.layers[0].x

    @property
    def y(self) -> Array:
        return self.layers[-1].y

    def __getitem__(self, index: int) -> LayerTrace:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        parts = [str(layer) for layer in self.layers]
        loss = [f"loss ({self.loss_name}) = {self.loss:.6g}", _line("t", self.t), _line("row losses", self.row_losses)]
        return "\n".join([*parts, *loss])


def trace(model: Model, data: Data) -> Trace:
    """Returns every number of one pass over all rows of the data, with layers as in prediction (no dropout)."""
    x, t, weight = batch_of(data, slice(None), model)
    if data.labels:
        t = ops.one_hot(t, classes=model.output_shape[0], dtype=model.dtype)
    assert model.loss is not None, "checked by check_data"
    with np.errstate(all="ignore"):
        done = passes.forward(model, model.parameters, x, training=False)
        result = passes.backward(model, model.loss, model.parameters, done, t, weight)
    layers = tuple(_layer(model, index, done, result) for index in range(len(model.layers)))
    gradients = {name: result.gradients[name] for name in model.parameters}
    return Trace(layers, type(model.loss).__name__, float(result.loss), result.row_losses, t, weight, gradients)


def _layer(model: Model, index: int, done: passes.Forward, result: passes.Backward) -> LayerTrace:
    return LayerTrace(
        name=model.name_of(index),
        x=done.values[index],
        y=done.values[index + 1],
        saved=done.saved[index],
        parameters=Named({name: values.copy() for name, values in model.own(index, model.parameters).items()}),
        delta=result.deltas[index + 1],
        dx=result.deltas[index],
        gradients=model.own(index, result.gradients),
    )


def _line(name: str, values: Any) -> str:
    """One array on one line: name, shape, range, and its first numbers as far as they fit."""
    values = np.asarray(values)
    line = f"  {name:<12} {format_shape(values.shape):<14}"
    if values.size == 0:
        return line + "empty"
    line += f"{values.min():>10.3g} to {values.max():<10.3g} "
    for value in values.flat[:8]:
        number = f" {value:.3g}"
        if len(line) + len(number) > _WIDTH - 4:
            break
        line += number
    return line + (" ..." if values.size > 8 else "")


__all__ = ["LayerTrace", "Trace", "trace"]
