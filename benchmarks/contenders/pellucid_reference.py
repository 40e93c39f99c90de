"""Pellucid on its reference engine: the specification in plain NumPy."""

from benchmarks.contenders.pellucid_native import Pellucid
from benchmarks.problems import Data, Problem


def make(problem: Problem, data: Data, threads: int) -> Pellucid:
    return Pellucid(problem, data, threads, "reference")
