"""The living definition of a plan: its steps carried out by the ops themselves, in NumPy, one after the other."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.ops.arrays import Array
from pellucid.ops.op import OPS
from pellucid.plan.ir import Plan, each_step


def run(plan: Plan, given: Mapping[str, Any]) -> dict[str, Array]:
    """Returns the plan's results by name, and by the names of parameters and slots what these become.

    given: inputs, targets, weights, parameters, slots and scalars by the names of their buffers; more is no harm.
    A plan that was rewritten is carried out part by part. Nothing that is given is changed.
    """
    values: dict[int, Any] = {}
    for number in plan.given:
        buffer = plan.buffers[number]
        if buffer.name in given:
            # A run-time scalar is Python's own number: NumPy's would make float64 of whatever it meets.
            values[number] = float(given[buffer.name]) if buffer.role == "scalar" else given[buffer.name]
    with np.errstate(all="ignore"):
        for step in each_step(plan):
            inputs = [values[o] if type(o) is int else o for o in step.inputs]
            made = OPS[step.op].compute(*inputs, **step.attributes)
            values[step.output] = float(made) if plan.buffers[step.output].role == "number" else made
    results = {name: values[number] for name, number in plan.results.items()}
    return results | {plan.buffers[n].name: values[becomes] for n, becomes in plan.updates.items()}
