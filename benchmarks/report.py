"""The findings as Markdown: a table per task, and a short one for the README."""

from collections.abc import Sequence
from typing import Any

from benchmarks.summary import best_peer

Found = dict[str, Any]
COLUMNS = (
    "Pellucid",
    "NumPy",
    "PyTorch",
    "JAX",
    "scikit-learn",
    "per-sample loop",
    "onnxruntime",
    "Pellucid reference",
)
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def duration(seconds: float) -> str:
    """Returns three digits and a unit that suits: 6.28 µs, 1.53 ms, 2.41 s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds * 1e9)} ns"


def _three(value: float) -> str:
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f}"


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Returns a Markdown table, first column left, the others right, padded so that it also reads as plain text."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row: tuple[str, ...]) -> str:
        parts = [row[0].ljust(widths[0]), *[c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]]
        return f"| {' | '.join(parts)} |"

    rule = [f"{'-' * widths[0]}", *[f"{'-' * (width - 1)}:" for width in widths[1:]]]
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *[line(row) for row in rows]])


def task_section(task: Found) -> str:
    """Returns one competition: contestants by their median, with the floor where there is one."""
    rows, notes = [], []
    for one in sorted(task["contestants"], key=lambda one: one.get("median", float("inf"))):
        if "median" in one:
            ratio = f"{one['ratio']:.2f}" if "ratio" in one else "-"
            spread = f"{100 * one['spread']:.0f} %"
            loss = f"{one['loss']:.4f}" if one.get("loss") is not None else ""
            rows.append((one["name"], duration(one["median"]), duration(one["minimum"]), spread, ratio, loss))
        else:
            word = "REFUSED" if "refused" in one else "skipped"
            notes.append(f"- {one['name']}: {word}, {one.get('refused', one.get('skipped'))}")
    if task.get("floor"):
        ours = next((one["median"] for one in task["contestants"] if one.get("ratio") == 1.0), None)
        share = "-" if ours is None else f"{task['floor'] / ours:.2f}"
        rows.append(("floor (FLOP / peak)", duration(task["floor"]), "", "", share, ""))
    parts = [f"### {task['title']}", f"{task['problem']}, {task['steps']:,} steps a round"]
    parts.append(table(("", "median", "minimum", "spread", "× Pellucid", "loss after"), rows))
    return "\n\n".join(parts + (["\n".join(notes)] if notes else []))


def sweep_section(title: str, axis: str, tasks: list[Found]) -> str:
    """Returns a sweep: a line per point, a column per contender, and Pellucid against the best peer."""
    names = [name for name in COLUMNS if any(_median(task, name) for task in tasks)]
    rows = []
    for task in tasks:
        peer, ours = best_peer(task["contestants"]), _median(task, "Pellucid")
        lead = f"{peer['ratio']:.2f} {peer['name']}" if peer and ours else "-"
        cells = [duration(value) if (value := _median(task, name)) else "-" for name in names]
        floor = duration(task["floor"]) if task.get("floor") else "-"
        rows.append((task["name"].split()[-1], *cells, floor, lead))
    return f"### {title}\n\n" + table((axis, *names, "floor", "best peer × Pellucid"), rows)


def _median(task: Found, name: str) -> float | None:
    return next((one.get("median") for one in task["contestants"] if one["name"] == name), None)


def overview(found: Found) -> str:
    """Returns the README's table: each task and fit a line, each contender's median with its multiple of Pellucid's."""
    lines = [_task_line(task) for task in found["tasks"]]
    lines += [_fit_line(one) for one in found.get("fits", []) if "median" in one and one["dtype"] == "float32"]
    lines = [line for line in lines if line[1]]
    names = [name for name in COLUMNS if any(name in cells for _, cells, _ in lines)]
    rows = [(label, *[cells.get(name, "-") for name in names], floor) for label, cells, floor in lines]
    return table(("", *names, "floor"), rows)


Line = tuple[str, dict[str, str], str]
"""A label, a cell per contender, and the floor."""


