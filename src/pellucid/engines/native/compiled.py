"""A model's plans, each recorded, rewritten and lowered once, and kept for whoever asks again."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from pellucid.engines.model import Model
from pellucid.engines.native.lowering import Lowered, lower
from pellucid.engines.recording import (
    Passes,
    record_apply,
    record_evaluation,
    record_gradient,
    record_passes,
    record_prediction,
    record_step,
)
from pellucid.optimizers import Optimizer
from pellucid.plan.ir import Plan
from pellucid.plan.rewrites import rewrite

MOST_KEPT = 12
"""So many optimizers' plans are kept, the last ones used: whoever tries a thousand learning rates needs no more."""

R = TypeVar("R")


class Compiled:
    """Gives the lowered plan of each verb; `core` is the extension."""

    def __init__(self, model: Model, core: Any) -> None:
        self.model = model
        self._core = core
        self._kept: dict[Hashable, Any] = {}
        self._last: list[tuple[Plan, Lowered]] = []

    def predict(self) -> Lowered:
        return self._once("predict", lambda: self._lower(record_prediction(self.model)))

    def evaluate(self, labels: bool) -> Lowered:
        return self._once(("evaluate", labels), lambda: self._lower(record_evaluation(self.model, labels)))

    def gradient(self, labels: bool, training: bool) -> Lowered:
        def record() -> Plan:
            return record_gradient(self.model, labels, training, self._passes(labels, training))

        return self._once(("gradient", labels, training), lambda: self._lower(record()))

    def step(self, optimizer: Optimizer, labels: bool) -> Lowered:
        def record() -> Plan:
            return record_step(self.model, optimizer, labels, self._passes(labels, True))

        return self._once(("step", labels, optimizer), lambda: self._lower(record(), optimizer.slots))

    def apply(self, optimizer: Optimizer) -> Lowered:
        def record() -> Plan:
            return record_apply(self.model, optimizer)

        return self._once(("apply", optimizer), lambda: self._lower(record(), optimizer.slots))

    def _passes(self, labels: bool, training: bool) -> Passes:
        return self._once(("passes", labels, training), lambda: record_passes(self.model, labels, training))

    def _lower(self, plan: Plan, slots: tuple[str, ...] = ()) -> Lowered:
        """Lowers a plan, unless it is one of the last few: optimizers of different learning rates record the same."""
        known = next((lowered for same, lowered in self._last if same == plan), None)
        if known is not None:
            return known
        lowered = lower(self._core, rewrite(plan), self.model.parameters.layout, slots)
        loss = self.model.loss
        lowered.spec.threshold = 0.5 if loss is None else loss.threshold
        lowered.spec.bound = 1e12 if self.model.dtype == np.float32 else 1e100
        self._last = [*self._last[1 - MOST_KEPT :], (plan, lowered)]
        return lowered

    def _once(self, key: Hashable, make: Callable[[], R]) -> R:
        try:
            known = key in self._kept
        except TypeError:  # an optimizer of somebody's own that cannot be hashed
            return make()
        made: R = self._kept.pop(key) if known else make()
        self._kept[key] = made
        with_optimizer = [k for k in self._kept if isinstance(k, tuple) and isinstance(k[-1], Optimizer)]
        for old in with_optimizer[:-MOST_KEPT]:
            del self._kept[old]
        return made
