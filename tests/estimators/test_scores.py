"""The score of scikit-learn's estimators, on five data sets, seed by seed; 20 seeds with `-m slow`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as scikit
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_friedman1,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pellucid import estimators

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def like_california() -> tuple[Any, Any]:
    """Synthetic, with the 20,640 rows and 8 features of the California housing data."""
    x, y = make_friedman1(n_samples=20640, n_features=8, noise=1.0, random_state=0)
    return x, y


DATA: dict[str, tuple[Callable[[], tuple[Any, Any]], str, dict[str, Any]]] = {
    "digits": (lambda: load_digits(return_X_y=True), "MLPClassifier", {"max_iter": 15}),
    "breast cancer": (lambda: load_breast_cancer(return_X_y=True), "MLPClassifier", {"max_iter": 40}),
    "wine": (lambda: load_wine(return_X_y=True), "MLPClassifier", {"max_iter": 100}),
    "diabetes": (lambda: load_diabetes(return_X_y=True), "MLPRegressor", {"max_iter": 100, "learning_rate_init": 0.01}),
    "like California": (like_california, "MLPRegressor", {"max_iter": 10}),
}


def differences(name: str, seeds: int) -> Any:
    load, kind, settings = DATA[name]
    x, y = load()
    found = []
    for seed in range(seeds):
        xt, xe, yt, ye = train_test_split(x, y, random_state=seed)
        scaler = StandardScaler().fit(xt)
        xt, xe = scaler.transform(xt), scaler.transform(xe)
        pair = [getattr(module, kind)(random_state=seed, **settings) for module in (estimators, scikit)]
        with threadpool_limits(1):  # several threads would be slower at this size
            ours, theirs = (model.fit(xt, yt).score(xe, ye) for model in pair)
        found.append((ours, theirs))
    return np.array(found)


@pytest.mark.parametrize("name", DATA)
def test_three_seeds(name: str) -> None:
    ours, theirs = differences(name, 3).T
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_twenty_seeds(name: str) -> None:
    ours, theirs = differences(name, 20).T
    print(f"\n{name}: Pellucid {ours.mean():.4f}, scikit-learn {theirs.mean():.4f}")
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
