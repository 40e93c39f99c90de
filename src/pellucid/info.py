"""What this installation consists of: versions, engine, instruction set, threads."""

import os
import sys
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pellucid import __version__


@dataclass(frozen=True)
class Info:
    """Versions, engine, instruction set and threads; prints as a table.

    ``engine`` is "native" or "reference", and ``reason`` says why. ``instruction_set`` is that of the kernels in use,
    None without any; ``threads`` is how many processors this process may use.
    """

    pellucid: str
    python: str
    numpy: str
    platform: str
    engine: str
    reason: str
    instruction_set: str | None
    instruction_sets_built: tuple[str, ...]
    threads: int

    def __str__(self) -> str:
        rows = {field.name.replace("_", " "): getattr(self, field.name) for field in fields(self)}
        rows["instruction set"] = self.instruction_set or "none in use"
        rows["instruction sets built"] = ", ".join(self.instruction_sets_built) or "none"
        return "\n".join(f"{name:<22}  {value}" for name, value in rows.items())


def info() -> Info:
    """Return the versions, the engine and why it was chosen, the instruction set, and the threads."""
    # Here and not above, because `import pellucid` imports this module.
    import platform

    import numpy as np

    core, missing = _load_core()
    engine, reason = _engine(core, missing)
    return Info(
        pellucid=__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        platform=f"{platform.system()} {platform.machine()}",
        engine=engine,
        reason=reason,
        instruction_set=_instruction_set(core),
        instruction_sets_built=tuple(core.built_instruction_sets()) if core is not None else (),
        threads=_threads(),
    )


def _load_core() -> tuple[ModuleType | None, str]:
    try:
        return import_module("pellucid._core"), ""
    except ImportError as error:
        # CMakeLists.txt leaves this file when it has to do without the core.
        note = Path(__file__).with_name("_core_missing.txt")
        if note.is_file():
            return None, note.read_text(encoding="utf-8").strip()
        return None, f"the C++ core cannot be imported ({error})"


def _engine(core: ModuleType | None, missing: str) -> tuple[str, str]:
    if core is None:
        return "reference", missing
    if not hasattr(core, "Executor32"):
        return "reference", "the C++ core of this version has no executor yet"
    return "native", "the C++ core is built for this machine"


def _instruction_set(core: ModuleType | None) -> str | None:
    """Return the instruction set that the core chose at import, or None while it has no kernels to choose from."""
    if core is None or not hasattr(core, "instruction_set"):
        return None
    return str(core.instruction_set())


def _threads() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