def _task_line(task: Found) -> Line:
    cells = {one["name"]: _cell(one) for one in task["contestants"] if one["name"] in COLUMNS and "median" in one}
    return _short(task), cells, duration(task["floor"]) if task.get("floor") else "-"


def _fit_line(fit: Found) -> Line:
    theirs = {"name": "scikit-learn", "median": fit["median"]["scikit-learn"], "ratio": fit["ratio"]}
    cells = {"Pellucid": duration(fit["median"]["Pellucid"]), "scikit-learn": _cell(theirs)}
    return ("Fit " if fit["do"] == "fit" else "Estimator, ") + fit["name"], cells, "-"


def _cell(one: Found) -> str:
    time = duration(one["median"])
    alone = one["name"] == "Pellucid" or "ratio" not in one
    return time if alone else f"{time} ({one['ratio']:.3g}×)"


def _short(task: Found) -> str:
    """The task's name; with the sizes where it says nothing, and they are all of the network."""
    bare = len(task["name"]) == 1 and not task["stages"]
    name: str = task["title"].split(",")[0]
    return name + (f": {'-'.join(map(str, task['sizes']))}" if bare else "")


def costs_section(found: Found) -> list[str]:
    """Returns imports, recording and the seed experiment, whichever were measured."""
    parts = []
    if found.get("imports"):
        rows = [
            (one["name"], duration(one["median"]), duration(one["minimum"]), f"{one['bytes'] / 1e6:,.1f} MB")
            for one in found["imports"]
        ]
        parts.append(
            "### Import time and installed size\n\nTime beyond that of an empty Python; size with all that the package "
            "needs, but for NumPy.\n\n" + table(("", "median", "minimum", "size"), rows)
        )
    if found.get("memory"):
        parts.append(
            "### Peak memory of training DeepConvNet, batch 100\n\nBy how much the resident memory of a fresh process "
            "grew above its imports, the data and a step with two rows: network, Adam's memory, ten steps.\n\n"
            + _memory(found["memory"])
        )
    if found.get("recording"):
        times = [(one["name"], duration(one["median"]), duration(one["minimum"])) for one in found["recording"]]
        parts.append("### Recording\n\n" + table(("", "median", "minimum"), times))
    if found.get("seed"):
        parts.append("### The seed experiment, start to finish\n\n" + _seed(found["seed"]))
    return parts


def _memory(rows: list[Found]) -> str:
    ours = next((one["bytes"] for one in rows if one["name"] == "Pellucid" and "bytes" in one), None)
    cells: list[tuple[str, ...]] = []
    for one in rows:
        size = one.get("bytes")
        share = f"{size / ours:.2f}" if size and ours else "-"
        cells.append(
            (one["name"], f"{size / 1e6:,.1f} MB" if size else str(one.get("skipped", one.get("error"))), share)
        )
    return table(("", "growth", "× Pellucid"), cells)


def estimators_sections(found: Found) -> list[str]:
    """Returns the comparisons with scikit-learn's own perceptrons, whichever were made."""
    parts = []
    if found.get("fits"):
        rows = [
            (one["name"], f"`{one['estimator']}`", one["dtype"])
            + tuple(duration(one["median"][name]) for name in ("Pellucid", "scikit-learn"))
            + (f"{one['ratio']:.1f}",)
            for one in found["fits"]
            if "median" in one
        ]
        parts.append(
            "### Whole fits, time per step, and predictions, time per call\n\nFrom the call of `fit` to its return, "
            "checks of the data included, divided by the number of steps; the other arguments are scikit-learn's "
            "defaults. The type is that of X, which both keep.\n\n"
            + table(("", "estimator", "type", "Pellucid", "scikit-learn", "× Pellucid"), rows)
            + _refusals(found["fits"])
        )
    if found.get("scores"):
        rows = [
            (one["name"], f"`{one['estimator']}`")
            + tuple(f"{one['mean'][n]:.4f} ± {one['deviation'][n]:.4f}" for n in ("Pellucid", "scikit-learn"))
            + (f"{one['largest difference']:.1g}", f"{one['ratio']:.1f}")
            for one in found["scores"]
            if "mean" in one
        ]
        parts.append(
            f"### Scores on unseen rows, {found['scores'][0]['seeds']} seeds\n\nMean and standard deviation of "
            "accuracy or R² on a quarter of the rows, float64, the rest scaled to mean 0 and deviation 1; each seed "
            "decides split, first weights and order, in both alike.\n\n"
            + table(("", "estimator", "Pellucid", "scikit-learn", "largest difference", "time × Pellucid"), rows)
            + _refusals(found["scores"])
        )
    return parts


