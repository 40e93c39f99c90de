"""python -m benchmarks: checks, times, and reports; see --help."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import costs, fits, machine, memory, pinning, plot, report, tasks
from benchmarks.data import Images, data_for, images
from benchmarks.harness import CHECKS, Contestant, Harness
from benchmarks.peak import Peak
from benchmarks.summary import figures
from benchmarks.tasks import Task

COMPETITIONS = {task.name: task for task in tasks.TASKS} | {"threads": tasks.threads_task()}
OTHERS = ("width", "batch", "fit", "scores", "memory", "import", "record", "seed")
DOCS = machine.ROOT / "docs"
PLOT = Path("images") / "time-per-step-over-width.png"


def main() -> int:
    given = _arguments()
    found: dict[str, Any] = {
        "machine": machine.describe(),
        "rounds": given.rounds,
        "quick": given.quick,
        "checks": CHECKS,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    pool = images()
    found["data"] = pool.source
    _say(f"{found['data']}; {found['machine']['processor']}; {given.rounds} rounds")
    with Peak() as peak, Harness(given.rounds, peak, _say) as harness:
        if peak.missing:
            _say(f"no floor: {peak.missing}")
        found |= _competitions(given, harness, pool)
    found |= _estimators(given)
    found |= _costs(given, pool)
    found["peak"] = {"flop_per_second": peak.flop_per_second, "missing": peak.missing}
    _write(given, found)
    refused = [one for task in _all_tasks(found) for one in task["contestants"] if "refused" in one]
    refused += [one for one in found.get("fits", []) + found.get("scores", []) if "refused" in one]
    return 1 if refused else 0


def _arguments() -> argparse.Namespace:
    names = (*COMPETITIONS, *OTHERS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"which to run, all unless given: {', '.join(names)}")
    parser.add_argument("--peers", help=f"which to compare with, by comma, all unless given: {', '.join(tasks.KEYS)}")
    parser.add_argument("--rounds", type=int, help="how often each takes its turn; 5 unless given")
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps, 2 rounds, few points of the sweeps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md, the plot, the README's table")
    given = parser.parse_args()
    given.tasks = given.tasks or list(names)
    given.rounds = given.rounds or (2 if given.quick else 5)
    given.peers = list(tasks.KEYS) if given.peers is None else [name for name in given.peers.split(",") if name]
    for what, words, known in (("task", given.tasks, names), ("peer", given.peers, tuple(tasks.KEYS))):
        unknown = [word for word in words if word not in known]
        if unknown:
            parser.error(f"there is no {what} {unknown[0]!r}; there are {', '.join(known)}")
    if given.rounds < 1:
        parser.error(f"--rounds must be 1 or more, got {given.rounds}")
    return given


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _competitions(given: argparse.Namespace, harness: Harness, pool: Images) -> dict[str, list[dict[str, Any]]]:
    widths: tuple[int, ...] = tasks.WIDTHS
    batches: tuple[int, ...] = tasks.BATCHES
    if given.quick:
        widths, batches = (8, 128, 2048), (1, 32, 1024)
    wanted = {
        "tasks": [task for name, task in COMPETITIONS.items() if name in given.tasks],
        "width": [tasks.width_task(width) for width in widths] if "width" in given.tasks else [],
        "batch": [tasks.batch_task(batch) for batch in batches] if "batch" in given.tasks else [],
    }
    names = {tasks.PELLUCID.name} | {tasks.KEYS[name].name for name in given.peers}
    return {kind: [_compete(task, given, harness, pool, names) for task in many] for kind, many in wanted.items()}


def _compete(task: Task, given: argparse.Namespace, harness: Harness, pool: Images, names: set[str]) -> dict[str, Any]:
    began = time.perf_counter()
    problem = task.problem.shortened(max(100, task.problem.steps // 10)) if given.quick else task.problem
    measured = harness.compete(problem, lambda one: data_for(one, pool), list(_taking_part(task, names)))
    ours = next((one for one in measured if one.name.startswith("Pellucid")), None)
    found = {
        "name": task.name,
        "title": task.title,
        "problem": str(problem),
        "sizes": problem.sizes,
        "stages": problem.stages,
        "steps": problem.steps,
        "flop": problem.flop,
        "floor": harness.peak.floor(problem.flop),
        "contestants": [figures(one, ours) for one in measured],
    }
    _say(f"{task.title}: {time.perf_counter() - began:.1f} s")
    return found


def _taking_part(task: Task, names: set[str]) -> Iterable[Contestant]:
    """The contestants of these names, whatever follows the name after a comma."""
    available = pinning.available()
    return (one for one in task.contestants if one.name.split(",")[0] in names and one.threads <= available)


def _estimators(given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "sklearn" not in given.peers:
        return found
    if "fit" in given.tasks:
        found["fits"] = fits.times(given.rounds, _say)
    if "scores" in given.tasks:
        found["scores"] = fits.scores(3 if given.quick else 20, _say)
    return found


def _costs(given: argparse.Namespace, pool: Images) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "memory" in given.tasks:
        deep = COMPETITIONS["deep"].problem
        found["memory"] = memory.peaks(min(3, given.rounds), deep, lambda one: data_for(one, pool))
    if "import" in given.tasks:
        found["imports"] = costs.imports(given.rounds)
    if "record" in given.tasks:
        problems = {name: COMPETITIONS[name].problem for name in ("A", "C", "D")}
        found["recording"] = costs.recording(given.rounds, problems)
    if "seed" in given.tasks:
        found["seed"] = costs.seed_experiment(min(3, given.rounds), 3 if given.quick else 30)
    return found


def _all_tasks(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [*found["tasks"], *found["width"], *found["batch"]]


def _write(given: argparse.Namespace, found: dict[str, Any]) -> None:
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        _say(f"wrote {given.json}")
    drawn = None
    if given.docs:
        missing = plot.width_plot(found["width"], DOCS / PLOT)
        drawn = None if missing else PLOT.as_posix()
        if missing:
            _say(f"no plot: {missing}")
    text = report.markdown(found, drawn)
    print(text)
    if given.docs:
        _write_docs(found, text)


def _write_docs(found: dict[str, Any], text: str) -> None:
    (DOCS / "benchmarks.md").write_text(text, encoding="utf-8")
    readme = machine.ROOT / "README.md"
    filled = report.between_markers(readme.read_text(encoding="utf-8"), report.overview(found))
    if filled is None:
        _say(f"README.md has no lines {report.BEGIN} and {report.END}; its table was left out")
    else:
        readme.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
