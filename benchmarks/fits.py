"""scikit-learn's perceptrons against Pellucid's under the same arguments: times of fits, and scores over seeds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import mean, median, stdev
from typing import Any

from benchmarks.harness import Process, Say
from benchmarks.summary import ratio

LIBRARIES = {"Pellucid": "pellucid.estimators", "scikit-learn": "sklearn.neural_network"}
LOSS_TOLERANCE = 5e-3
"""How far the losses of the first epochs may be apart, relatively: the two draw the same weights, splits and orders.

In float32, scikit-learn keeps probabilities 1.2e-7 away from 0, and so reports smaller losses as long as some would be
nearer.
"""


@dataclass(frozen=True)
class Fit:
    """One comparison; arguments are scikit-learn's defaults but for those given."""

    title: str
    data: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    do: str = "fit"

    @property
    def words(self) -> str:
        """How the estimator would be typed."""
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


FITS = (
    Fit("MNIST, 50,000 x 784", "MNIST", "MLPClassifier", {"max_iter": 2}),
    Fit("digits, 1,797 x 64", "digits", "MLPClassifier"),
    Fit("digits, 1,797 x 64", "digits", "MLPClassifier", dtype="float64"),
    Fit("synthetic regression, 20,000 x 8", "synthetic", "MLPRegressor", {"max_iter": 20}),
    Fit("synthetic regression, 20,000 x 8", "synthetic", "MLPRegressor", {"max_iter": 20}, "float64"),
    Fit("predict one row of 784", "MNIST", "MLPClassifier", {"max_iter": 2}, do="predict"),
    Fit("predict one row of 8", "synthetic", "MLPRegressor", {"max_iter": 2}, do="predict"),
)
SCORES = (
    Fit("digits", "digits", "MLPClassifier", {"max_iter": 15}),
    Fit("breast cancer", "breast cancer", "MLPClassifier", {"max_iter": 40}),
    Fit("wine", "wine", "MLPClassifier", {"max_iter": 100}),
    Fit("diabetes", "diabetes", "MLPRegressor", {"max_iter": 100, "learning_rate_init": 0.01}),
    Fit("like California, 20,640 x 8", "like California", "MLPRegressor", {"max_iter": 10}),
)


@contextmanager
def _libraries() -> Iterator[dict[str, Process]]:
    processes = {
        name: Process([sys.executable, "-m", "benchmarks.fit_worker", module], threads=1)
        for name, module in LIBRARIES.items()
    }
    try:
        yield processes
    finally:
        for process in processes.values():
            process.close()


def times(rounds: int, say: Say) -> list[dict[str, Any]]:
    """Returns per comparison the seconds per step (per call where it predicts) of both, and their ratio."""
    with _libraries() as processes:
        return [_timed(fit, rounds, processes, say) for fit in FITS]


def _timed(fit: Fit, rounds: int, processes: dict[str, Process], say: Say) -> dict[str, Any]:
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in processes}
    for _ in range(rounds + 1):  # The first one warms up.
        for name, process in processes.items():
            answers[name].append(
                process.ask(fit.do, name=fit.data, dtype=fit.dtype, kind=fit.kind, arguments=fit.arguments)
            )
    found: dict[str, Any] = {"name": fit.title, "estimator": fit.words, "dtype": fit.dtype, "do": fit.do}
    wrong = _disagreement(*(answers[name][0] for name in LIBRARIES))
    if wrong:
        say(f"  {fit.title}: {wrong}")
        return found | {"refused": wrong}
    seconds = {name: [one["seconds"] / one["steps"] for one in many[1:]] for name, many in answers.items()}
    return found | {
        "dtype": answers["scikit-learn"][0]["dtype"],
        "median": {name: median(each) for name, each in seconds.items()},
        "samples": seconds,
        "ratio": ratio(seconds["scikit-learn"], seconds["Pellucid"]),
    }


def _disagreement(ours: dict[str, Any], theirs: dict[str, Any]) -> str | None:
    for one in (ours, theirs):
        if "losses" not in one:
            return str(one.get("error", one.get("skipped")))
    apart = max(abs(a - b) / abs(b) for a, b in zip(ours["losses"], theirs["losses"], strict=True))
    if ours["dtype"] != theirs["dtype"]:
        return f"one computes in {ours['dtype']}, the other in {theirs['dtype']}"
    return None if apart <= LOSS_TOLERANCE else f"the losses are {apart:.2g} apart, allowed {LOSS_TOLERANCE:g}"


def scores(seeds: int, say: Say) -> list[dict[str, Any]]:
    """Returns per data set mean and deviation of both scores, the largest difference, and the ratio of the times."""
    with _libraries() as processes:
        return [_scored(fit, seeds, processes, say) for fit in SCORES]


def _scored(fit: Fit, seeds: int, processes: dict[str, Process], say: Say) -> dict[str, Any]:
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in processes}
    for seed in range(seeds):
        for name, process in processes.items():
            answers[name].append(process.ask("score", name=fit.data, kind=fit.kind, arguments=fit.arguments, seed=seed))
    found: dict[str, Any] = {"name": fit.title, "estimator": fit.words, "seeds": seeds}
    failed = next((one for many in answers.values() for one in many if "score" not in one), None)
    if failed is not None:
        wrong = str(failed.get("error", failed.get("skipped")))
        say(f"  {fit.title}: {wrong}")
        return found | {"refused": wrong}
    reached = {name: [one["score"] for one in many] for name, many in answers.items()}
    seconds = {name: [one["seconds"] for one in many] for name, many in answers.items()}
    return found | {
        "mean": {name: mean(each) for name, each in reached.items()},
        "deviation": {name: stdev(each) for name, each in reached.items()},
        "largest difference": max(abs(a - b) for a, b in zip(*reached.values(), strict=True)),
        "samples": reached,
        "ratio": ratio(seconds["scikit-learn"], seconds["Pellucid"]),
    }
