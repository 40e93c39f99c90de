"""The contenders, a file each: `make(problem, data, threads)` returns a Job, or raises Unsupported or ImportError."""

from typing import Protocol

from benchmarks.problems import Array


class Job(Protocol):
    """One contender's way to do one problem."""

    def reset(self) -> None:
        """Goes back to the first weights; not timed."""

    def run(self) -> float:
        """Does all steps of the problem and returns the seconds they took."""

    def result(self) -> list[Array]:
        """Returns W, b, W, b, ... after training; the outputs of the first samples for predictions."""
