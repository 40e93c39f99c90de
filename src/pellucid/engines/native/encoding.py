"""The numbers of a step over images, in the order of Window and Convolution in core/kernels/table.h."""

from collections.abc import Mapping
from typing import Any

from pellucid.ops.arrays import Shape
from pellucid.plan.ir import Plan, Step

_CONVOLUTIONS = ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient")
WINDOWED = frozenset(
    (*_CONVOLUTIONS, "max_pool2d", "max_pool2d_places", "max_pool2d_backward", "average_pool2d")
    + ("average_pool2d_backward", "pad2d", "crop2d")
)  # fmt: skip
"""The steps that have such numbers."""
_ONE = (1, 1)


def numbers_of(plan: Plan, step: Step, planes: bool) -> list[int]:
    """Returns the step's 16 numbers: its larger and its smaller side, the window, and the filters.

    `planes` says how a convolution's x lies. The larger side is what goes into a convolution or a pool, or what is put
    into a frame of zeros.
    """
    large, small = _sides(plan, step)
    attributes = step.attributes
    top, left = (attributes["padding"][i] for i in (0, 2)) if "padding" in attributes else (0, 0)
    window, filters = _window(plan, step), small[1] if step.op in _CONVOLUTIONS else 0
    numbers = (
        (large[1], *large[2:], *small[2:], *window, *attributes.get("stride", _ONE), *attributes.get("dilation", _ONE))
        + (top, left, filters, attributes.get("groups", 1), int(planes))
    )  # fmt: skip
    return [int(n) for n in numbers]


def _sides(plan: Plan, step: Step) -> tuple[Shape, Shape]:
    first, made = plan.buffers[step.reads[0]].shape, plan.buffers[step.outputs[0]].shape
    if step.op == "conv2d_weight_gradient":
        return first, plan.buffers[step.reads[1]].shape
    return (made, first) if step.op.endswith(("_gradient", "_backward", "crop2d")) else (first, made)


def _window(plan: Plan, step: Step) -> tuple[Any, ...]:
    attributes: Mapping[str, Any] = step.attributes
    if step.op in ("conv2d", "conv2d_input_gradient"):
        return plan.buffers[step.reads[1]].shape[2:]
    window: tuple[Any, ...] = attributes.get("window", _ONE)
    return window
