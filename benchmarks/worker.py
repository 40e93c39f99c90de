"""One contender in a process of its own: JSON lines in on stdin, JSON lines out on what was stdout.

`python -m benchmarks.worker MODULE THREADS`; requests: {"do": "prepare", "problem": ..., "folder": ...}, {"do": "run"},
{"do": "result", "path": ...}. Each answer is an object; "skipped" or "error" say why there is nothing else.
"""

import gc
import importlib
import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import pinning
from benchmarks.problems import Data, Problem, Unsupported


class Answering:
    """Answers each request with the method that it names."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self, request.pop("do"))(**request)
            return answer
        except Unsupported as reason:
            return {"skipped": str(reason)}
        except ImportError as reason:
            return {"skipped": f"not installed ({reason})"}
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}


class Worker(Answering):
    """Holds the job that was prepared last."""

    def __init__(self, module: str, threads: int) -> None:
        self.module, self.threads = module, threads
        self.job: Any = None

    def prepare(self, problem: dict[str, Any], folder: str) -> dict[str, Any]:
        self.job = None
        gc.collect()
        maker = importlib.import_module(self.module).make
        self.job = maker(Problem.from_dict(problem), Data.load(Path(folder)), self.threads)
        return {}

    def run(self) -> dict[str, Any]:
        self.job.reset()
        gc.collect()
        gc.disable()
        try:
            return {"seconds": self.job.run()}
        finally:
            gc.enable()

    def result(self, path: str) -> dict[str, Any]:
        np.savez(path, *self.job.result())
        return {}

    def memory(self, problem: dict[str, Any], folder: str) -> dict[str, Any]:
        """Trains once and returns by how many bytes the process grew; to be asked of a fresh process.

        A step with two rows goes ahead, so that code which is loaded on its first use does not count.
        """
        whole, data = Problem.from_dict(problem), Data.load(Path(folder))
        maker = importlib.import_module(self.module).make
        first = Data(data.x[:2], data.labels[:2], np.arange(2), data.layers)
        maker(replace(whole, batch=2, steps=1), first, self.threads).run()
        before = peak_bytes()
        if before is None:
            raise Unsupported("the system does not tell the peak memory of a process")
        maker(whole, data, self.threads).run()
        return {"bytes": (peak_bytes(reset=False) or 0) - before}


def peak_bytes(reset: bool = True) -> int | None:
    """Returns the peak of the resident memory, which Linux starts anew where `reset`; None on other systems."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def serve(worker: Answering) -> None:
    """Answers requests until there are no more."""
    # What a library prints must not land among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    pinning.restrict(int(sys.argv[2]))
    serve(Worker(sys.argv[1], int(sys.argv[2])))
