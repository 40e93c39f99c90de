"""One library's perceptrons in a process of its own: `python -m benchmarks.fit_worker LIBRARY`; see worker.py."""

import gc
import importlib
import sys
import warnings
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import pinning
from benchmarks.data import images
from benchmarks.problems import Array
from benchmarks.worker import Answering, serve

CALLS = 1000


@cache
def data(name: str) -> tuple[Array, Array]:
    """Returns (x, y) as scikit-learn's loaders give them; the synthetic ones have 8 features, as California has."""
    from sklearn import datasets

    if name == "MNIST":
        pool = images()
        return pool.x, pool.labels
    if name in ("synthetic", "like California"):
        rows = 20_000 if name == "synthetic" else 20_640
        x, y = datasets.make_friedman1(n_samples=rows, n_features=8, noise=1.0, random_state=0)
    else:
        x, y = getattr(datasets, f"load_{name.replace(' ', '_')}")(return_X_y=True)
    return x, y


class FitWorker(Answering):
    """Fits and scores the estimators of one library."""

    def __init__(self, library: str) -> None:
        self.library = library

    def _estimator(self, kind: str, arguments: dict[str, Any], seed: int) -> Any:
        return getattr(importlib.import_module(self.library), kind)(random_state=seed, **arguments)

    def fit(self, name: str, dtype: str, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Fits to all rows, scaled to mean 0 and deviation 1 but for images."""
        x, y = _typed(name, dtype)
        model = self._estimator(kind, arguments, 0)
        seconds = _seconds(lambda: model.fit(x, y))
        steps = model.n_iter_ * -(-len(x) // min(200, len(x)))
        curve = [float(loss) for loss in model.loss_curve_[:5]]
        return {"seconds": seconds, "steps": steps, "losses": curve, "dtype": model.coefs_[0].dtype.name}

    def predict(self, name: str, dtype: str, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Times calls with one row each."""
        x, y = _typed(name, dtype)
        model = self._estimator(kind, arguments, 0).fit(x[:2000], y[:2000])
        rows = [x[i : i + 1] for i in np.arange(CALLS) % len(x)]
        model.predict(rows[0])

        def calls() -> None:
            for row in rows:
                model.predict(row)

        seconds = _seconds(calls) / CALLS
        return {"seconds": seconds, "losses": [float(model.loss_)], "steps": 1, "dtype": model.coefs_[0].dtype.name}

    def score(self, name: str, kind: str, arguments: dict[str, Any], seed: int) -> dict[str, Any]:
        """Fits to three quarters of the rows, scaled, and scores on the rest; `seed` decides both."""
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        x, xe, y, ye = train_test_split(*data(name), random_state=seed)
        scaler = StandardScaler().fit(x)
        x, xe = scaler.transform(x), scaler.transform(xe)
        model = self._estimator(kind, arguments, seed)
        return {"seconds": _seconds(lambda: model.fit(x, y)), "score": float(model.score(xe, ye))}


@cache
def _typed(name: str, dtype: str) -> tuple[Array, Array]:
    x, y = data(name)
    if name != "MNIST":
        deviation = x.std(axis=0)
        x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return x.astype(dtype), y


def _seconds(call: Any) -> float:
    gc.collect()
    gc.disable()
    try:
        began = perf_counter()
        call()
        return perf_counter() - began
    finally:
        gc.enable()


if __name__ == "__main__":
    pinning.restrict(1)
    warnings.simplefilter("ignore")
    serve(FitWorker(sys.argv[1]))
