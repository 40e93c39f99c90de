"""What is not a competition of steps: import time, installed size, recording a plan, and the seed experiment."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import pinning
from benchmarks.problems import Problem

IMPORTS = {
    "Pellucid": ("pellucid", "pellucid"),
    "NumPy": ("numpy", "numpy"),
    "PyTorch": ("torch", "torch"),
    "JAX": ("jax.numpy", "jax"),
    "scikit-learn": ("sklearn.neural_network", "scikit-learn"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
}
"""What is imported, and the distribution that holds it."""
SEED_EXPERIMENT = (
    "train mnist --layers 784-30-10 --activation sigmoid --loss mse --optimizer sgd --learning-rate 3.0 "
    "--batch-size 10 --epochs 30"
)


def imports(rounds: int) -> list[dict[str, Any]]:
    """Returns per package the seconds of importing it, less those of an empty Python, and its size in bytes."""
    empty: list[float] = []
    seconds: dict[str, list[float]] = {name: [] for name, (module, _) in IMPORTS.items() if _there(module)}
    for number in range(rounds + 1):
        began = _seconds([sys.executable, "-c", "pass"])
        took = {name: _seconds([sys.executable, "-c", f"import {IMPORTS[name][0]}"]) for name in seconds}
        if number:  # The first round fills the file cache.
            empty.append(began)
            for name, value in took.items():
                seconds[name].append(value)
    base = median(empty)
    rows = []
    for name, values in seconds.items():
        row: dict[str, Any] = {"name": name, "minimum": min(values) - min(empty), "median": median(values) - base}
        rows.append(row | {"bytes": installed_bytes(IMPORTS[name][1])})
    return rows


def _there(module: str) -> bool:
    return importlib.util.find_spec(module.split(".")[0]) is not None


def _seconds(command: list[str], **options: Any) -> float:
    began = perf_counter()
    subprocess.run(
        command,
        check=True,
        env=pinning.environment(1),
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: pinning.restrict(1),
        **options,
    )
    return perf_counter() - began


def installed_bytes(distribution: str) -> int:
    """Returns the size of a distribution and of all that it needs, but for NumPy, which all of them share."""
    total, todo, known = 0, [distribution], {"numpy"} - {distribution}
    while todo:
        name = todo.pop()
        if name in known:
            continue
        known.add(name)
        size, needs = _size_and_needs(name)
        total += size
        todo += needs
    return total


def _size_and_needs(name: str) -> tuple[int, list[str]]:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return _folder_bytes(name), []
    paths = [Path(str(file.locate())) for file in found.files or [] if "__pycache__" not in file.parts]
    needs = [
        re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]).lower()
        for line in found.requires or []
        if "extra ==" not in line
    ]
    return sum(path.stat().st_size for path in paths if path.is_file()), needs


def _folder_bytes(name: str) -> int:
    """The package's own folder, for a source tree on the path."""
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        return 0
    files = Path(spec.origin).parent.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file() and "__pycache__" not in path.parts)


def recording(rounds: int, problems: dict[str, Problem]) -> list[dict[str, Any]]:
    """Returns the seconds of making a network (which records what it needs) and of recording one training step."""
    from benchmarks.contenders.pellucid_native import network_for
    from pellucid.optimizers import SGD, Adam

    rows = []
    for name, problem in problems.items():
        network = network_for(problem, 1, "auto")
        optimizer = Adam() if problem.optimizer == "adam" else SGD(0.1)
        rows.append(_row(f"{name}: Network(...)", rounds, partial(network_for, problem, 1, "auto")))
        rows.append(_row(f"{name}: net.plan(...)", rounds, partial(network.plan, "step", optimizer)))
    return rows


def _row(name: str, rounds: int, call: Callable[[], Any]) -> dict[str, Any]:
    call()
    seconds = []
    for _ in range(5 * rounds):
        began = perf_counter()
        call()
        seconds.append(perf_counter() - began)
    return {"name": name, "minimum": min(seconds), "median": median(seconds)}


def seed_experiment(rounds: int, epochs: int) -> dict[str, Any]:
    """Returns the seconds of the whole command on one core, start to finish, and its best validation accuracy."""
    if not os.environ.get("PELLUCID_DATA"):
        return {"skipped": "PELLUCID_DATA is not set, and this command needs the real digits"}
    words = SEED_EXPERIMENT.replace("--epochs 30", f"--epochs {epochs}").split()
    seconds, best = [], 0.0
    with tempfile.TemporaryDirectory(prefix="pellucid-seed-") as folder:
        for number in range(rounds):
            out = Path(folder) / f"run{number}"
            seconds.append(_seconds([sys.executable, "-m", "pellucid", *words, "--out", str(out)]))
            lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            best = max(json.loads(line).get("validation_accuracy", 0.0) for line in lines)
    row = {"command": "pellucid " + " ".join(words), "minimum": min(seconds), "median": median(seconds)}
    return row | {"samples": seconds, "accuracy": best}
