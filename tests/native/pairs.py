"""The same network on both engines, and one training step of each from the same state."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Case
from pellucid import Network
from pellucid.engines import Data, Engine, OptimizerState, Slice, Sums, check_data
from pellucid.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

RULES: tuple[Optimizer, ...] = (
    SGD(0.1),
    Momentum(0.05),
    Nesterov(0.05),
    AdaGrad(0.05),
    RMSprop(0.002),
    Adam(0.002),
    AdamW(0.002),
)
"""Every rule plainly, as most people use it."""

VARIANTS: tuple[Optimizer, ...] = (
    SGD(0.1, weight_decay=0.02),
    SGD(0.1, l1=0.003),
    SGD(0.1, clip_norm=0.05),
    SGD(0.1, clip_value=0.01),
    Momentum(0.05, momentum=0.5, weight_decay=0.02, l1=0.001, clip_norm=0.3),
    Nesterov(0.05, weight_decay=0.02, clip_value=0.05),
    AdaGrad(0.05, weight_decay=0.02, l1=0.001),
    RMSprop(0.002, rho=0.5, weight_decay=0.02, clip_norm=0.3),
    Adam(0.002, beta1=0.5, beta2=0.9, weight_decay=0.02, l1=0.001),
    AdamW(0.002, weight_decay=0.3, clip_norm=0.3),
)
"""Every rule with decay, clipping and other constants."""

OPTIMIZERS = RULES + VARIANTS


def network(case: Case, engine: str, dtype: str = "float32", threads: int | None = 1) -> Network:
    return Network(
        case.layers, case.loss, input_shape=case.input_shape, seed=3, dtype=dtype, engine=engine, threads=threads
    )


def pair(case: Case, dtype: str = "float32") -> tuple[Network, Network]:
    return network(case, "native", dtype), network(case, "reference", dtype)


class Trainer:
    """An engine with an optimizer's memory, trained a few batches at a time."""

    def __init__(self, net: Network, optimizer: Optimizer) -> None:
        self.net, self.optimizer = net, optimizer
        self.engine: Engine = net.session.engine
        self.state = OptimizerState(optimizer, net.parameters.layout, net.dtype)

    def train(self, data: Data, order: NDArray[np.int64] | None, batch_size: int, first: int, last: int) -> Any:
        steps = np.arange(self.state.step, self.state.step + last - first)
        scalars = self.optimizer.scalars(steps, self.optimizer.schedule.rates(steps, 1, ()))
        return self.engine.train(self.state, Slice(data, order, batch_size, first, last, scalars), Sums())

    def take_over(self, other: "Trainer") -> None:
        """Makes parameters, memory and step count those of another trainer."""
        self.net.parameters.flat[:] = other.net.parameters.flat
        for name, slot in self.state.slots.items():
            slot[:] = other.state.slots[name]
        self.state.step = other.state.step

    def copies(self) -> dict[str, NDArray[Any]]:
        """Returns copies of all parameters and of all that the optimizer remembers of them, by name."""
        slots = {f"{name}.{slot}": w for slot, views in self.state.views().items() for name, w in views.items()}
        return {name: w.copy() for name, w in (dict(self.net.parameters) | slots).items()}


def data_for(net: Network, case: Case, rows: int, dtype: str) -> Data:
    return check_data(case.x(rows, dtype), case.t(rows, dtype), net.model, case.weight(rows))


def steps_of_both(
    case: Case, optimizer: Optimizer, dtype: str, rows: int, batch_size: int, steps: int = 20
) -> Iterator[tuple[Trainer, Trainer, Any, Any, Any]]:
    """Yields both trainers, their results and what was before each step; the reference starts where native stands."""
    native, reference = (Trainer(net, optimizer) for net in pair(case, dtype))
    data = data_for(native.net, case, rows, dtype)
    order = np.random.default_rng(rows).permutation(rows)
    batches = -(-rows // batch_size)
    for step in range(steps):
        reference.take_over(native)
        batch, before = step % batches, native.copies()
        done = [trainer.train(data, order, batch_size, batch, batch + 1) for trainer in (native, reference)]
        yield native, reference, *done, before


def error(found: Any, expected: Any, before: Any = 0.0) -> float:
    """The largest difference, in parts of the largest number that is expected or was there before; NaN where one is."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    if found.size == 0:
        return 0.0
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), np.abs(before).max(), 1e-6))
