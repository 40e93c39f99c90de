"""The core refuses a plan that makes no sense, with a sentence. core/tests/test_plans.cpp spoils many more."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid.engines.native.numbers import ARENA, FULL, OPS, PARAMETERS, STEP_KINDS

core = pytest.importorskip("pellucid._core")


def plan(spoil: Callable[[dict[str, Any]], None] = lambda _: None) -> Any:
    """y = tanh(x·W), with what `spoil` changes in it."""
    given: dict[str, Any] = {
        "product": ("matmul", [0, 1, 2]),
        "program": ([2, 3], [(OPS.index("tanh"), 1, 0, 0, 0)], [(FULL, 0.0), (FULL, 0.0)], 0),
        "offset": 0,
        "rule": 0,
    }
    spoil(given)
    spec = core.PlanSpec()
    for rows, width, home in ((0, 7, ARENA), (7, 5, PARAMETERS), (0, 5, ARENA), (0, 5, ARENA)):
        spec.add_buffer(rows, width, home, given["offset"] if home == PARAMETERS else 0, 1, False)
    kind, buffers = given["product"]
    kind = kind if isinstance(kind, int) else STEP_KINDS.index(kind)
    spec.add_step(kind, buffers, [], given["rule"], 0, 0, [], [], 0, [])
    buffers, code, operands, registers = given["program"]
    spec.add_step(STEP_KINDS.index("elementwise"), buffers, [], 0, 0, 0, code, operands, registers, [])
    spec.x, spec.output = 0, 3
    return spec


def run(spec: Any, x: Any, rows: int = 4) -> Any:
    executor = core.Executor64(spec, rows, 1)
    executor.bind(np.ones(7 * 16), [])
    y = np.empty((len(x), 5))
    executor.run_rows(core.Data(x, None, None, None, None, np.inf), 3, y, (0.0, 0.0, 0, 0))
    return y


def test_a_good_plan_runs() -> None:
    np.testing.assert_allclose(run(plan(), np.full((9, 7), 0.01)), np.tanh(0.07))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("product", (99, [0, 1, 2]), r"step 0: there is no kind 99, expected one below \d+"),
        ("product", ("matmul", [0, 1]), r"step 0 \(matmul\): has 2 operands, expected 3"),
        ("product", ("matmul", [0, 17, 2]), r"step 0 \(matmul\): names buffer 17, expected one of 4"),
        ("product", ("matmul", [0, 1, 0]), r"operand 2 is \(batch, 7\), expected \(batch, 5\)"),
        ("product", ("update", [1, 1, 1]), r"step 0 \(update\): has 3 operands, expected 2"),
        ("program", ([2, 3], [(25600, 1, 0, 0, 0)], [(FULL, 0.0)] * 2, 0), "instruction 0 has op 255"),
        ("program", ([2, 3], [(0, 1, 65536, 0, 0)], [(FULL, 0.0)] * 2, 0), "instruction 0 names operand -1"),
        ("program", ([3, 3], [(0, 1, 0, 0, 0)], [(FULL, 0.0)] * 2, 0), "buffer 3, which nothing has made yet"),
        ("offset", 16, r"buffer 1 of the plan lies at 16 and takes 112 elements, but its flat vector has 112"),
        ("offset", 2**62, r"buffer 1 of the plan"),
    ],
)
def test_a_malformed_plan_is_refused_with_a_sentence(field: str, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        run(plan(lambda given: given.update({field: value})), np.ones((4, 7)))


def test_data_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="the data's x has rows of 6, expected 7"):
        run(plan(), np.ones((4, 6)))


def test_a_run_before_the_parameters_are_bound_is_refused() -> None:
    data = core.Data(np.ones((4, 7)), None, None, None, None, np.inf)
    with pytest.raises(ValueError, match="none are bound"):
        core.Executor64(plan(), 4, 1).run_rows(data, 0, None, (0.0, 0.0, 0, 0))