def _refusals(rows: list[Found]) -> str:
    lines = [f"- {one['name']}: REFUSED, {one['refused']}" for one in rows if "refused" in one]
    return "\n\n" + "\n".join(lines) if lines else ""


def _seed(seed: Found) -> str:
    if "skipped" in seed:
        return f"Skipped: {seed['skipped']}."
    return (
        f"`{seed['command']}`\n\nWith import, loading of the data and a validation after each epoch, on one core: "
        f"median {duration(seed['median'])}, minimum {duration(seed['minimum'])}; best validation accuracy "
        f"{100 * seed['accuracy']:.2f} %."
    )


def markdown(found: Found, plot: str | None) -> str:
    """Returns the whole of docs/benchmarks.md."""
    parts = ["# Benchmarks", _introduction(found)]
    if found["tasks"] or found.get("fits"):
        parts += ["## Overview", overview(found)]
    if found["tasks"]:
        parts.append("## Task by task")
        parts += [task_section(task) for task in found["tasks"]]
    if found["width"] or found["batch"]:
        parts.append("## Sweeps")
    if found["width"]:
        parts.append(sweep_section("Width: 784-W-10, batch 32, time per step", "W", found["width"]))
    if plot:
        parts.append(f"![Time per step over the width of the hidden layer]({plot})")
    if found["batch"]:
        parts.append(sweep_section("Batch size: 784-128-10, time per step", "N", found["batch"]))
    estimators = estimators_sections(found)
    if estimators:
        parts += ["## scikit-learn's perceptrons", *estimators]
    costs = costs_section(found)
    return "\n\n".join(parts + (["## Other costs", *costs] if costs else [])) + "\n"


def _introduction(found: Found) -> str:
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    peak = found["peak"]
    checks = "; ".join(
        f"{name} after {steps} steps, loss within {loss:g} and weights within {weights:g}"
        for name, (steps, loss, weights) in found["checks"].items()
    )
    floor = f"{peak['flop_per_second'] / 1e9:.0f} GFLOP/s" if peak["flop_per_second"] else f"none: {peak['missing']}"
    changed = " with uncommitted changes" if machine["uncommitted changes"] else ""
    return (
        f"Written by `python -m benchmarks --docs`; do not edit. Commit {machine['commit']}{changed}; "
        f"{machine['processor']}, {machine['cores']} cores, {machine['instruction set']}, {machine['system']}; "
        f"Python {machine['python']}, {versions}. Data: {found['data']}.\n\n"
        "One core and float32 unless said. Every contender runs in a process of its own, pinned to one core, and takes "
        f"its turns in {found['rounds']} interleaved rounds, each from the same first weights over the same batches. "
        "Before it is timed, its loss and weights must equal those of float64 NumPy, as shares of what training "
        f"changed: {checks}. Times are of the epoch's loop alone, with the data "
        "in memory as the contender likes them best: PyTorch and JAX try images with channels first and last and keep "
        "the quicker; JAX scans over the epoch, but calls its jitted step batch by batch where there are convolutions, "
        "which is several times as fast; NumPy convolves by im2col as the book does. "
        "Pellucid's are those of `fit`, which also draws the shuffle. "
        "Loss after: that of 2,000 training rows after one round, computed in float64 by the harness. "
        "Spread is (largest − smallest) / median; × Pellucid is the median over the rounds of a contender's time over "
        "Pellucid's. The floor is the FLOP of the matrix products over the peak of fused multiply-adds in float32 "
        f"({floor}, measured between the rounds)."
    )


def between_markers(text: str, table: str) -> str | None:
    """Returns the text with the table between the README's markers, or None where it has none."""
    if BEGIN not in text or END not in text:
        return None
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}"
