"""The same random_state gives the training that scikit-learn gives, up to the last digits."""

from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as scikit
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression

from pellucid import estimators

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_REGRESSION, Y_REGRESSION = make_regression(n_samples=150, n_features=6, noise=5.0, random_state=2)
Y_REGRESSION = (Y_REGRESSION - Y_REGRESSION.mean()) / Y_REGRESSION.std()

SINCE_1_7 = pytest.mark.skipif(
    "loss" not in scikit.MLPRegressor().get_params(),
    reason="sample weights and poisson came with scikit-learn 1.7",
)

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"solver": "sgd"},
    {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    {"solver": "sgd", "momentum": 0},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "learning_rate_init": 0.2},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2},
    {"activation": "logistic", "hidden_layer_sizes": (7, 5)},
    {"activation": "tanh", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    {"activation": "identity", "alpha": 2.0},
    {"shuffle": False, "batch_size": 7},
    {"batch_size": 1, "max_iter": 3},
    {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 4, "learning_rate_init": 0.05},
    {"tol": 0.05, "n_iter_no_change": 3, "learning_rate_init": 0.02},
)


def both(kind: str, **settings: Any) -> tuple[Any, Any]:
    settings = {"hidden_layer_sizes": (9,), "max_iter": 25, "random_state": 5, "batch_size": 40, **settings}
    return getattr(scikit, kind)(**settings), getattr(estimators, kind)(**settings)


def assert_same(theirs: Any, ours: Any, loss: float = 1e-4) -> None:
    for theirs_w, ours_w in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        np.testing.assert_allclose(ours_w, theirs_w, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=loss)
    for name in ("n_iter_", "t_", "out_activation_", "n_layers_", "n_outputs_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_", "best_loss_", "validation_scores_", "best_validation_score_"):
        expected = getattr(theirs, name)
        assert (getattr(ours, name) is None) == (expected is None)
        if expected is not None:
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=loss)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_classes(settings: dict[str, Any]) -> None:
    theirs, ours = both("MLPClassifier", **settings)
    assert_same(theirs.fit(X_IRIS, Y_IRIS), ours.fit(X_IRIS, Y_IRIS))
    np.testing.assert_array_equal(ours.predict(X_IRIS), theirs.predict(X_IRIS))
    np.testing.assert_allclose(ours.predict_proba(X_IRIS), theirs.predict_proba(X_IRIS), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.predict_log_proba(X_IRIS), theirs.predict_log_proba(X_IRIS), rtol=1e-5, atol=1e-9)
    assert ours.network_.engine == "native"


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_values(settings: dict[str, Any]) -> None:
    theirs, ours = both("MLPRegressor", **settings)
    assert_same(theirs.fit(X_REGRESSION, Y_REGRESSION), ours.fit(X_REGRESSION, Y_REGRESSION))
    np.testing.assert_allclose(ours.predict(X_REGRESSION), theirs.predict(X_REGRESSION), rtol=1e-6, atol=1e-9)


@SINCE_1_7
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_sample_weights(kind: str, early_stopping: bool) -> None:
    weight = np.random.default_rng(3).uniform(0.1, 4.0, len(X_IRIS))
    theirs, ours = both(kind, early_stopping=early_stopping, alpha=0.5)
    y = Y_IRIS if kind == "MLPClassifier" else X_IRIS[:, 0]
    assert_same(theirs.fit(X_IRIS, y, sample_weight=weight), ours.fit(X_IRIS, y, sample_weight=weight))


def test_two_classes_and_strings() -> None:
    y = np.array(["no", "yes"])[(Y_IRIS > 0).astype(int)]
    theirs, ours = both("MLPClassifier")
    assert_same(theirs.fit(X_IRIS, y), ours.fit(X_IRIS, y))
    np.testing.assert_array_equal(ours.predict(X_IRIS), theirs.predict(X_IRIS))
    np.testing.assert_allclose(ours.predict_proba(X_IRIS), theirs.predict_proba(X_IRIS), rtol=1e-6)


def test_several_labels_at_once() -> None:
    x, y = make_multilabel_classification(n_samples=120, random_state=1)
    theirs, ours = both("MLPClassifier")
    assert_same(theirs.fit(x, y), ours.fit(x, y))
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    assert ours.predict(x).dtype == theirs.predict(x).dtype


def test_several_values_at_once() -> None:
    y = np.column_stack([Y_REGRESSION, X_REGRESSION[:, 0], X_REGRESSION[:, 1] ** 2])
    theirs, ours = both("MLPRegressor")
    assert_same(theirs.fit(X_REGRESSION, y), ours.fit(X_REGRESSION, y))
    np.testing.assert_allclose(ours.predict(X_REGRESSION), theirs.predict(X_REGRESSION), rtol=1e-6)


@SINCE_1_7
def test_counts() -> None:
    y = np.random.default_rng(1).poisson(np.exp(0.3 * X_REGRESSION[:, 0]), len(X_REGRESSION)).astype(float)
    theirs, ours = both("MLPRegressor", loss="poisson", solver="adam")
    assert_same(theirs.fit(X_REGRESSION, y), ours.fit(X_REGRESSION, y))
    np.testing.assert_allclose(ours.predict(X_REGRESSION), theirs.predict(X_REGRESSION), rtol=1e-6)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs(kind: str) -> None:
    y = Y_IRIS if kind == "MLPClassifier" else X_IRIS[:, 0]
    theirs, ours = both(kind, solver="lbfgs", max_iter=20, alpha=0.3)
    theirs.fit(X_IRIS, y)
    ours.fit(X_IRIS, y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-8)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-4, atol=1e-6)


def test_part_by_part_from_the_same_start() -> None:
    """scikit-learn shuffles every part by a fresh random_state; without shuffling both see the same batches."""
    theirs, ours = both("MLPClassifier", shuffle=False)
    for start in (0, 50, 90, 0):
        part = slice(start, start + 60)
        theirs.partial_fit(X_IRIS[part], Y_IRIS[part], classes=[0, 1, 2])
        ours.partial_fit(X_IRIS[part], Y_IRIS[part], classes=[0, 1, 2])
    assert_same(theirs, ours)


def test_the_printed_lines(capsys: pytest.CaptureFixture[str]) -> None:
    theirs, ours = both("MLPClassifier", verbose=True, early_stopping=True, n_iter_no_change=2, tol=0.1)
    theirs.fit(X_IRIS, Y_IRIS)
    expected = capsys.readouterr().out
    ours.fit(X_IRIS, Y_IRIS)
    assert [line.split("=")[0] for line in capsys.readouterr().out.splitlines()] == [
        line.split("=")[0] for line in expected.splitlines()
    ]
