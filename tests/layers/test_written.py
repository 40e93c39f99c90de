"""str(layer) is what one would type."""

import pytest

from pellucid.initializers import Normal
from pellucid.layers import Affine, BatchNorm, Conv2D, Dropout, LeakyReLU, MaxPool2D, ReLU, ZeroPad2D


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Affine(30), "Affine(30)"),
        (Affine(30, weights=Normal(1.0)), "Affine(30, weights=Normal(std=1.0))"),
        (ReLU(), "ReLU()"),
        (LeakyReLU(), "LeakyReLU()"),
        (LeakyReLU(0.2), "LeakyReLU(slope=0.2)"),
        (Dropout(0.1), "Dropout(rate=0.1)"),
        (Conv2D(20, 5), "Conv2D(20, 5)"),
        (Conv2D(8, (3, 5), padding="same", groups=2), "Conv2D(8, (3, 5), padding='same', groups=2)"),
        (MaxPool2D(), "MaxPool2D()"),
        (MaxPool2D(3, stride=2), "MaxPool2D(window=3, stride=2)"),
        (ZeroPad2D(2), "ZeroPad2D(2)"),
        (BatchNorm(momentum=0.99), "BatchNorm(momentum=0.99)"),
    ],
)
def test_a_layer_is_written_without_its_defaults(layer: object, text: str) -> None:
    assert str(layer) == text
