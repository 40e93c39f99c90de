import json
import os
import platform
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(6.28e-6, "6.28 µs"), (1.5e-9, "1.50 ns"), (0.0123, "12.3 ms"), (2.0, "2.00 s")],
)
def test_durations_have_three_digits(seconds, text):
    from benchmarks.report import duration

    assert duration(seconds) == text


def test_ratios_are_taken_round_by_round():
    from benchmarks.harness import Measured
    from benchmarks.summary import figures

    ours, theirs = Measured("Pellucid", [1.0, 10.0, 1.0]), Measured("other", [2.0, 20.0, 4.0])
    found = figures(theirs, ours)
    assert found["ratio"] == 2.0 and found["minimum"] == 2.0 and found["median"] == 4.0 and found["spread"] == 4.5


def test_a_refused_contender_has_no_figures():
    from benchmarks.harness import Measured
    from benchmarks.summary import figures

    assert figures(Measured("other", [1.0], refused="wrong"), None) == {"name": "other", "refused": "wrong"}


def test_the_table_goes_between_the_markers_and_nowhere_else():
    from benchmarks.report import BEGIN, END, between_markers

    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert between_markers(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert between_markers("no markers", "new") is None


def test_the_overview_names_tasks_by_sizes_where_they_say_it_all():
    from benchmarks.report import overview

    one = {"contestants": [{"name": "Pellucid", "median": 1e-6, "ratio": 1.0}], "sizes": (784, 30, 10), "floor": None}
    two = {"name": "Pellucid, 2 threads", "median": 5e-7, "ratio": 0.5}
    dense = one | {"name": "A", "title": "Task A, time per step", "stages": ()}
    images = {"name": "D", "title": "Task D, time per step", "stages": ((30, 5, 0, True),)}
    text = overview({"tasks": [dense, one | images | {"contestants": [*one["contestants"], two]}]})
    assert "| Task A: 784-30-10 |  1.00 µs |" in text and "| Task D            |  1.00 µs |" in text
    assert "2 threads" not in text


def _run(*arguments):
    """Runs the command as a person does, without the plots and peers."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_a_table_and_json_with_commit_and_machine(tmp_path):
    out = tmp_path / "found.json"
    done = _run("step-2-10-1", "--quick", "--peers", "numpy,per-sample", "--json", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert {"commit", "processor", "instruction set", "cores"} <= set(found["machine"])
    assert platform.node() not in map(str, found["machine"].values())
    names = {one["name"]: one for one in found["tasks"][0]["contestants"]}
    assert set(names) == {"Pellucid", "NumPy", "per-sample loop"}
    assert {"minimum", "median", "spread", "samples"} <= set(names["NumPy"])
    assert "| NumPy " in done.stdout and "made-up images" in done.stdout


@pytest.mark.parametrize("arguments", [["no-such-task"], ["A", "--peers", "no-such-peer"], ["A", "--rounds", "-1"]])
def test_a_wrong_word_is_answered_in_one_sentence(arguments):
    done = _run(*arguments)
    assert done.returncode == 2 and "error:" in done.stderr and "Traceback" not in done.stderr
