"""What is particular to layers over images: windows of every kind, what is refused, and how one is told to mend it."""

from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid import Network
from pellucid.errors import InputError
from pellucid.initializers import He
from pellucid.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dropout2D,
    GlobalAveragePool2D,
    Layer,
    LayerNorm,
    MaxPool2D,
    Mode,
    Named,
    ZeroPad2D,
)

NONE = Named()
PREDICT, TRAIN = Mode(), Mode(training=True, seed=1, layer=2, step=3)

TAKING_IMAGES: tuple[Layer, ...] = (Conv2D(3, 3), MaxPool2D(), AveragePool2D(), GlobalAveragePool2D()) + (
    Dropout2D(),
    ZeroPad2D(1),
)


def forward(layer: Layer, x: Any, mode: Mode = PREDICT) -> Any:
    return layer.forward(NONE, np.asarray(x), mode)[0]


# Shapes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Conv2D(20, 5), (20, 24, 24)),
        (Conv2D(20, 5, padding="same"), (20, 28, 28)),
        (Conv2D(20, 5, padding="same", stride=3), (20, 10, 10)),
        (Conv2D(20, 5, padding=2), (20, 28, 28)),
        (Conv2D(20, (5, 3), padding=(2, 1)), (20, 28, 28)),
        (Conv2D(20, 3, padding=(0, 1, 2, 3)), (20, 27, 31)),
        (Conv2D(20, 3, dilation=2), (20, 24, 24)),
        (Conv2D(20, 3, stride=(2, 1)), (20, 13, 26)),
        (Conv2D(1, 28), (1, 1, 1)),
        (MaxPool2D(), (4, 14, 14)),
        (MaxPool2D(3), (4, 9, 9)),
        (MaxPool2D(3, stride=2), (4, 13, 13)),
        (MaxPool2D(3, stride=2, padding="same"), (4, 14, 14)),
        (AveragePool2D((7, 14)), (4, 4, 2)),
        (GlobalAveragePool2D(), (4,)),
        (Dropout2D(), (4, 28, 28)),
        (ZeroPad2D((1, 2)), (4, 30, 32)),
    ],
    ids=str,
)
def test_output_shapes(layer: Layer, expected: tuple[int, ...]) -> None:
    assert layer.output_shape((4, 28, 28)) == expected


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
def test_same_divides_by_the_stride_and_puts_the_odd_rest_last(size: int, stride: int, window: int) -> None:
    layer = Conv2D(1, window, stride=stride, padding="same")
    assert layer.output_shape((1, size, 1))[1] == -(-size // stride)
    top, bottom, left, right = layer._windows.padding_of((size, 1))
    assert bottom - top in (0, 1) and right - left in (0, 1)


def test_the_parameters_of_a_convolution() -> None:
    made = Conv2D(6, (3, 5), groups=2).parameters((4, 28, 28))
    assert {n: (p.shape, p.decay) for n, p in made.items()} == {"W": ((6, 2, 3, 5), True), "b": ((6,), False)}


def test_a_convolution_starts_with_the_variance_of_what_flows_in() -> None:
    W = He().draw(Conv2D(64, 5, groups=4).parameters((16, 8, 8))["W"].shape, (1, 2, 0))
    assert W.shape == (64, 4, 5, 5)
    assert W.var() == pytest.approx(2 / (4 * 5 * 5), rel=0.05)


# What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", TAKING_IMAGES, ids=str)
@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((784,), r"not \(784,\); give the network input_shape=\(1, 28, 28\) and reshape x to \(N, 1, 28, 28\), or put"),
        ((3072,), r"not \(3072,\); give the network input_shape=\(3, 32, 32\) and reshape x to \(N, 3, 32, 32\)"),
        ((28, 20), r"not \(28, 20\); give the network input_shape=\(1, 28, 20\) and reshape x to \(N, 1, 28, 20\)"),
        ((10,), r"not \(10,\); put it before Flatten\(\) and Affine, or give the network input_shape=\(channels, "),
        ((1, 2, 3, 4), r"not \(1, 2, 3, 4\); put it before Flatten"),
    ],
)
def test_the_wrong_rank_is_named_with_what_mends_it(layer: Layer, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError, match=rf"takes images \(channels, height, width\) per sample, {said}"):
        layer.parameters(shape)
        layer.output_shape(shape)


def test_a_network_names_the_layer_that_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"layer 1, MaxPool2D\(window=5\): an image of 4x4 is smaller than a window"):
        Network([Conv2D(3, 3), MaxPool2D(5)], input_shape=(1, 6, 6))


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Conv2D(3, 5), r"an image of 4x3 is smaller than a window of 5x5; take a smaller window or padding='same'"),
        (Conv2D(3, (2, 4)), "an image of 4x3 is smaller than a window of 2x4; "),
        (Conv2D(3, 7, padding=1), "an image of 4x3, 6x5 with its padding, is smaller than a window of 7x7; "),
        (Conv2D(3, 3, dilation=2), "an image of 4x3 is smaller than a window of 3x3, 5x5 with its dilation; "),
        (MaxPool2D(4), "an image of 4x3 is smaller than a window of 4x4; "),
        (AveragePool2D((5, 1)), "an image of 4x3 is smaller than a window of 5x1; "),
    ],
    ids=str,
)
def test_images_smaller_than_the_window_are_refused(layer: Layer, said: str) -> None:
    with pytest.raises(InputError, match=said):
        layer.output_shape((2, 4, 3))


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(InputError, match=r"groups=3 does not divide the 4 channels of x; take one of 1, 2, 4\."):
        Conv2D(6, 3, groups=3).parameters((4, 8, 8))
    with pytest.raises(InputError, match=r"groups=4 does not divide channels=6; take one of 1, 2, 3, 6\."):
        Conv2D(6, 3, groups=4)


