"""What a figure belongs to: the commit, the processor, the versions; nothing that names a person or a host."""

import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import pinning

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnxruntime")


def describe() -> dict[str, Any]:
    """Returns commit, processor, instruction set, cores, system and versions."""
    import pellucid

    info = pellucid.info()
    return {
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommitted changes": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "src", "core")),
        "processor": _processor(),
        "instruction set": info.instruction_set,
        "instruction sets of the processor": _instruction_sets(),
        "cores": pinning.available(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "pellucid": info.pellucid,
        "versions": dict(_versions(PACKAGES)),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    return {key.strip(): value.strip() for key, value in pairs}


def _processor() -> str:
    found = _cpuinfo()
    if "model name" not in found:
        return platform.processor() or platform.machine()
    family = [f"{key} {found[key]}" for key in ("cpu family", "model") if key in found]
    return f"{found['model name']} ({', '.join(family)})"


def _instruction_sets() -> list[str]:
    flags = _cpuinfo().get("flags", _cpuinfo().get("Features", "")).split()
    return [name for name in ("sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "sve") if name in flags]


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
