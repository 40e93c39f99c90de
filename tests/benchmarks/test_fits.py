"""The comparisons with scikit-learn's perceptrons, and the peak memory, on small problems."""

import pytest


@pytest.fixture
def libraries():
    """The two workers, as the command has them."""
    from benchmarks.fits import _libraries

    with _libraries() as processes:
        yield processes


def test_both_libraries_fit_predict_and_score_alike(libraries):
    from benchmarks.fits import Fit, _scored, _timed

    said = []
    settings = {"max_iter": 3, "hidden_layer_sizes": [5]}
    for fit in (
        Fit("wine", "wine", "MLPClassifier", settings, dtype="float64"),
        Fit("diabetes", "diabetes", "MLPRegressor", settings),
        Fit("one row", "diabetes", "MLPRegressor", settings, do="predict"),
    ):
        found = _timed(fit, 1, libraries, said.append)
        assert not said and found["dtype"] == fit.dtype
        assert min(found["median"].values()) > 0 and found["ratio"] > 0
    found = _scored(Fit("wine", "wine", "MLPClassifier", settings), 2, libraries, said.append)
    assert not said and found["largest difference"] < 1e-9
    assert found["mean"]["Pellucid"] == pytest.approx(found["mean"]["scikit-learn"])


def test_a_fit_that_fails_or_learns_something_else_is_refused(libraries):
    from benchmarks.fits import Fit, _disagreement, _timed

    said = []
    found = _timed(Fit("wine", "wine", "MLPClassifier", {"max_iter": 0}), 1, libraries, said.append)
    assert "max_iter" in found["refused"] and said and "median" not in found
    one = {"losses": [1.0, 0.5], "dtype": "float32"}
    assert _disagreement(one, one) is None
    assert "apart" in (_disagreement({**one, "losses": [1.0, 0.51]}, one) or "")
    assert "float64" in (_disagreement({**one, "dtype": "float64"}, one) or "")


def test_the_report_has_the_estimators_and_the_memory():
    from benchmarks.report import costs_section, estimators_sections, overview

    pair = {"Pellucid": 1e-6, "scikit-learn": 5e-6}
    fit = {
        "name": "digits",
        "estimator": "MLPClassifier()",
        "dtype": "float32",
        "median": pair,
        "ratio": 5.0,
        "do": "fit",
    }
    score = {
        "name": "wine",
        "estimator": "MLPClassifier()",
        "seeds": 20,
        "mean": pair,
        "deviation": pair,
        "largest difference": 0.0,
        "ratio": 2.0,
    }
    text = "\n".join(estimators_sections({"fits": [fit, {"name": "bad", "refused": "why"}], "scores": [score]}))
    assert "Fit digits |  1.00 µs | 5.00 µs (5×)" in overview({"tasks": [], "fits": [fit]})
    assert "5.00 µs |        5.0 |" in text and "- bad: REFUSED, why" in text and "20 seeds" in text
    memory = [{"name": "Pellucid", "bytes": 2e6}, {"name": "PyTorch", "skipped": "not installed"}]
    assert "2.0 MB" in costs_section({"memory": memory})[0] and "not installed" in costs_section({"memory": memory})[0]


def test_the_peak_of_training_holds_at_least_half_of_its_activations():
    from benchmarks.data import data_for, made_up
    from benchmarks.memory import peaks
    from benchmarks.problems import Problem
    from benchmarks.stages import Stage

    pool = made_up(200)
    problem = Problem(
        "train", (14 * 14 * 30, 10), optimizer="adam", batch=100, steps=2, stages=(Stage(30, 3, 1, True),)
    )
    ours = peaks(1, problem, lambda one: data_for(one, pool))[0]
    if "skipped" not in ours:
        assert 100 * 30 * 28 * 28 * 4 < 2 * ours["bytes"] < 200e6
