"""Sparse input: the same training, and never more of it dense than asked for."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from pellucid.estimators import MLPClassifier, MLPRegressor, rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FEATURES = 300
DENSE = sparse.random(250, FEATURES, 0.05, random_state=1).toarray()
Y = (DENSE[:, :40].sum(axis=1) > np.median(DENSE[:, :40].sum(axis=1))).astype(int)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 2, "batch_size": 20}
LIMIT = 64 * 1024


@pytest.fixture
def largest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of the largest dense part that was made."""
    seen = [0]
    make_dense = rows.SparseRows.__getitem__

    def watched(self: rows.SparseRows, wanted: Any) -> Any:
        dense = make_dense(self, wanted)
        seen[0] = max(seen[0], dense.nbytes)
        return dense

    monkeypatch.setattr(rows.SparseRows, "__getitem__", watched)
    monkeypatch.setattr(rows, "BYTES_AT_ONCE", LIMIT)
    return seen


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"shuffle": False}], ids=str)
def test_as_dense_in_small_parts(make: Any, kind: Any, settings: dict[str, Any], largest: list[int]) -> None:
    x = make(DENSE)
    weight = np.linspace(0.5, 2.0, len(Y))
    expected = kind(**{**SMALL, **settings}).fit(DENSE, Y, sample_weight=weight)
    found = kind(**{**SMALL, **settings}).fit(x, Y, sample_weight=weight)
    np.testing.assert_allclose(found.coefs_[0], expected.coefs_[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.predict(x), expected.predict(DENSE), rtol=1e-6)
    assert 0 < largest[0] <= LIMIT < DENSE.nbytes


def test_sparse_validation_data_and_parts(largest: list[int]) -> None:
    x = sparse.csr_array(DENSE)
    found = MLPClassifier(**SMALL).fit(x, Y, X_val=x, y_val=Y)
    expected = MLPClassifier(**SMALL).fit(DENSE, Y, X_val=DENSE, y_val=Y)
    np.testing.assert_allclose(found.history_["validation_loss"], expected.history_["validation_loss"], rtol=1e-9)
    np.testing.assert_allclose(found.partial_fit(x, Y).loss_, expected.partial_fit(DENSE, Y).loss_, rtol=1e-9)
    assert largest[0] <= LIMIT
