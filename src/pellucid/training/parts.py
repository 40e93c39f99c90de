"""Rows that are made on demand: a slice of an epoch, trained some batches at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Data, Slice, Sums, Trained
from pellucid.engines.protocol import Engine, OptimizerState
from pellucid.ops import Array


def rows_of(data: Data, rows: Any, x: Array | None = None, bound: float | None = None) -> Data:
    """Returns some rows as a data set of their own; with another x, and its bound, where these are given."""
    return replace(
        data,
        x=data.x[rows] if x is None else x,
        t=data.t[rows],
        weight=None if data.weight is None else data.weight[rows],
        classes=None if data.classes is None else data.classes[rows],
        bound=data.bound if bound is None else bound,
    )


def train_in_parts(
    engine: Engine,
    state: OptimizerState,
    part: Slice,
    sums: Sums,
    rows_at_once: int,
    make: Callable[[NDArray[np.int64]], Data],
) -> Trained:
    """Has the engine train a slice, on what `make` gives for so many rows at a time: whole batches, at least one."""
    at_once = max(1, rows_at_once // part.batch_size)
    order = np.arange(part.data.rows) if part.order is None else part.order
    done = 0
    for first in range(part.first, part.last, at_once):
        last = min(first + at_once, part.last)
        made = make(order[first * part.batch_size : last * part.batch_size])
        scalars = {name: values[first - part.first : last - part.first] for name, values in part.scalars.items()}
        trained = engine.train(state, Slice(made, None, part.batch_size, 0, last - first, scalars), sums)
        sums, done = trained.sums, done + trained.batches
        if trained.batches < last - first:
            break
    return Trained(sums, done)
