"""`pellucid explain` and `pellucid check --cost`."""

import re
from pathlib import Path

import pytest

from pellucid import Network
from pellucid.cli.cost import duration
from pellucid.layers import Affine


def test_it_shows_every_array_within_80_columns(trained):
    said = trained("explain runs/small --data digits --sample 7")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("digits, test part, sample 7: says ")
    for title in ("forward pass", "loss", "backward pass", "update"):
        assert f"===== {title} =" in said.out
    assert re.search(r"\*\*\* dW = xᵀ·du   \(BP4\) \*\*\* +\(64, 8\)\n", said.out)
    assert max(map(len, said.out.splitlines())) <= 80
    apart = re.search(r"Gradients of the \w+ engine differ by at most (\S+) of the largest", said.out)
    assert apart and float(apart[1]) < 1e-4


def test_it_writes_one_page(trained):
    said = trained("explain runs/small --data digits --sample 7 --html out.html")
    page = Path("out.html").read_text(encoding="utf-8")
    assert said.out.endswith("page: out.html\n")
    assert "<h1>Sample 7 of digits, number by number</h1>" in page and page.endswith("</html>\n")
    assert "Gradients of the" in page and "http:" not in page and "https:" not in page


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("explain runs/small --data digits --sample 300", "sample must be from 0 to 299"),
        ("explain runs/small --data digits --sample -1", "sample must be from 0 to 299"),
        ("explain runs/small --data xor", "the model takes 64 features, but xor has 2"),
        ("explain runs/none --data digits", "there is no model"),
        ("explain runs/small --data digits --part tset", "test"),
        ("explain runs/small --data digits --learning-rate -1", "learning_rate"),
        ("explain runs/small", "Missing option '--data'"),
    ],
)
def test_bad_input_is_one_sentence(trained, command, sentence):
    said = trained(command)
    assert said.code == 2 and said.out == "" and sentence in said.err and said.err.count("\n") == 1


def test_a_model_without_a_loss_is_named(pellucid):
    Network([Affine(10)], input_shape=64).save("bare.safetensors")
    said = pellucid("explain bare.safetensors --data digits")
    assert said.code == 2 and "has no loss" in said.err


def test_names_from_files_are_shown_and_never_obeyed(pellucid):
    rows = ["a,b,kind"] + [f"{i},{i % 3},{name}" for i in range(30) for name in ("\x1b[2Jred", "<b>blue</b>")]
    Path("colours.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert pellucid("train colours.csv --epochs 1 --quiet --out runs/colours").code == 0
    for sample in range(6):
        said = pellucid(f"explain runs/colours --data colours.csv --sample {sample} --html out.html")
        assert said.code == 0 and "\x1b" not in said.out
        assert "<b>blue" not in Path("out.html").read_text(encoding="utf-8")


def test_a_regression_shows_values(pellucid):
    assert pellucid("train plane --epochs 1 --quiet --out runs/plane").code == 0
    said = pellucid("explain runs/plane --data plane --html plane.html")
    assert said.code == 0 and "sample 0: output " in said.out and ", target " in said.out


def test_cost_counts_the_passes_and_measures_both(pellucid):
    said = pellucid("check --layers 6-5-4 --cost")
    assert (said.code, said.err) == (0, "")
    parameters = 6 * 5 + 5 + 5 * 4 + 4
    assert said.out.startswith(f"One gradient of {parameters} parameters on 8 rows, ")
    table = re.findall(r"^(\w+ ?\w*) +([\d,]+) +([\d.,]+ \S+) +([\d.,]+)x$", said.out, re.MULTILINE)
    passes = [(name.strip(), int(count.replace(",", ""))) for name, count, _, _ in table]
    assert passes == [
        ("backpropagation", 2),
        ("forward differences", parameters + 1),
        ("central differences", 2 * parameters),
        ("backpropagation", 2),
        ("forward differences", 1_000_001),
        ("central differences", 2_000_000),
    ]
    assert "differences taken by all of them" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_cost_leaves_the_model_as_it_is(trained):
    before = Path("runs/small/model.safetensors").read_bytes()
    assert trained("check runs/small --data digits --cost").code == 0
    assert Path("runs/small/model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5e-6, "5 µs"), (0.0123, "12.3 ms"), (1.5, "1.5 s"), (90, "1.5 min"), (86400 * 50_000, "50,000 days")],
)
def test_durations_are_told_in_the_best_unit(seconds, text):
    assert duration(seconds) == text
