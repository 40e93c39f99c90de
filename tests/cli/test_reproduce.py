"""`pellucid reproduce`: names, the run folder, what happens without matplotlib, and the page about it."""

import json
import sys
from pathlib import Path

import pytest

from pellucid.reproduce import EXPERIMENTS, Experiment, Result, Row

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reproduction.md").read_text(encoding="utf-8")


def test_the_list_names_every_experiment(pellucid):
    said = pellucid("reproduce --list")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith("  ")] == list(EXPERIMENTS)
    assert "\nDeep Learning from Scratch, ch. 6\n  book6-" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_an_experiment_leaves_its_table_its_numbers_and_its_picture(pellucid):
    pytest.importorskip("matplotlib")
    said = pellucid("reproduce notebooks-backward --out there")
    assert (said.code, said.err) == (0, "")
    assert "y\n    published 0.08706577 0.91293423 | measured 0.08706577 0.91293423 | within\n" in said.out
    assert said.out.endswith("run folder: there\n")
    assert {path.name for path in Path("there").iterdir()} == {"table.md", "results.json", "notebooks-backward.png"}
    assert Path("there/notebooks-backward.png").read_bytes().startswith(b"\x89PNG")
    (found,) = json.loads(Path("there/results.json").read_text(encoding="utf-8"))
    assert found["name"] == "notebooks-backward" and len(found["rows"]) == 6
    assert Path("there/table.md").read_text(encoding="utf-8").count("| within |") == 6


def test_the_beginning_of_a_name_runs_all_that_begin_so_and_folders_are_numbered(pellucid):
    for number in ("001", "002"):
        said = pellucid("reproduce notebooks --fast")
        assert said.code == 0 and said.out.endswith(f"run folder: runs/reproduce-{number}\n")
        assert said.out.startswith("Scaled down to ") and said.out.count("(the second text)") == 5


def test_without_matplotlib_one_line_says_so(pellucid, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = pellucid("reproduce notebooks --fast --out there")
    assert said.code == 0 and said.out.count("pip install 'pellucid[plot]'") == 1
    assert not list(Path("there").glob("*.png"))


def test_a_figure_that_differs_is_exit_code_1(pellucid, monkeypatch):
    wrong = Experiment("wrong", "Wrong", "nowhere", lambda setting: Result([Row("a", "1", "2", "differs")]))
    monkeypatch.setitem(EXPERIMENTS, "wrong", wrong)
    assert pellucid("reproduce wrong").code == 1


def test_a_run_is_resumed_without_what_is_done(pellucid, monkeypatch):
    ran = []

    def counted(name):
        def run(setting):
            ran.append(name)
            if name == "b" and ran.count("b") == 1:
                raise KeyboardInterrupt
            return Result([Row(name, "1", "1", "within", "note")], range(2))

        return Experiment(name, name, "nowhere", run)

    monkeypatch.setattr("pellucid.reproduce.running.EXPERIMENTS", {name: counted(name) for name in "abc"})
    monkeypatch.setattr("pellucid.cli.reproduce.EXPERIMENTS", {name: counted(name) for name in "abc"})
    assert pellucid("reproduce --all").code == 130
    stopped = pellucid("reproduce c --resume")
    assert stopped.code == 0 and ran == ["a", "b", "c"]
    table = Path("runs/reproduce-001/table.md").read_text(encoding="utf-8")
    assert table.count("| within | 0 to 1 |") == 2 and table.index("| a |") < table.index("| c |")
    whole = pellucid("reproduce --all --resume --out runs/reproduce-001")
    assert whole.code == 0 and ran == ["a", "b", "c", "b"] and whole.out.count("| within") == 3
    table = Path("runs/reproduce-001/table.md").read_text(encoding="utf-8")
    assert [line.split()[1] for line in table.splitlines()[2:]] == ["a", "b", "c"]
    refused = pellucid("reproduce --all --resume --fast")
    assert refused.code == 2 and "the run to resume was in full; leave --fast out" in refused.err


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"name": "no such"}]', '{"name": 1}', "[" * 100_000])
def test_results_that_are_none_are_not_resumed(pellucid, content):
    Path("there").mkdir()
    Path("there/results.json").write_text(content, encoding="utf-8")
    said = pellucid("reproduce notebooks --resume --out there")
    assert said.code == 2 and said.out == "" and said.err.count("\n") == 1
    assert Path("there/results.json").read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("reproduce --all --resume", "no run of reproduce below 'runs' to resume"),
        ("reproduce --all --resume --out there", "no run of reproduce in 'there' to resume"),
        ("reproduce", "or --all; --list shows the names"),
        ("reproduce book2-gate --all", "not both"),
        ("reproduce nielsen1-thirty", "there is no experiment 'nielsen1-thirty'"),
    ],
)
def test_bad_input_is_one_sentence(pellucid, command, sentence):
    said = pellucid(command)
    assert said.code == 2 and said.out == "" and sentence in said.err and said.err.count("\n") == 1
    assert not Path("runs").exists()


def test_the_page_holds_a_row_for_every_experiment():
    for name in EXPERIMENTS:
        assert f"| {name} |" in PAGE, name
