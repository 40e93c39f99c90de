"""Decides which engine runs a network, and says why."""

from pellucid.engines.model import Model
from pellucid.engines.protocol import Engine
from pellucid.engines.recording import record_training_step
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import InputError, suggest
from pellucid.ops.plan import Plan
from pellucid.optimizers import Optimizer

ENGINES = ("auto", "native", "reference")


def choose_engine(model: Model, engine: str, threads: int | None) -> tuple[Engine, str]:
    """Returns the engine and the reason for it.

    Raises:
        InputError: an unknown engine, or "native" where it cannot be had.
    """
    if engine not in ENGINES:
        raise InputError(f"there is no engine {engine!r}; {suggest(engine, ENGINES)}")
    if engine == "native":
        raise InputError("engine='native' cannot be had: this version does not carry it; use engine='reference'.")
    return ReferenceEngine(model), "asked for" if engine == "reference" else "the native engine is not there yet"


def record_plan(model: Model, optimizer: Optimizer) -> Plan:
    """Returns the plan of one training step with class numbers as targets where the network has several outputs."""
    return record_training_step(model, optimizer, labels=model.output_shape[0] > 1)
