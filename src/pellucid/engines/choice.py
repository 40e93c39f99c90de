"""Decides which engine runs a network, and says why."""

import os
import warnings
from typing import Any, Protocol

from pellucid.engines.model import Model
from pellucid.engines.protocol import Engine
from pellucid.engines.recording import KINDS, record
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import InputError, OutsideVocabulary, suggest
from pellucid.optimizers import Optimizer
from pellucid.plan.ir import Plan
from pellucid.plan.rewrites import rewrite

ENGINES = ("auto", "native", "reference")
FORMS = ("recorded", "rewritten", "lowered")
MOST_THREADS = 64


def choose_engine(model: Model, engine: str, threads: int | None) -> tuple[Engine, str]:
    """Returns the engine and the reason for it.

    Raises:
        InputError: an unknown engine, or "native" where it cannot be had.
    """
    if engine not in ENGINES:
        raise InputError(f"there is no engine {engine!r:.80}; {suggest(engine, ENGINES)}")
    if engine == "reference":
        return ReferenceEngine(model), "asked for"
    try:
        return _native(
            model, threads, engine == "native"
        ), "asked for" if engine == "native" else "the fastest that runs this network"
    except OutsideVocabulary as error:
        reason = str(error)
    except ModuleNotFoundError:
        reason = "Pellucid's C++ core was not built; see pellucid.info()."
    except ImportError as error:
        reason = f"Pellucid's C++ core cannot be loaded ({error})."
        warnings.warn(f"{reason} Networks run on the reference engine; install Pellucid anew.", stacklevel=3)
    if engine == "native":
        raise InputError(f"engine='native' cannot run this network: {reason} Use engine='auto' or 'reference'.")
    return ReferenceEngine(model), f"the native engine cannot run this network: {reason}"


def _native(model: Model, threads: int | None, strict: bool) -> Engine:
    from pellucid import _core
    from pellucid.engines.native import NativeEngine

    return NativeEngine(model, _core, threads_to_use(threads), strict)


def threads_to_use(threads: int | None) -> int:
    """Returns how many threads may share a step: as asked, as PELLUCID_NUM_THREADS says, or one per processor.

    Raises:
        InputError: not a whole number of 1 or more.
    """
    source: str = "threads"
    value: Any = threads
    if threads is None:
        source, value = "PELLUCID_NUM_THREADS", os.environ.get("PELLUCID_NUM_THREADS") or _processors()
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = 0
    if isinstance(value, bool) or count < 1 or (isinstance(value, float) and value != count):
        raise InputError(f"{source} must be a whole number of 1 or more, got {value!r:.80}.")
    return min(count, MOST_THREADS)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LoweredPlan(Protocol):
    """A plan as the C++ core is given it: to be printed."""

    def __str__(self) -> str: ...


def plan_of(model: Model, kind: str, optimizer: Optimizer, form: str = "recorded") -> Plan | LoweredPlan:
    """Returns a plan of the model in one of its forms; see `Network.plan`."""
    if kind not in KINDS:
        raise InputError(f"there is no plan of the kind {kind!r:.80}; {suggest(kind, KINDS)}")
    if form not in FORMS:
        raise InputError(f"a plan has no form {form!r:.80}; {suggest(form, FORMS)}")
    plan = record(model, kind, optimizer)
    if form == "recorded":
        return plan
    plan = rewrite(plan)
    if form == "rewritten":
        return plan
    try:
        from pellucid import _core
    except ImportError:
        raise InputError(
            "form='lowered' needs Pellucid's C++ core, which was not built; see pellucid.info()."
        ) from None
    from pellucid.engines.native.lowering import lower

    return lower(_core, plan, model.parameters.layout, optimizer.slots if kind in ("step", "apply") else ())
