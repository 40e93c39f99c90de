"""Records a training step, gradient, evaluation or prediction of a model, run once on arrays without values."""

from dataclasses import replace
from typing import Any, cast

import numpy as np

from pellucid.engines import passes
from pellucid.engines.model import Model
from pellucid.errors import InputError
from pellucid.layers import Named
from pellucid.ops import Array, one_hot
from pellucid.ops.plan import ROWS, Plan, validate
from pellucid.ops.record import Recorded, declare, shape_rule
from pellucid.optimizers import Optimizer


def record_training_step(model: Model, optimizer: Optimizer, labels: bool) -> Plan:
    """Returns the plan of one step; its inputs are x, t (class numbers or values), weight and the run-time scalars.

    Raises:
        OutsideVocabulary: a layer or loss uses something that is not an op.
    """
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    parameters = _parameters(plan, model)
    scalars = Named(
        {
            name: _declare(plan, (), np.dtype(np.float64), "scalar", name)
            for name in ("step", *optimizer.scalars(np.zeros(1, np.int64), np.ones(1)))
        }
    )
    done = passes.forward(model, parameters, x, training=True, step=scalars.step)
    result = _loss_and_backward(plan, model, parameters, done, labels)
    slots = {
        slot: {
            name: _declare(plan, p.shape, model.dtype, "slot", f"{name}.{slot}") for name, p in model.parameters.items()
        }
        for slot in optimizer.slots
    }
    passes.update(model, optimizer, parameters, done, result.gradients, slots, scalars)
    return _finish(plan, {"output": done.output, "loss": result.loss, "row_losses": result.row_losses})


def record_gradient(model: Model, labels: bool) -> Plan:
    """Returns the plan of one forward and backward pass outside training; the gradients are its results."""
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    parameters = _parameters(plan, model)
    done = passes.forward(model, parameters, x, training=False)
    result = _loss_and_backward(plan, model, parameters, done, labels)
    gradients = {f"gradient {name}": result.gradients[name] for name in model.learned}
    return _finish(plan, {"output": done.output, "loss": result.loss, "row_losses": result.row_losses} | gradients)


def record_evaluation(model: Model, labels: bool) -> Plan:
    """Returns the plan of the outputs and the loss of each row, outside training."""
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    done = passes.forward(model, _parameters(plan, model), x, training=False)
    t = _targets(plan, model, labels)
    assert model.loss is not None
    row_losses, _ = passes.row_losses_of(model, model.loss, done.output, t)
    return _finish(plan, {"output": done.output, "row_losses": row_losses})


def record_prediction(model: Model) -> Plan:
    """Returns the plan of a forward pass outside training."""
    plan = Plan()
    x = _declare(plan, (ROWS, *model.input_shape), model.dtype, "input", "x")
    done = passes.forward(model, _parameters(plan, model), x, training=False)
    return _finish(plan, {"output": done.output})


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


def _loss_and_backward(
    plan: Plan, model: Model, parameters: dict[str, Array], done: passes.Forward, labels: bool
) -> passes.Backward:
    if model.loss is None:
        raise InputError("this network has no loss; give one, such as loss=SoftmaxCrossEntropy(), when making it.")
    t = _targets(plan, model, labels)
    weight = _declare(plan, (ROWS, 1), model.dtype, "weight", "weight")
    result = passes.backward(model, model.loss, parameters, done, t, weight)
    _name(plan, {f"{index}.y": y for index, y in enumerate(done.values[1:])} | {"loss": result.loss})
    _name(plan, {f"{index}.dy": dy for index, dy in enumerate(result.deltas[1:])})
    _name(plan, {f"{name}.gradient": gradient for name, gradient in result.gradients.items()})
    _name(plan, {"row_losses": result.row_losses})
    return result


def _number(array: Array) -> int:
    return cast(Recorded, array).buffer.number


def _name(plan: Plan, names: dict[str, Array]) -> None:
    """Gives buffers names that speak, where recording has only numbered them."""
    for name, array in names.items():
        number = _number(array)
        if plan.buffers[number].name.startswith("%"):
            plan.buffers[number] = replace(plan.buffers[number], name=name)


def _finish(plan: Plan, results: dict[str, Array]) -> Plan:
    plan.results = {name: _number(array) for name, array in results.items()}
    plan = plan.without_unused_steps()
    validate(plan, shape_rule)
    return plan
