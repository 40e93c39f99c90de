"""Recording arrays side by side with arrays that have values, for tests that compare the two."""

from typing import Any

import numpy as np

from pellucid.ops import Array
from pellucid.plan.ir import ROWS, Plan
from pellucid.plan.record import Recorded, declare


class Recorder:
    """Declares inputs of a plan and remembers the numbers that stand behind them; N is `rows`."""

    def __init__(self, dtype: str, rows: int) -> None:
        self.plan = Plan()
        self.dtype = np.dtype(dtype)
        self.rows = rows
        self.values: dict[str, Any] = {}
        self.pairs: dict[int, Array] = {}

    def __call__(self, *shape: Any, role: str = "input", dtype: Any = None, value: Any = None) -> tuple[Recorded, Any]:
        name = f"a{len(self.values)}"
        dtype = np.dtype(dtype or self.dtype)
        actual = tuple(self.rows if d == ROWS else d for d in shape)
        numbers = np.linspace(0.5, 2, int(np.prod(actual))).reshape(actual).astype(dtype) if value is None else value
        self.values[name] = numbers
        return declare(self.plan, shape, dtype, role, name), numbers  # type: ignore[arg-type]
