"""One forward pass, one backward pass and one update, written once.

Given NumPy arrays they compute (the reference engine); given recording arrays they become a plan (the native engine).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid import ops
from pellucid.engines.model import Model
from pellucid.layers import Named
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.optimizers import Optimizer


@dataclass
class Forward:
    """What a forward pass leaves behind: the input and output of every layer, and what each saved."""

    values: list[Array]
    saved: list[Named]

    @property
    def output(self) -> Array:
        return self.values[-1]


@dataclass
class Backward:
    """What a backward pass gives: the batch's loss, the loss of each row, the deltas, and the gradients by name.

    deltas[i] is dL/d(input of layer i); the last is dL/dy.
    """

    loss: Array
    row_losses: Array
    deltas: list[Array]
    gradients: dict[str, Array]


def forward(model: Model, parameters: Mapping[str, Array], x: Array, training: bool, step: Any = 0) -> Forward:
    """Runs x through all layers."""
    done = Forward([x], [])
    for index, layer in enumerate(model.layers):
        y, saved = layer.forward(model.own(index, parameters), done.output, model.mode(index, training, step))
        done.values.append(y)
        done.saved.append(saved)
    return done


def backward(
    model: Model, loss: Loss, parameters: Mapping[str, Array], done: Forward, t: Array, weight: Array
) -> Backward:
    """Runs the loss's derivative back through all layers. t (N, K), weight (N, 1)."""
    row_losses, saved = loss.forward(done.output, t)
    share = ops.mean_weights(weight)
    dy = loss.backward(saved) * share
    result = Backward(ops.sum_all(row_losses * share), row_losses, [dy], {})
    for index in reversed(range(len(model.layers))):
        layer = model.layers[index]
        dy, gradients = layer.backward(model.own(index, parameters), done.saved[index], dy)
        result.deltas.insert(0, dy)
        result.gradients |= {f"{index}.{name}": gradient for name, gradient in gradients.items()}
    return result


def update(
    model: Model,
    optimizer: Optimizer,
    parameters: Mapping[str, Array],
    gradients: Mapping[str, Array],
    slots: Mapping[str, Mapping[str, Array]],
    scalars: Named,
) -> None:
    """Changes every parameter by the optimizer's rule. slots[slot name][parameter name]."""
    clipped = clip(optimizer, {name: gradients[name] for name in parameters})
    for name, w in parameters.items():
        own = Named({slot: by_name[name] for slot, by_name in slots.items()})
        optimizer.update(w, clipped[name], own, scalars, model.decays[name])


def clip(optimizer: Optimizer, gradients: dict[str, Array]) -> dict[str, Array]:
    """Cuts every entry to ± clip_value, then scales all gradients together down to clip_norm."""
    if optimizer.clip_value is not None:
        limit = float(optimizer.clip_value)
        gradients = {name: ops.minimum(ops.maximum(g, -limit), limit) for name, g in gradients.items()}
    if optimizer.clip_norm is not None and gradients:
        squares = [ops.sum_all(ops.square(g)) for g in gradients.values()]
        total = squares[0]
        for more in squares[1:]:
            total = total + more
        limit = float(optimizer.clip_norm)
        factor = limit / ops.maximum(ops.sqrt(total), limit)
        gradients = {name: g * factor for name, g in gradients.items()}
    return gradients
