"""One forward pass, one backward pass and one update, written once.

Given NumPy arrays they compute (the reference engine); given recording arrays they become a plan (the native engine).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pellucid import ops
from pellucid.engines.model import Model
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.layers import Join, Named
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.optimizers import Optimizer
from pellucid.plan.record import Recorded

R = TypeVar("R")


@dataclass
class Forward:
    """What a forward pass leaves behind: every value of the model, and what each layer saved."""

    values: list[Array]
    saved: list[Named]

    @property
    def output(self) -> Array:
        return self.values[-1]


@dataclass
class Backward:
    """What a backward pass gives: the batch's loss, the loss of each row, the deltas, and the gradients by name.

    deltas[i] is dL/d(value i), the last dL/dy; inputs[i] is what layer i gave for the values it read, a Join a tuple.
    Where one layer alone reads a value, both are the same; where several do, the delta is the sum.
    """

    loss: Array
    row_losses: Array
    deltas: list[Array]
    inputs: list[Any]
    gradients: dict[str, Array]


def forward(model: Model, parameters: Mapping[str, Array], x: Array, training: bool, step: Any = 0) -> Forward:
    """Runs x through all layers."""
    done = Forward([x], [])
    for index, layer in enumerate(model.layers):
        given = model.own(index, parameters), model.read(index, done.values), model.mode(index, training, step)
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
    mean_loss = ops.sum_all(row_losses * share)
    deltas: dict[int, Array] = {len(model.layers): dy}
    inputs: list[Any] = []
    all_gradients: dict[str, Array] = {}
    for index in reversed(range(len(model.layers))):
        layer = model.layers[index]
        given = model.own(index, parameters), done.saved[index], deltas[index + 1]
        dx, gradients = _in(model, index, layer.backward, *given)
        for number, part in zip(model.inputs[index], dx if isinstance(layer, Join) else (dx,), strict=True):
            deltas[number] = deltas[number] + part if number in deltas else part
        inputs.insert(0, dx)
        all_gradients |= {f"{index}.{name}": gradient for name, gradient in gradients.items()}
    in_order = [deltas[number] for number in range(len(deltas))]
    return Backward(mean_loss, row_losses, in_order, inputs, all_gradients)


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


@dataclass
class Changed:
    """What becomes of the parameters, and of the optimizer's memory: slots[slot name][parameter name]."""

    parameters: dict[str, Array]
    slots: dict[str, dict[str, Array]]

    def store(self, parameters: Mapping[str, Array], slots: Mapping[str, Mapping[str, Array]]) -> None:
        """Puts the new values in the place of the old ones."""
        pairs = [(parameters[name], values) for name, values in self.parameters.items()]
        for slot, by_name in self.slots.items():
            pairs += [(slots[slot][name], values) for name, values in by_name.items()]
        # A rule may hand on what it was given, such as one slot to another: it lies where new values are to be stored.
        pairs = [(place, values if values.flags.writeable else values.copy()) for place, values in pairs]
        for place, values in pairs:
            place[...] = values


def learned(
    model: Model,
    optimizer: Optimizer,
    parameters: Mapping[str, Array],
    gradients: Mapping[str, Array],
    slots: Mapping[str, Mapping[str, Array]],
    scalars: Named,
) -> Changed:
    """Returns what is learned anew, by the optimizer's rule, with its memory."""
    clipped = clip(optimizer, {name: gradients[name] for name in model.learned})
    changed = Changed({}, {slot: {} for slot in slots})
    for name in model.learned:
        own = Named({slot: _kept(by_name[name]) for slot, by_name in slots.items()})
        given = _kept(parameters[name]), clipped[name], own, scalars, model.decays[name]
        w, memory = _rule(optimizer, *given)
        changed.parameters[name] = w
        for slot in slots:
            changed.slots[slot][name] = memory[slot]
    return changed


def counted(model: Model, parameters: Mapping[str, Array], done: Forward) -> dict[str, Array]:
    """Returns what is counted and not learned anew, by its layer's rule."""
    found: dict[str, Array] = {}
    for index, layer in enumerate(model.layers):
        own = Named({name: _kept(values) for name, values in model.own(index, parameters).items()})
        made = _in(model, index, layer.after_step, own, done.saved[index])
        if not isinstance(made, Mapping):
            raise InputError(
                f"{model.name_of(index)}: after_step returned {type(made).__name__}; it must return the new values by "
                "name, such as Named(mean=0.9 * p.mean + 0.1 * saved.mean)."
            )
        found |= {f"{index}.{name}": values for name, values in made.items()}
    return found


def _rule(optimizer: Optimizer, w: Array, g: Array, slots: Named, scalars: Named, decays: bool) -> tuple[Array, Named]:
    name = f"the optimizer {type(optimizer).__name__}"
    try:
        made = optimizer.update(w, g, slots, scalars, decays)
    except OutsideVocabulary as error:
        raise OutsideVocabulary(f"{name}: {error}") from None
    except (AttributeError, TypeError) as error:
        if not isinstance(w, Recorded):
            raise
        raise OutsideVocabulary(f"{name} is made of more than ops, on which this fails: {error}.") from error
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise InputError(f"{name} changes w or a slot in place; write w = w - d, and return (w, slots).") from None
    if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], Mapping):
        raise InputError(f"{name}: its rule returned {type(made).__name__}, and must return (w, slots).")
    lacking = [slot for slot in slots if slot not in made[1]]
    if lacking:
        raise InputError(f"{name}: its rule returned no slot {lacking[0]!r}; it must return all of {', '.join(slots)}.")
    _check_made(name, "w", made[0], w)
    for slot, values in slots.items():
        _check_made(name, f"the slot {slot!r}", made[1][slot], values)
    return made[0], Named(made[1])


def _check_made(name: str, what: str, made: Any, old: Array) -> None:
    """What a rule returns takes the place of the old value: NumPy would spread a number over it without a word."""
    if not isinstance(made, np.ndarray | np.generic | Recorded):
        raise InputError(f"{name}: its rule returned {type(made).__name__} as {what}; it must be an array like {what}.")
    if made.shape != old.shape:
        raise InputError(
            f"{name}: its rule returned {what} of shape {made.shape} for a parameter of shape {old.shape}."
        )
    if made.dtype.kind != old.dtype.kind:
        raise InputError(f"{name}: its rule returned {what} of type {made.dtype} for a parameter of type {old.dtype}.")


def _kept(array: Array) -> Array:
    """The array, safe from being changed: what a rule changes in place would be lost on the native engine."""
    if isinstance(array, Recorded):
        return array
    view = array.view()
    view.flags.writeable = False
    return view


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
