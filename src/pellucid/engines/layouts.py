"""How images lie in the native engine's memory: as channel planes, the way NumPy keeps them, or by positions.

By positions an image is a matrix with a row of channels for each of its H·W positions. Kernels that go along channels
want that: convolution, pooling, whatever has one number per channel. A data set's images arrive as planes, and stay so
through elementwise steps; what comes out at the end, or is flattened, must be planes again.
"""

from pellucid.engines.rewrites import ELEMENTWISE
from pellucid.ops.plan import ROWS, Chain, Plan, Shape, Step

IMAGE_STEPS = frozenset(
    ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient", "max_pool2d", "max_pool2d_places")
    + ("max_pool2d_backward", "average_pool2d", "average_pool2d_backward", "pad2d", "crop2d", "spread2d")
    + ("concatenate", "slice_channels", "sum_channels", "mean_channels")
)
_NARROW = 16
"""A convolution reads planes as they are below so many channels; beyond, rows of channels are quicker."""


def is_image(shape: Shape) -> bool:
    """Whether a shape is (N, C, H, W)."""
    return len(shape) == 4 and shape[0] == ROWS


def is_per_channel(shape: Shape) -> bool:
    """Whether a shape is (C, 1, 1)."""
    return len(shape) == 3 and shape[1:] == (1, 1)


def by_positions(plan: Plan) -> frozenset[int]:
    """Returns the buffers that are to lie by positions: what steps over images make, and what is made of that."""
    found: set[int] = set()
    for step in plan.steps:
        images = [n for n in step.makes if is_image(plan.buffers[n].shape)]
        if step.op in IMAGE_STEPS or (_elementwise(step) and _along_channels(plan, step, found)):
            found.update(images)
    return frozenset(found)


def reads_planes(plan: Plan, number: int, positions: frozenset[int]) -> bool:
    """Whether a convolution should read an image as planes."""
    channels = plan.buffers[number].shape[1]
    return number not in positions and isinstance(channels, int) and channels < _NARROW


def _elementwise(step: Step) -> bool:
    return step.op in ELEMENTWISE or (isinstance(step, Chain) and step.op == "elementwise")


def _along_channels(plan: Plan, step: Step, found: set[int]) -> bool:
    shapes = [plan.buffers[n].shape for n in step.reads]
    return any(n in found for n in step.reads) or any(map(is_per_channel, shapes))
