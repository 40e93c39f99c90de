"""One forward pass, one backward pass and one update, written once.

Given NumPy arrays they compute (the reference engine); given recording arrays they become a plan (the native engine).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pellucid import ops
from pellucid.engines.model import Model
from pellucid.errors import OutsideVocabulary
from pellucid.layers import Named
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.ops.record import Recorded
from pellucid.optimizers import Optimizer

R = TypeVar("R")


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
        given = model.own(index, parameters), done.output, model.mode(index, training, step)
        y, saved = _in(model, index, layer.forward, *given)
        done.values.append(y)
        done.saved.append(saved)
    return done


def backward(
    model: Model, loss: Loss, parameters: Mapping[str, Array], done: Forward, t: Array, weight: Array
) -> Backward:
    """Runs the loss's derivative back through all layers. t (N, K), weight (N, 1)."""
    row_losses, saved = row_losses_of(model, loss, done.output, t)
    share = ops.mean_weights(weight)
    dy = _in(model, None, loss.backward, saved) * share
    result = Backward(ops.sum_all(row_losses * share), row_losses, [dy], {})
    for index in reversed(range(len(model.layers))):
        layer = model.layers[index]
        given = model.own(index, parameters), done.saved[index], dy
        dy, gradients = _in(model, index, layer.backward, *given)
        result.deltas.insert(0, dy)
        result.gradients |= {f"{index}.{name}": gradient for name, gradient in gradients.items()}
    return result


def row_losses_of(model: Model, loss: Loss, y: Array, t: Array) -> tuple[Array, Named]:
    """Returns the loss of each sample, and what its backward needs."""
    return _in(model, None, loss.forward, y, t)


def _in(model: Model, index: int | None, call: Callable[..., R], *given: Any) -> R:
    """Calls a layer, or the loss where index is None; where it cannot be recorded, the error says which one that is."""
    try:
        return call(*given)
    except OutsideVocabulary as error:
        raise OutsideVocabulary(f"{_name(model, index)}: {error}") from None
    except (AttributeError, TypeError) as error:
        if not any(isinstance(argument, Recorded) for argument in given):
            raise
        name = _name(model, index)
        raise OutsideVocabulary(f"{name} is made of more than ops, on which this fails: {error}.") from error


def _name(model: Model, index: int | None) -> str:
    return f"the loss ({type(model.loss).__name__})" if index is None else model.name_of(index)


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
