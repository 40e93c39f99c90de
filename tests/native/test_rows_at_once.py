"""How many rows a forward pass takes at once: as many as are good for products, fewer where they would be large."""

from typing import Any

import numpy as np
import pytest

from pellucid import Network
from pellucid.engines.native.lowering import lower
from pellucid.engines.recording import record_prediction
from pellucid.layers import Affine, Conv2D, Flatten, ReLU
from pellucid.plan.rewrites import rewrite

core = pytest.importorskip("pellucid._core")


def plan_of(layers: list[Any], input_shape: Any) -> Any:
    model = Network(layers, input_shape=input_shape, engine="reference").model
    return lower(core, rewrite(record_prediction(model)), model.parameters.layout, ()).spec


MLP = plan_of([Affine(100), ReLU(), Affine(10)], 784)
IMAGES = plan_of([Conv2D(16, 3, padding="same"), ReLU(), Flatten(), Affine(10)], (3, 32, 32))


def test_small_rows_go_as_many_at_once_as_may() -> None:
    for rows in (256, 100, 1):
        assert MLP.rows_at_once(4, rows, 2**26, 1e9) == rows


@pytest.mark.parametrize("element", [4, 8])
def test_what_they_leave_behind_stays_within_the_bytes(element: int) -> None:
    # The convolution's image lies as channels side by side, and as planes for the affine layer; x lies apart.
    least = 16 * 32 * 32 * element
    for limit in (least * 400, least * 100, least * 10, 1):
        rows = IMAGES.rows_at_once(element, 256, limit, 1e15)
        assert rows == 1 or rows * least <= limit < 2 * rows * 4 * least


def test_the_work_over_images_stays_within_its_limit() -> None:
    # Multiply-adds of the convolution, and a few for what lies between the steps.
    one = 16 * 27 * 32 * 32
    for limit in (1e15, 64 * one, one):
        rows = IMAGES.rows_at_once(4, 256, 2**40, limit)
        assert rows == 1 or rows * one <= limit
        assert rows == 256 or limit < 2 * rows * 3 * one


def test_products_keep_enough_rows_for_their_weights() -> None:
    assert MLP.rows_at_once(4, 256, 2**26, 1e6) == 128
    assert MLP.rows_at_once(4, 64, 2**26, 1e6) == 64


def test_predictions_are_the_same_however_many_rows_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(70, 3, 12, 12)).astype(np.float32)
    outputs = []
    for most in (2**26, 1):
        monkeypatch.setattr("pellucid.engines.native.engine.BYTES_AT_ONCE", most)
        net = Network([Conv2D(5, 3), ReLU(), Flatten()], input_shape=(3, 12, 12), engine="native")
        outputs.append(net.predict(x))
    np.testing.assert_array_equal(*outputs)
