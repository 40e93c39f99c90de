"""Threads pinned before anything is imported, and the processors a process may use."""

import os

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "PELLUCID_NUM_THREADS",
)


def environment(threads: int) -> dict[str, str]:
    """Returns this process's environment with every known thread count set."""
    pinned = dict(os.environ) | {name: str(threads) for name in _VARIABLES}
    pinned["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    pinned["JAX_PLATFORMS"] = "cpu"
    pinned["CUDA_VISIBLE_DEVICES"] = ""
    pinned["PYTHONHASHSEED"] = "0"
    return pinned


def available() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def restrict(threads: int) -> None:
    """Keeps this process on so many processors: the last ones, as the first takes the interrupts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