PAIR = r"must be an integer of 1 or more, or \(vertical, horizontal\), got"
AROUND = r"an integer of 0 or more, \(vertical, horizontal\) or \(top, bottom, left, right\), got"


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (Conv2D, {"channels": 0, "window": 3}, "channels must be an integer of 1 or more, got 0"),
        (Conv2D, {"channels": 3, "window": 0}, f"window {PAIR} 0"),
        (Conv2D, {"channels": 3, "window": (3, 3, 3)}, f"window {PAIR} \\(3, 3, 3\\)"),
        (Conv2D, {"channels": 3, "window": [3, 3]}, f"window {PAIR} \\[3, 3\\]"),
        (Conv2D, {"channels": 3, "window": 2.5}, f"window {PAIR} 2\\.5"),
        (Conv2D, {"channels": 3, "window": True}, f"window {PAIR} True"),
        (Conv2D, {"channels": 3, "window": 3, "stride": 0}, f"stride {PAIR} 0"),
        (Conv2D, {"channels": 3, "window": 3, "stride": (1, -1)}, f"stride {PAIR} \\(1, -1\\)"),
        (Conv2D, {"channels": 3, "window": 3, "dilation": "2"}, f"dilation {PAIR} '2'"),
        (Conv2D, {"channels": 3, "window": 3, "padding": -1}, f"padding must be 'valid', 'same', {AROUND} -1"),
        (Conv2D, {"channels": 3, "window": 3, "padding": "full"}, f"padding must be 'valid', 'same', {AROUND} 'full'"),
        (Conv2D, {"channels": 3, "window": 3, "padding": (1, 2, 3)}, f"{AROUND} \\(1, 2, 3\\)"),
        (Conv2D, {"channels": 3, "window": 3, "groups": 0}, "groups must be an integer of 1 or more, got 0"),
        (Conv2D, {"channels": 3, "window": 3, "weights": 0.1}, "weights must be an initializer"),
        (MaxPool2D, {"window": 0}, f"window {PAIR} 0"),
        (MaxPool2D, {"window": 17}, "window=17 has 289 cells, and MaxPool2D takes at most 256; take a smaller one"),
        (MaxPool2D, {"window": 2, "padding": 2}, "padding=2 is as large as the window of 2x2, so that a window could"),
        (AveragePool2D, {"window": (3, 2), "padding": (0, 0, 0, 2)}, r"padding=\(0, 0, 0, 2\) is as large as the wind"),
        (AveragePool2D, {"stride": 0}, f"stride {PAIR} 0"),
        (Dropout2D, {"rate": 1.0}, "rate must be at least 0 and less than 1"),
        (ZeroPad2D, {"padding": "same"}, f"padding must be {AROUND} 'same'"),
        (ZeroPad2D, {"padding": (0, -1)}, f"padding must be {AROUND} \\(0, -1\\)"),
        (BatchNorm, {"momentum": 1.0}, "momentum must be at least 0 and less than 1, got 1.0"),
        (BatchNorm, {"epsilon": 0.0}, r"epsilon must be a finite number above 0, got 0\.0"),
        (LayerNorm, {"epsilon": -1e-5}, "epsilon must be a finite number above 0, got -1e-05"),
        (LayerNorm, {"epsilon": None}, "epsilon must be a finite number above 0, got None"),
    ],
)
def test_constants_that_cannot_be_are_refused(kind: type[Layer], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        kind(**arguments)


def test_a_window_of_256_cells_and_pools_without_places_of_any_size_are_taken() -> None:
    assert MaxPool2D(16).output_shape((1, 16, 32)) == (1, 1, 2)
    assert AveragePool2D(20).output_shape((1, 20, 20)) == (1, 1, 1)


# Dropout of channels --------------------------------------------------------------------------------------------


def test_dropout_silences_whole_channels_and_leaves_prediction_alone() -> None:
    x = np.ones((50, 40, 3, 2), np.float32)
    assert forward(Dropout2D(0.4), x) is x
    y = forward(Dropout2D(0.4), x, TRAIN)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.6)}
    assert (y == y[:, :, :1, :1]).all()
    assert abs((y == 0).mean() - 0.4) < 4 * np.sqrt(0.24 / (50 * 40))
    assert (y != forward(Dropout2D(0.4), x, Mode(training=True, seed=1, layer=2, step=4))).any()


def test_dropout_of_channels_sends_back_through_the_same_mask() -> None:
    x = numbers(1, (4, 5, 2, 3))
    y, saved = Dropout2D(0.5).forward(NONE, x, TRAIN)
    np.testing.assert_allclose(Dropout2D(0.5).backward(NONE, saved, x)[0], y)
