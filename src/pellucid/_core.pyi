"""Pellucid's C++ core. A test compares the names and arguments here with the built module."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

def philox_words(seed: int, purpose: int, stream: int, count: int) -> NDArray[np.uint32]: ...
def philox_normal(seed: int, purpose: int, stream: int, count: int) -> NDArray[np.float64]: ...
def philox_block(counter: Sequence[int], key: Sequence[int]) -> list[int]: ...
def augment_images(
    images: NDArray[Any],
    out: NDArray[Any],
    places: NDArray[np.uint32],
    samples: NDArray[np.uint32],
    rows: NDArray[Any],
    columns: NDArray[Any],
    shift: int,
    rotate: float,
    scale: float,
    elastic: float,
    flip: bool,
    cutout: int,
    fill: float,
    seed: int,
    epoch: int,
) -> None: ...
def shuffle(rows: NDArray[np.int64], generator: object) -> None: ...
def built_instruction_sets() -> list[str]: ...
def instruction_set() -> str: ...

Totals = tuple[float, float, int, int]

class PlanSpec:
    kept: list[int]
    watched: list[int]
    x: int
    t: int
    weight: int
    output: int
    row_losses: int
    loss: int
    labels: bool
    threshold: float
    first_update: int
    bound: float
    def __init__(self) -> None: ...
    def add_buffer(self, rows: int, width: int, home: int, offset: int, positions: int, bytes: bool) -> int: ...
    def add_step(
        self,
        kind: int,
        buffers: Sequence[int],
        numbers: Sequence[tuple[int, float]],
        rule: int,
        seed: int,
        purpose: int,
        code: Sequence[tuple[int, int, int, int, int]],
        operands: Sequence[tuple[int, float]],
        registers: int,
        image: Sequence[int],
    ) -> None: ...
    def add_scalar_buffer(self, buffer: int, scalar: int) -> None: ...
    def rows_at_once(self, element: int, rows: int, bytes: int, work: float) -> int: ...

class Data:
    def __init__(
        self,
        x: NDArray[Any],
        t: NDArray[Any] | None,
        labels: NDArray[np.int32] | None,
        classes: NDArray[np.int32] | None,
        weight: NDArray[np.float64] | None,
        bound: float,
    ) -> None: ...

class Order:
    def __init__(self, rows: NDArray[np.int64]) -> None: ...

class _Executor:
    def __init__(self, plan: PlanSpec, max_rows: int, threads: int) -> None: ...
    def bind(self, parameters: NDArray[Any], slots: Sequence[NDArray[Any]]) -> None: ...
    def run(
        self,
        data: Data,
        order: Order | None,
        batch_size: int,
        first: int,
        last: int,
        scalars: Sequence[NDArray[np.float64]],
        sums: Totals,
    ) -> tuple[int, Totals]: ...
    def run_rows(self, data: Data, buffer: int, out: NDArray[Any] | None, sums: Totals) -> Totals: ...
    def read(self, buffer: int, out: NDArray[Any]) -> None: ...

class Executor32(_Executor): ...
class Executor64(_Executor): ...

class _QuickPredict:
    def __init__(
        self,
        plan: PlanSpec,
        sample_shape: Sequence[int],
        parameters: NDArray[Any],
        make: Callable[[int], NDArray[Any]],
        make_one: Callable[[], NDArray[Any]],
    ) -> None: ...
    def predict(self, x: object) -> NDArray[Any] | None: ...

class QuickPredict32(_QuickPredict): ...
class QuickPredict64(_QuickPredict): ...

class _QuickStep:
    def __init__(
        self,
        plan: PlanSpec,
        sample_shape: Sequence[int],
        parameters: NDArray[Any],
        slots: Sequence[NDArray[Any]],
        scalars: Sequence[NDArray[np.float64]],
        outputs: int,
        probabilities: int,
    ) -> None: ...
    def step(self, x: object, t: object) -> float | None: ...
    def refill(self, scalars: Sequence[NDArray[np.float64]]) -> None: ...

class QuickStep32(_QuickStep): ...
class QuickStep64(_QuickStep): ...
