"""A plan as JSON and back: every number exact, every text as it is, with the version of its form."""

import json
import math
from typing import Any

import numpy as np

from pellucid.errors import FormatError, PlanError
from pellucid.plan.ir import Buffer, Operand, Plan, Step
from pellucid.plan.validate import validate

SCHEMA = 1
"""Grows when a reader of the last form would misread this one."""
MOST_BYTES = 64 << 20

_TYPES = ("float32", "float64", "int32", "int64", "uint8")
_ROLES = ("input", "target", "weight", "parameter", "slot", "gradient", "scalar", "number", "value")


def to_json(plan: Plan) -> str:
    """Returns the plan as text. A constant is a number with all its digits, a buffer {"buffer": 3}."""
    form = {
        "schema": SCHEMA,
        "buffers": [[list(b.shape), b.dtype.name, b.role, b.name] for b in plan.buffers],
        "steps": [_step(step) for step in plan.steps],
        "results": plan.results,
        "updates": [[number, becomes] for number, becomes in plan.updates.items()],
    }
    return json.dumps(form, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Plan:
    """Returns the plan that `to_json` wrote, validated.

    Raises:
        FormatError: not a plan, or of a version that is not known here.
    """
    if len(text) > MOST_BYTES:
        raise FormatError(f"a plan of {len(text):,} characters is larger than the {MOST_BYTES:,} that are taken.")
    try:
        form = json.loads(text)
        if type(form["schema"]) is not int or form["schema"] != SCHEMA:
            raise FormatError(
                f"the plan has the schema {form['schema']!r:.80}, known here is {SCHEMA}; export it anew."
            )
        plan = Plan(
            [_buffer(number, *entry) for number, entry in enumerate(form["buffers"])],
            [_read_step(entry) for entry in form["steps"]],
            {str(name): _whole(number) for name, number in form["results"].items()},
            {_whole(number): _whole(becomes) for number, becomes in form["updates"]},
        )
        validate(plan)
    except FormatError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, PlanError) as error:
        raise FormatError(f"this is not a plan: {type(error).__name__}: {error!s:.80}.") from None
    return plan


def _step(step: Step) -> dict[str, Any]:
    form: dict[str, Any] = {
        "op": step.op,
        "inputs": [_operand(o) for o in step.inputs],
        "outputs": list(step.outputs),
        "attributes": {
            key: value.name if isinstance(value, np.dtype) else value for key, value in step.attributes.items()
        },
    }
    if step.parts:
        form["parts"] = [_step(part) for part in step.parts]
    return form


def _operand(operand: Operand) -> Any:
    """A number that JSON has no name for is written as text."""
    if type(operand) is int:
        return {"buffer": operand}
    return float(operand) if math.isfinite(operand) else {"number": repr(float(operand))}


def _read_operand(form: Any) -> Operand:
    if type(form) in (int, float):
        return float(form)
    if "buffer" in form:
        return _whole(form["buffer"])
    if form["number"] not in ("inf", "-inf", "nan"):
        raise ValueError(f"{form['number']!r:.20} is not a number")
    return float(form["number"])


def _whole(form: Any) -> int:
    """The number of a buffer; `int` would also take 1.5, "1" and true for one."""
    if type(form) is not int:
        raise ValueError(f"{form!r:.20} is not the number of a buffer")
    return form


def _buffer(number: int, shape: list[Any], dtype: str, role: Any, name: str) -> Buffer:
    if dtype not in _TYPES or role not in _ROLES or not isinstance(name, str):
        raise ValueError(f"buffer {number} has the type {dtype!r:.20} and the role {role!r:.20}")
    if not all(isinstance(n, str) or (type(n) is int and n >= 0) for n in shape):
        raise ValueError(f"buffer {number} has the shape {shape!r:.40}")
    return Buffer(number, tuple(shape), np.dtype(dtype), role, name)


def _read_step(form: dict[str, Any]) -> Step:
    return Step(
        str(form["op"]),
        tuple(_read_operand(o) for o in form["inputs"]),
        tuple(_whole(n) for n in form["outputs"]),
        {str(key): _attribute(value) for key, value in form["attributes"].items()},
        tuple(_read_step(part) for part in form.get("parts", ())),
    )


def _attribute(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_attribute, value))
    return np.dtype(value) if value in _TYPES else value
