"""Verdicts: what agrees with a published figure, what differs, and that a planted wrong figure is seen."""

import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.network import Network
from pellucid.reproduce import EXPERIMENTS, Experiment, Result, Row, Setting, chosen, perform
from pellucid.reproduce.book import numeric_gradient
from pellucid.reproduce.experiment import claim, compare, exact, shown
from pellucid.reproduce.report import Outcome, as_markdown, as_text, as_values

FULL, FAST = Setting(), Setting(fast=True)


@pytest.mark.parametrize(
    ("published", "measured", "verdict"),
    [
        (95.4, [95.0, 95.5], "within"),
        (96.0, [95.0, 95.5], "within"),
        (96.1, [95.0, 95.5], "differs"),
        (94.4, [95.0, 95.5], "differs"),
        (95.09, [95.0], "within"),
        (95.2, [95.0], "differs"),
    ],
)
def test_a_figure_is_within_the_spread_of_the_runs(published, measured, verdict):
    assert compare("a", published, measured, FULL).verdict == verdict
    assert compare("a", published, measured, FAST).verdict == "scaled"


def test_figures_without_a_percent_sign_keep_three_digits():
    row = compare("a", 0.003, [0.0021, 0.0052], FULL, unit="")
    assert (row.published, row.measured, row.verdict) == ("0.003", "0.0021 to 0.0052", "within")
    assert compare("a", 0.3, [0.01, 0.02], FULL, unit="").verdict == "differs"


def test_printed_numbers_agree_to_the_last_digit():
    assert exact("u", [1.4, 2.2], [1.4 + 1e-10, 2.2], 8).verdict == "within"
    assert exact("u", [1.4, 2.2], [1.4 + 1e-8, 2.2], 8).verdict == "differs"
    assert exact("u", [1.4, 2.2], [1.4], 8).verdict == "differs"
    assert exact("u", [[10, 0], [0, 1]], np.array([[10, 0], [0, 1]]), 0).measured == "10 0; 0 1"


def test_words_hold_or_do_not():
    assert claim("a", "b", "c", True, FULL).verdict == "within"
    assert claim("a", "b", "c", False, FULL).verdict == "differs"
    assert claim("a", "b", "c", False, FAST).verdict == "scaled"
    assert shown("a", [1.0, 2.0]) == Row("a", "no figure", "1.00 to 2.00 %", "shown")


def test_names_choose():
    assert [one.name for one in chosen("book2-gates")] == ["book2-gates"]
    assert {one.name for one in chosen("nielsen1")} == {name for name in EXPERIMENTS if name.startswith("nielsen1-")}
    assert len(chosen(None)) == len(EXPERIMENTS) >= 25
    for wrong in ("nielsen9", ""):
        with pytest.raises(InputError, match="there is no experiment"):
            chosen(wrong)


def test_a_missing_package_is_a_row_and_any_other_error_is_one():
    def missing(setting):
        raise ModuleNotFoundError("no", name="sklearn.svm")

    outcome = perform(Experiment("a", "A", "b", missing, needs="sklearn"), FAST)
    assert [(row.verdict, row.note) for row in outcome.result.rows] == [
        ("not yet", "needs sklearn: pip install 'pellucid[sklearn]'")
    ]
    assert outcome.agrees
    with pytest.raises(ModuleNotFoundError):
        perform(Experiment("a", "A", "b", missing), FAST)


def test_a_table_says_everything_once():
    rows = [Row("what | it", "1 %", "2 %", "differs", "a note"), Row("more", "1", "1", "within")]
    outcome = Outcome(EXPERIMENTS["book2-gates"], Result(rows, range(3)), 1.25)
    assert not outcome.agrees
    table = as_markdown([outcome]).splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert table[2] == "| book2-gates | what / it | 1 % | 2 % | differs | 0 to 2 | 1.2 | a note |"
    assert table[3].startswith("|  | more | ")
    assert as_values(outcome)["seeds"] == [0, 1, 2]
    assert max(map(len, as_text(outcome).splitlines())) <= 80


def test_numeric_differentiation_finds_a_gradient_and_leaves_the_network_as_it_was():
    net = Network([Affine(3), Sigmoid()], MeanSquaredError(), input_shape=2, dtype="float64")
    x, t = np.array([[0.5, -1.0]]), np.array([[0.0, 1.0, 0.5]])
    before = net.parameters.flat.copy()
    for name, gradient in net.gradient(x, t)[1].items():
        np.testing.assert_allclose(numeric_gradient(net, name, x, t), gradient, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(net.parameters.flat, before)
