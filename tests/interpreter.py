"""Executes a plan with the functions of ops.reference, one step after the other: the plainest executor there can be."""

import inspect
from collections.abc import Mapping
from typing import Any

from pellucid.ops import Array
from pellucid.ops.plan import Plan
from pellucid.ops.reference import VOCABULARY


def run(plan: Plan, given: Mapping[str, Any]) -> dict[str, Array]:
    """Returns the plan's results; `given` holds inputs, parameters, slots and scalars by their buffers' names."""
    values = {b.number: given[b.name] for b in plan.buffers if b.role != "value" and b.name in given}
    for step in plan.steps:
        function = VOCABULARY[step.op]
        inputs = [values[o] if isinstance(o, int) else o for o in step.inputs]
        attributes = dict(step.attributes)
        parameters = inspect.signature(function).parameters.values()
        if any(p.kind == p.VAR_POSITIONAL for p in parameters):
            values[step.makes[0]] = function(*inputs, **attributes)
            continue
        # What was a keyword when it was recorded stands after the positional arguments: the step of a dropout mask.
        keywords = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY]
        positional = len(parameters) - len(keywords)
        open_keywords = [name for name in keywords if name not in attributes]
        attributes |= dict(zip(open_keywords, inputs[positional:], strict=False))
        made = function(*inputs[:positional], **attributes)
        if step.output is not None:
            values[step.output] = made
    return {name: values[number] for name, number in plan.results.items()}
