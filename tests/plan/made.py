"""Small plans to look at, and every plan that a case has."""

from typing import Any

import numpy as np

from cases import Case
from pellucid import ops
from pellucid.engines.recording import (
    record_apply,
    record_evaluation,
    record_gradient,
    record_prediction,
    record_step,
)
from pellucid.optimizers import Optimizer
from pellucid.plan.ir import ROWS, Buffer, Plan, Step
from pellucid.plan.record import declare
from pellucid.plan.validate import validate

F4, F8 = np.dtype(np.float32), np.dtype(np.float64)


def small_plan() -> Plan:
    """%4 = x·W, %5 = exp(%4), result y; W becomes %7 = W − %6, %6 = rate · g."""
    plan = Plan()
    x = declare(plan, (ROWS, 3), F4, "input", "x")
    W: Any = declare(plan, (3, 3), F4, "parameter", "W")
    g = declare(plan, (3, 3), F4, "input", "g")
    rate = declare(plan, (), F8, "scalar", "rate")
    made: Any = ops.exp(ops.matmul(x, W))  # type: ignore[arg-type]
    new = W - rate * g
    plan.results = {"y": made.buffer.number}
    plan.updates = {W.buffer.number: new.buffer.number}
    validate(plan)
    return plan


def with_step(index: int, /, **changes: Any) -> Plan:
    """The small plan with fields of one step changed."""
    plan = small_plan()
    plan.steps[index] = plan.steps[index]._replace(**changes)
    return plan


def with_buffer(number: int, /, **changes: Any) -> Plan:
    plan = small_plan()
    plan.buffers[number] = plan.buffers[number]._replace(**changes)
    return plan


def with_steps(*order: int) -> Plan:
    plan = small_plan()
    return plan.with_steps([plan.steps[i] for i in order])


def with_more(*steps: Step, buffers: tuple[tuple[Any, Any], ...] = ()) -> Plan:
    """The small plan with further values of some (shape, type), from number 8 on, and further steps."""
    plan = small_plan()
    for shape, dtype in buffers:
        plan.buffer(shape, dtype, "value")
    plan.steps += steps
    return plan


def buffer_named(plan: Plan, name: str) -> Buffer:
    (found,) = (buffer for buffer in plan.buffers if buffer.name == name)
    return found


def plans_of(case: Case, optimizer: Optimizer, dtype: str = "float32") -> dict[str, Plan]:
    """All plans that a model has, by their kind; those of training only where it can be trained through."""
    model, labels = case.model(dtype), case.targets == "labels"
    found = {"predict": record_prediction(model), "evaluate": record_evaluation(model, labels)}
    if case.trainable:
        found["gradient"] = record_gradient(model, labels)
        found["gradient in training"] = record_gradient(model, labels, training=True)
        found["apply"] = record_apply(model, optimizer)
        found["step"] = record_step(model, optimizer, labels)
    return found
