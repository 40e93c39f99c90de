"""str(layer) is what one would type."""

import pytest

from pellucid.initializers import Normal
from pellucid.layers import Affine, Dropout, LeakyReLU, ReLU


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Affine(30), "Affine(30)"),
        (Affine(30, weights=Normal(1.0)), "Affine(30, weights=Normal(std=1.0))"),
        (ReLU(), "ReLU()"),
        (LeakyReLU(), "LeakyReLU()"),
        (LeakyReLU(0.2), "LeakyReLU(slope=0.2)"),
        (Dropout(0.1), "Dropout(rate=0.1)"),
    ],
)
def test_a_layer_is_written_without_its_defaults(layer: object, text: str) -> None:
    assert str(layer) == text
