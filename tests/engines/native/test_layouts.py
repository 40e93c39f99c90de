"""How images lie in the native engine's memory, read off the plans of small networks."""

import numpy as np
import pytest

from pellucid.engines import Model
from pellucid.engines.native import layouts
from pellucid.engines.native.encoding import WINDOWED, numbers_of
from pellucid.engines.recording import record_prediction, record_step
from pellucid.layers import (
    Affine,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Rescale,
    ZeroPad2D,
)
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD
from pellucid.plan.ir import ROWS, Plan
from pellucid.plan.rewrites import rewrite


def prediction(*layers: Layer, shape: tuple[int, ...] = (3, 8, 9)) -> Plan:
    return rewrite(record_prediction(Model(layers, None, shape, 0, np.dtype("float32"))))


def laid(plan: Plan) -> dict[str, str]:
    """Of each step that makes an image: how it lies."""
    positions = layouts.by_positions(plan)
    return {
        step.op: "positions" if number in positions else "planes"
        for step in plan.steps
        for number in step.outputs
        if layouts.is_image(plan.buffers[number].shape)
    }


def test_only_batches_of_channel_planes_are_images() -> None:
    assert layouts.is_image((ROWS, 3, 8, 9))
    for shape in ((ROWS, 3), (ROWS, 3, 8), (5, 3, 8, 9), (3, 1, 1), (), (ROWS, 1, 3, 8, 9)):
        assert not layouts.is_image(shape)


def test_images_stay_planes_until_something_goes_along_channels() -> None:
    assert laid(prediction(Rescale(), ReLU())) == {"elementwise": "planes"}
    assert laid(prediction(Rescale(), ReLU(), Flatten(), Affine(3))) == {"elementwise": "planes"}
    assert laid(prediction(Rescale(), MaxPool2D())) == {"elementwise": "planes", "max_pool2d": "positions"}


@pytest.mark.parametrize("first", [Conv2D(4, 3), AveragePool2D(), ZeroPad2D(1), BatchNorm()], ids=str)
def test_what_is_made_of_an_image_by_positions_lies_so_too(first: Layer) -> None:
    plan = prediction(first, ReLU(), Rescale())
    found = laid(plan)
    assert found["elementwise"] == "positions" and "planes" not in found.values()


@pytest.mark.parametrize("channels, planes", [(1, True), (15, True), (16, False), (64, False)])
def test_a_convolution_reads_planes_of_few_channels(channels: int, planes: bool) -> None:
    plan = prediction(Conv2D(4, 3), shape=(channels, 8, 9))
    (step,) = plan.steps
    assert layouts.reads_planes(plan, step.reads[0], layouts.by_positions(plan)) is planes


def test_a_convolution_behind_another_reads_positions() -> None:
    plan = prediction(Conv2D(4, 3), Conv2D(5, 3))
    second = plan.steps[1]
    assert not layouts.reads_planes(plan, second.reads[0], layouts.by_positions(plan))


NUMBERS: dict[str, tuple[Layer, tuple[int, ...]]] = {
    # channels and sizes, window, stride, dilation, top and left, filters, groups, planes
    "conv2d": (
        Conv2D(6, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(1, 2, 3, 0), groups=3),
        (3, 8, 9, 5, 10, 3, 2, 2, 1, 1, 2, 1, 3, 6, 3, 1),
    ),
    "max_pool2d": (MaxPool2D((2, 3), stride=(1, 2), padding=(1, 2)), (3, 8, 9, 9, 6, 2, 3, 1, 2, 1, 1, 1, 2, 0, 1, 0)),
    "average_pool2d": (AveragePool2D(2), (3, 8, 9, 4, 4, 2, 2, 2, 2, 1, 1, 0, 0, 0, 1, 0)),
    "pad2d": (ZeroPad2D((1, 2, 3, 4)), (3, 8, 9, 11, 16, 1, 1, 1, 1, 1, 1, 1, 3, 0, 1, 0)),
}


@pytest.mark.parametrize("op", NUMBERS)
def test_a_step_and_its_way_back_have_the_same_numbers(op: str) -> None:
    layer, expected = NUMBERS[op]
    layers = (BatchNorm(), layer, Flatten(), Affine(2))
    plan = record_step(Model(layers, MeanSquaredError(), (3, 8, 9), 0, np.dtype("float32")), SGD(), labels=False)
    steps = [step for step in plan.steps if step.op in WINDOWED]
    kinds = {
        "conv2d": ["conv2d", "conv2d_input_gradient", "conv2d_weight_gradient"],
        "max_pool2d": ["max_pool2d", "max_pool2d_places", "max_pool2d_backward"],
        "average_pool2d": ["average_pool2d", "average_pool2d_backward"],
        "pad2d": ["pad2d", "crop2d"],
    }
    assert sorted(step.op for step in steps) == sorted(kinds[op])
    for step in steps:
        assert tuple(numbers_of(plan, step, bool(expected[-1]))) == expected, step.op
