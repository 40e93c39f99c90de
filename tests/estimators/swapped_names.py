"""A pytest plugin: puts Pellucid's estimators under scikit-learn's names, before its tests import them.

    python -m pytest -p swapped_names --pyargs sklearn.neural_network.tests.test_mlp

Tests that cannot pass are listed with the reason; one of them passing all the same fails the run.
"""

from typing import Any

import pytest
import sklearn.neural_network

from pellucid.estimators import MLPClassifier, MLPRegressor

REACHES_INSIDE = {
    "test_fit": "sets coefs_, intercepts_ and private counters on an estimator that was never fitted",
    "test_gradient": "calls _loss_grad_lbfgs with lists of activations and gradients to be filled",
}


def pytest_configure(config: pytest.Config) -> None:
    module: Any = sklearn.neural_network
    module.MLPClassifier, module.MLPRegressor = MLPClassifier, MLPRegressor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        module: Any = item.getparent(pytest.Module)
        assert module.obj.MLPClassifier is MLPClassifier
        assert module.obj.MLPRegressor is MLPRegressor
        if item.name in REACHES_INSIDE:
            item.add_marker(pytest.mark.xfail(reason=REACHES_INSIDE[item.name], strict=True))
