"""How the samples of a batch lie in the native engine's memory: flat, as NumPy keeps them, or by positions.

Flat, a sample is one row of numbers. By positions it is a matrix: an image (C, H, W) has a row of channels for each of
its H·W positions, a sequence (T, D) a row of D numbers for each of its T. Kernels that go along channels, or along the
last axis, want that: convolution, pooling, softmax over each position, whatever has one number per channel. A data
set's samples arrive flat, and stay so through elementwise steps; what comes out at the end, or is reshaped, must be
flat again.
"""

import math

from pellucid.ops.arrays import ROWS, Shape, over
from pellucid.plan.ir import Buffer, Plan, Step
from pellucid.plan.rewrites.general import ELEMENTWISE

IMAGE_STEPS = frozenset(
    ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient", "max_pool2d", "max_pool2d_places")
    + ("max_pool2d_backward", "average_pool2d", "average_pool2d_backward", "pad2d", "crop2d", "spread2d")
    + ("concatenate", "slice_channels", "sum_channels", "mean_channels")
)
SEQUENCE_STEPS = frozenset(
    ("affine", "matmul", "matmul_nt", "matmul_tn", "transpose", "sum_columns", "mean_columns", "max_columns")
    + ("concatenate_columns", "slice_columns", "split_positions", "merge_positions", "take_rows", "one_hot")
)
"""Steps that make or read one row for each position, where their operands are sequences."""
_NARROW = 16
"""A convolution reads planes as they are below so many channels; beyond, rows of channels are quicker."""


def is_image(shape: Shape) -> bool:
    """Whether a shape is (N, C, H, W)."""
    return len(shape) == 4 and shape[0] == ROWS


def is_sequence(shape: Shape) -> bool:
    """Whether a shape is (N, T, D), or that of sequences of sequences, (N·S, T, D)."""
    return len(shape) == 3 and samples_in(shape) > 0


def samples_in(shape: Shape) -> int:
    """How many rows a sample of the batch has in this shape: k where it begins with N·k, 0 where it has no N."""
    if not shape or isinstance(shape[0], int):
        return 0
    if shape[0] == ROWS:
        return 1
    rows = over(shape[0], ROWS)
    return rows if isinstance(rows, int) else 0


def is_per_channel(shape: Shape) -> bool:
    """Whether a shape is (C, 1, 1)."""
    return len(shape) == 3 and shape[1:] == (1, 1)


def by_positions(plan: Plan) -> frozenset[int]:
    """Returns the buffers that are to lie by positions: what steps over them make, and what is made of that."""
    found: set[int] = set()
    for step in plan.steps:
        for number in step.outputs:
            shape = plan.buffers[number].shape
            if is_image(shape):
                along = step.op in IMAGE_STEPS or (_elementwise(step) and _along_channels(plan, step, found))
            else:
                along = step.op in SEQUENCE_STEPS or (_elementwise(step) and _along_last(plan, step, shape, found))
                along = along and is_sequence(shape)
            if along:
                found.add(number)
    return frozenset(found)


def rows_by_positions(buffer: Buffer) -> tuple[int, int]:
    """Returns (positions, width) of a sample that lies by positions."""
    shape = buffer.shape
    if is_image(shape):
        return math.prod(int(n) for n in shape[2:]), int(shape[1])
    return samples_in(shape) * int(shape[1]), int(shape[2])


def reads_planes(plan: Plan, number: int, positions: frozenset[int]) -> bool:
    """Whether a convolution should read an image as planes."""
    channels = plan.buffers[number].shape[1]
    return number not in positions and isinstance(channels, int) and channels < _NARROW


def _elementwise(step: Step) -> bool:
    return step.op in ELEMENTWISE or step.op == "elementwise"


def _along_channels(plan: Plan, step: Step, found: set[int]) -> bool:
    shapes = [plan.buffers[n].shape for n in step.reads]
    return any(n in found for n in step.reads) or any(map(is_per_channel, shapes))


def _along_last(plan: Plan, step: Step, shape: Shape, found: set[int]) -> bool:
    """Whether a step over sequences reads what lies by positions, or one number for each column or each position."""
    spread = {shape[2:], (*shape[:2], 1)} - {shape}
    return any(n in found or plan.buffers[n].shape in spread for n in step.reads)
