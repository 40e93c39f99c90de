"""Drives the contenders in turns: the same start for all, a comparison of what they compute, then rounds of timing."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks import pinning
from benchmarks.contenders.numpy_im2col import Im2col
from benchmarks.contenders.numpy_vectorised import Vectorised
from benchmarks.peak import Peak
from benchmarks.problems import Array, Data, Layers, Problem, load_layers, loss_of

CHECKS = {"sgd": (20, 1e-4, 1e-3), "adam": (10, 1e-3, 5e-2)}
"""After how many steps a training is compared, and how far loss and weights may be off, as a share of their change.

Adam divides each gradient by its own size, so that the roundings of tiny ones soon take different ways; and peers
place its epsilon differently.
"""
STARTS = (0, 1)
"""Seeds of the first weights. A sum that is 0 to the last bit falls on either side of ReLU's kink, and the ways part by
more than rounding; who is off from every start computes something else.
"""
OUTPUT_TOLERANCE = 1e-4
"""How far a predicted output, between 0 and 1, may be from the truth's."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Contestant:
    """A contender as it stands in a table: its name, its module, and how many threads it is given."""

    name: str
    module: str
    threads: int = 1


@dataclass
class Measured:
    """What came of one contestant: seconds per step, one number a round; or why there are none.

    loss: after the steps of a round. difference and distance: how far its check was from the truth.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    loss: float | None = None
    difference: float | None = None
    distance: float | None = None
    skipped: str | None = None
    refused: str | None = None


class Process:
    """A worker, started when it is first asked something."""

    @classmethod
    def of(cls, contestant: Contestant) -> "Process":
        threads = contestant.threads
        return cls([sys.executable, "-m", "benchmarks.worker", contestant.module, str(threads)], threads)

    def __init__(self, command: list[str], threads: int) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=pinning.environment(threads),
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do} | arguments) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"error": f"the worker ended with status {self._process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def ended(self) -> bool:
        """Whether it died, as one that crashed in the task before."""
        return self._process.poll() is not None

    def close(self) -> None:
        self._process.communicate()


class Harness:
    """Keeps the workers and the folder of shared arrays; a context manager."""

    def __init__(self, rounds: int, peak: Peak, say: Say) -> None:
        self.rounds, self.peak, self.say = rounds, peak, say
        self._processes: dict[Contestant, Process] = {}
        self._temporary = tempfile.TemporaryDirectory(prefix="pellucid-benchmarks-")
        self._folder = Path(self._temporary.name)

    def __enter__(self) -> "Harness":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._processes.values():
            process.close()
        self._temporary.cleanup()

    def compete(
        self, problem: Problem, data_of: Callable[[Problem], Data], contestants: Sequence[Contestant]
    ) -> list[Measured]:
        """Returns one Measured each: those that cannot, and those that compute something else, are not timed."""
        measured = {contestant: Measured(contestant.name) for contestant in contestants}
        self._check(problem.shortened(CHECKS[problem.optimizer][0]), data_of, measured)
        data = data_of(problem)
        ready = self._warm_up(problem, data, measured)
        for number in range(self.rounds):
            self.peak.measure()
            turn = number % max(1, len(ready))
            for contestant in ready[turn:] + ready[:turn]:
                answer = self._of(contestant).ask("run")
                if "seconds" in answer:
                    measured[contestant].seconds.append(answer["seconds"] / problem.steps)
                else:
                    measured[contestant].refused = answer["error"]
        if problem.kind != "predict":
            for contestant in ready:
                measured[contestant].loss = self._final_loss(contestant, problem, data)
        return list(measured.values())

    def _final_loss(self, contestant: Contestant, problem: Problem, data: Data) -> float | None:
        """The loss after all that was timed in a round, computed here and not by the contestant."""
        path = self._folder / "result.npz"
        if "error" in self._of(contestant).ask("result", path=str(path)):
            return None
        return loss_of(problem, load_layers(path), data.x[:2000], data.targets(problem.sizes[-1])[:2000])

    def _of(self, contestant: Contestant) -> Process:
        known = self._processes.get(contestant)
        if known is None or known.ended:
            self._processes[contestant] = Process.of(contestant)
        return self._processes[contestant]

    def _check(
        self, problem: Problem, data_of: Callable[[Problem], Data], measured: dict[Contestant, Measured]
    ) -> None:
        data, folder, again = data_of(problem), self._folder / "check", list(measured)
        for seed in STARTS:
            truth = Truth(problem, data.restarted(problem, seed))
            truth.data.save(folder)
            again = [
                contestant for contestant in again if self._is_off(contestant, truth, folder, measured[contestant])
            ]
        for entry in measured.values():
            if entry.refused:
                self.say(f"  {entry.name}: REFUSED, {entry.refused}")

    def _is_off(self, contestant: Contestant, truth: "Truth", folder: Path, entry: Measured) -> bool:
        """Runs a contestant once and returns whether its result was wrong; one that fails is refused for good."""
        if self._prepared(contestant, truth.problem, folder, entry) is None:
            return False
        path = self._folder / "result.npz"
        for request in ({"do": "run"}, {"do": "result", "path": str(path)}):
            answer = self._of(contestant).ask(**request)
            if "error" in answer:
                entry.refused = answer["error"]
                return False
        with np.load(path) as held:
            truth.judge(entry, [held[f"arr_{i}"] for i in range(len(held.files))])
        return entry.refused is not None

    def _prepared(
        self, contestant: Contestant, problem: Problem, folder: Path, entry: Measured
    ) -> dict[str, Any] | None:
        answer = self._of(contestant).ask("prepare", problem=problem.as_dict(), folder=str(folder))
        entry.skipped, entry.refused = answer.get("skipped"), answer.get("error")
        if entry.skipped:
            self.say(f"  {entry.name}: skipped, {entry.skipped}")
        return None if entry.skipped or entry.refused else answer

    def _warm_up(self, problem: Problem, data: Data, measured: dict[Contestant, Measured]) -> list[Contestant]:
        folder = self._folder / "timing"
        data.save(folder)
        ready = []
        for contestant, entry in measured.items():
            if entry.skipped or entry.refused or self._prepared(contestant, problem, folder, entry) is None:
                continue
            answer = self._of(contestant).ask("run")
            entry.refused = answer.get("error")
            if not entry.refused:
                ready.append(contestant)
        return ready


class Truth:
    """The same problem in float64 NumPy, and the verdict on what the others computed."""

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem, self.data = problem, data
        self.t = data.targets(problem.sizes[-1])
        job = (Im2col if problem.stages else Vectorised)(problem, data, np.float64)
        if problem.kind != "predict":
            job.run()
        self.result: list[Array] = job.result()

    def judge(self, entry: Measured, result: list[Array]) -> None:
        """Fills in the loss and the difference, and refuses the contender where it is too large."""
        shapes = [part.shape for part in result]
        if shapes != [part.shape for part in self.result]:
            entry.refused = f"its result has the shapes {shapes}"
        elif self.problem.kind == "predict":
            entry.difference = float(np.abs(result[0] - self.result[0]).max())
            if not entry.difference <= OUTPUT_TOLERANCE:
                entry.refused = f"an output is off by {entry.difference:.2g}, more than {OUTPUT_TOLERANCE:g}"
        else:
            self._judge_training(entry, result)

    def _judge_training(self, entry: Measured, result: list[Array]) -> None:
        before, expected = self._loss(self.data.layers), self._loss(_pairs(self.result))
        reached = self._loss(_pairs(result))
        entry.difference = abs(reached - expected) / abs(before - expected)
        entry.distance = self._distance(result)
        _, tolerance, far = CHECKS[self.problem.optimizer]
        if not entry.difference <= tolerance:
            entry.refused = (
                f"after {self.problem.steps} steps its loss is {reached:.6f}, expected {expected:.6f} "
                f"(from {before:.6f}); the difference is {entry.difference:.2g} of the change, allowed {tolerance:g}"
            )
        elif not entry.distance <= far:
            off = f"{entry.distance:.2g} of the way, allowed {far:g}"
            entry.refused = f"after {self.problem.steps} steps its weights are off by {off}"

    def _distance(self, result: list[Array]) -> float:
        """The Euclidean distance to the truth's weights, over the way that the truth came: order and biases show."""
        first = [part for layer in self.data.layers for part in layer]
        apart = sum(float(np.sum((a - b) ** 2)) for a, b in zip(result, self.result, strict=True))
        way = sum(float(np.sum((a - b) ** 2)) for a, b in zip(first, self.result, strict=True))
        return float((apart / way) ** 0.5)

    def _loss(self, layers: Layers) -> float:
        return loss_of(self.problem, layers, self.data.x[:2000], self.t[:2000])


def _pairs(flat: list[Array]) -> Layers:
    return list(zip(flat[::2], flat[1::2], strict=True))
