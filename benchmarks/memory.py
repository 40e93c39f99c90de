"""The peak memory of training: what a fresh process grows by above its imports and the data."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import Contestant, Process
from benchmarks.problems import Data, Problem

CONTESTANTS = (
    Contestant("Pellucid", "benchmarks.contenders.pellucid_native"),
    Contestant("PyTorch", "benchmarks.contenders.pytorch_contiguous"),
)


def peaks(rounds: int, problem: Problem, data_of: Callable[[Problem], Data]) -> list[dict[str, Any]]:
    """Returns per contestant the median of the bytes that the network, the optimizer and some steps took."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="pellucid-memory-") as folder:
        data_of(problem).save(Path(folder))
        for contestant in CONTESTANTS:
            answers = [_answer(contestant, problem, folder) for _ in range(rounds)]
            failed = next((one for one in answers if "bytes" not in one), None)
            found = [one["bytes"] for one in answers if "bytes" in one]
            rows.append({"name": contestant.name} | (failed or {"bytes": median(found), "samples": found}))
    return rows


def _answer(contestant: Contestant, problem: Problem, folder: str) -> dict[str, Any]:
    process = Process.of(contestant)
    try:
        return process.ask("memory", problem=problem.as_dict(), folder=folder)
    finally:
        process.close()
