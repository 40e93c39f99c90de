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
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import pinning
from benchmarks.problems import Data, Problem, Unsupported


class Worker:
    """Holds the job that was prepared last."""

    def __init__(self, module: str, threads: int) -> None:
        self.module, self.threads = module, threads
        self.job: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return getattr(self, request.pop("do"))(**request)
        except Unsupported as reason:
            return {"skipped": str(reason)}
        except ImportError as reason:
            return {"skipped": f"not installed ({reason})"}
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}

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


def main() -> None:
    module, threads = sys.argv[1], int(sys.argv[2])
    pinning.restrict(threads)
    # What a library prints must not land among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(module, threads)
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
