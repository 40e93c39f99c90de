"""Records what a model does, once, on arrays without values: predict, evaluate, gradient, apply, step.

A step is two halves: the passes over the layers, and the update. Joined they are fused by the rewrites; apart they
serve `gradient` and `apply`.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from pellucid.engines import passes
from pellucid.engines.model import Model
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.layers import Named
from pellucid.ops import Array, one_hot
from pellucid.ops.arrays import ROWS
from pellucid.optimizers import Optimizer
from pellucid.plan.ir import Plan
from pellucid.plan.record import Recorded, declare
from pellucid.plan.rewrites.updates import GRADIENT

KINDS = ("predict", "evaluate", "gradient", "step", "apply")


def record(model: Model, kind: str, optimizer: Optimizer) -> Plan:
    """Returns a plan of one of the kinds, with class numbers as targets where the network has several outputs."""
    labels = model.output_shape[0] > 1
    if kind == "predict":
        return record_prediction(model)
    if kind == "evaluate":
        return record_evaluation(model, labels)
    if kind == "gradient":
        return record_gradient(model, labels, training=True)
    if kind == "apply":
        return record_apply(model, optimizer)
    return record_step(model, optimizer, labels)


@dataclass
class Passes:
    """One forward and one backward pass, recorded: the half of a step that knows the layers.

    gradients and counted: by the names of the parameters, the values that their gradients are, and that those which
    are counted become; parameters: their buffers.
    """

    plan: Plan
    parameters: dict[str, int]
    gradients: dict[str, int]
    counted: dict[str, int] = field(default_factory=dict)


def record_passes(model: Model, labels: bool, training: bool) -> Passes:
    """Returns a forward and a backward pass; `labels` says that targets are class numbers.

    Raises:
        OutsideVocabulary: a layer or the loss uses something that is not an op.
        InputError: there is no loss, or shapes do not fit an op.
    """
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    parameters = _parameters(plan, model)
    step = _declare(plan, (), np.dtype(np.float64), "scalar", "step") if training else 0
    done = passes.forward(model, parameters, x, training, step)
    if model.loss is None:
        raise InputError("this network has no loss; give one, such as loss=SoftmaxCrossEntropy(), when making it.")
    t = _targets(plan, model, labels)
    weight = _declare(plan, (ROWS, 1), model.dtype, "weight", "weight")
    result = passes.backward(model, model.loss, parameters, done, t, weight)
    counted = passes.counted(model, parameters, done) if training else {}
    _name(plan, {f"{index}.y": y for index, y in enumerate(done.values[1:])} | {"loss": result.loss})
    _name(plan, {f"{index}.dy": dy for index, dy in enumerate(result.deltas[1:])})
    _name(plan, {f"{name}.gradient": gradient for name, gradient in result.gradients.items()})
    _name(plan, {"row_losses": result.row_losses})
    plan.results = _numbers({"output": done.output, "loss": result.loss, "row_losses": result.row_losses})
    gradients = {name: result.gradients[name] for name in model.learned}
    return Passes(plan, _numbers(parameters), _numbers(gradients), _numbers(counted))


def record_step(model: Model, optimizer: Optimizer, labels: bool, half: Passes | None = None) -> Plan:
    """Returns one training step; `half` are the passes in training, where they are recorded already."""
    half = half or record_passes(model, labels, training=True)
    plan = half.plan.copy()
    parameters, gradients = _again(plan, half.parameters), _again(plan, half.gradients)
    _update(plan, model, optimizer, parameters, gradients)
    plan.updates |= {half.parameters[name]: becomes for name, becomes in half.counted.items()}
    return plan.without_unused_steps()


def record_gradient(model: Model, labels: bool, training: bool = False, half: Passes | None = None) -> Plan:
    """Returns the first half of a step: it fills a vector laid out like the parameters with what it finds for each.

    That is the gradient of what is learned, and what becomes of what is counted, if anything does.
    """
    half = half or record_passes(model, labels, training)
    plan = half.plan.copy()
    stay = {name: half.parameters[name] for name in model.counted}
    for name, number in (half.gradients | stay | half.counted).items():
        kept = plan.buffer(plan.buffers[number].shape, model.dtype, "gradient", GRADIENT + name)
        plan.updates[kept.number] = number
    return plan.without_unused_steps()


def record_apply(model: Model, optimizer: Optimizer) -> Plan:
    """Returns the second half of a step: from a vector that the first half has filled, every parameter anew."""
    plan = Plan()
    parameters = _parameters(plan, model)
    given = {
        name: _declare(plan, values.shape, model.dtype, "gradient", GRADIENT + name)
        for name, values in model.parameters.items()
    }
    _update(plan, model, optimizer, parameters, {name: given[name] for name in model.learned})
    plan.updates |= {_number(parameters[name]): _number(given[name]) for name in model.counted}
    return plan.without_unused_steps()


def record_evaluation(model: Model, labels: bool) -> Plan:
    """Returns the outputs and the loss of each row, outside training."""
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    done = passes.forward(model, _parameters(plan, model), x, training=False)
    if model.loss is None:
        raise InputError("this network has no loss; give one, such as loss=SoftmaxCrossEntropy(), when making it.")
    t = _targets(plan, model, labels)
    row_losses, _ = passes.row_losses_of(model, model.loss, done.output, t)
    _name(plan, {f"{index}.y": y for index, y in enumerate(done.values[1:])} | {"row_losses": row_losses})
    plan.results = _numbers({"output": done.output, "row_losses": row_losses})
    return plan.without_unused_steps()


def record_prediction(model: Model) -> Plan:
    """Returns a forward pass outside training."""
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    done = passes.forward(model, _parameters(plan, model), x, training=False)
    _name(plan, {f"{index}.y": y for index, y in enumerate(done.values[1:])})
    plan.results = _numbers({"output": done.output})
    return plan.without_unused_steps()


def _update(
    plan: Plan, model: Model, optimizer: Optimizer, parameters: dict[str, Array], gradients: dict[str, Array]
) -> None:
    known = {b.name: Recorded(plan, b) for b in plan.buffers if b.role == "scalar"}
    names = optimizer.scalars(np.zeros(1, np.int64), np.ones(1))
    scalars = Named(
        {name: known.get(name) or _declare(plan, (), np.dtype(np.float64), "scalar", name) for name in names}
    )
    slots = {
        slot: {
            name: _declare(plan, parameters[name].shape, model.dtype, "slot", f"{name}.{slot}") for name in parameters
        }
        for slot in optimizer.slots
    }
    changed = passes.learned(model, optimizer, parameters, gradients, slots, scalars)
    _name(plan, {f"{name}, new": w for name, w in changed.parameters.items()})
    for slot, by_name in changed.slots.items():
        _name(plan, {f"{name}.{slot}, new": values for name, values in by_name.items()})
    for name, w in changed.parameters.items():
        plan.updates[_number(parameters[name])] = _value(plan, w)
    for slot, by_name in changed.slots.items():
        for name, values in by_name.items():
            if (number := _value(plan, values)) != _number(slots[slot][name]):
                plan.updates[_number(slots[slot][name])] = number


def _value(plan: Plan, array: Any) -> int:
    if not isinstance(array, Recorded) or array.plan is not plan:
        raise OutsideVocabulary(f"what is recorded must be made of the arrays given, by ops; got {array!r:.80}.")
    return array.buffer.number


def _declare(plan: Plan, shape: Any, dtype: np.dtype[Any], role: Any, name: str) -> Array:
    return cast(Array, declare(plan, shape, dtype, role, name))


def _parameters(plan: Plan, model: Model) -> dict[str, Array]:
    return {
        name: _declare(plan, values.shape, model.dtype, "parameter", name) for name, values in model.parameters.items()
    }


def _targets(plan: Plan, model: Model, labels: bool) -> Array:
    if labels:
        t = _declare(plan, (ROWS,), np.dtype(np.int32), "target", "t")
        return one_hot(t, classes=model.output_shape[0], dtype=model.dtype)
    return _declare(plan, (ROWS, *model.output_shape), model.dtype, "target", "t")


def _again(plan: Plan, numbers: dict[str, int]) -> dict[str, Array]:
    """Recording arrays for buffers of a copied plan."""
    return {name: cast(Array, Recorded(plan, plan.buffers[number])) for name, number in numbers.items()}


def _number(array: Array) -> int:
    return cast(Recorded, array).buffer.number


def _numbers(arrays: dict[str, Array]) -> dict[str, int]:
    return {name: _number(array) for name, array in arrays.items()}


def _name(plan: Plan, names: dict[str, Array]) -> None:
    """Gives buffers names that speak, where recording has only numbered them."""
    for name, array in names.items():
        number = _value(plan, array)
        if plan.buffers[number].name.startswith("%"):
            plan.buffers[number] = plan.buffers[number]._replace(name=name)
