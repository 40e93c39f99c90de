"""What stands before the fully connected layers of a network for images: convolutions with ReLU and max pooling."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

IMAGE = (1, 28, 28)
"""Channels, height and width of what the first stage reads."""
ROWS_AT_ONCE = 100


class Stage(NamedTuple):
    """A convolution with stride 1 and zeros around, ReLU, and, where `pooled`, the largest of each 2 x 2 cells."""

    channels: int
    window: int
    padding: int = 0
    pooled: bool = False

    def __str__(self) -> str:
        padding = f" pad {self.padding}" if self.padding else ""
        return f"conv {self.channels}@{self.window}x{self.window}{padding}" + (", pool 2" if self.pooled else "")


def shapes(stages: Sequence[Stage]) -> list[tuple[int, int, int]]:
    """Returns what each stage reads, (C, H, W), and at the end what the last one gives."""
    found = [IMAGE]
    for stage in stages:
        height, width = positions(stage, found[-1])
        shrink = 2 if stage.pooled else 1
        found.append((stage.channels, height // shrink, width // shrink))
    return found


def positions(stage: Stage, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Returns the height and width of the convolution's output, before pooling."""
    less = 2 * stage.padding - stage.window + 1
    return shape[1] + less, shape[2] + less


def weight_shapes(stages: Sequence[Stage]) -> list[tuple[int, int, int, int]]:
    """Returns (O, C, KH, KW) for each stage."""
    return [
        (one.channels, shape[0], one.window, one.window) for one, shape in zip(stages, shapes(stages), strict=False)
    ]


def forward_flop(stages: Sequence[Stage]) -> list[int]:
    """Returns the multiplications and additions of each stage's convolution of one image."""
    areas = [np.prod(positions(one, shape)) for one, shape in zip(stages, shapes(stages), strict=False)]
    return [int(2 * np.prod(w) * area) for w, area in zip(weight_shapes(stages), areas, strict=True)]


def features(stages: Sequence[Stage], layers: Sequence[tuple[Array, Array]], x: Array) -> Array:
    """Returns what the fully connected layers read, (N, C·H·W) in float64, by the definition of each layer."""
    parts = [_some(stages, layers, x[i : i + ROWS_AT_ONCE]) for i in range(0, len(x), ROWS_AT_ONCE)]
    return np.concatenate(parts)


def _some(stages: Sequence[Stage], layers: Sequence[tuple[Array, Array]], x: Array) -> Array:
    a = x.reshape(-1, *IMAGE).astype(np.float64)
    for stage, (w, b) in zip(stages, layers, strict=True):
        edge = (stage.padding, stage.padding)
        padded = np.pad(a, ((0, 0), (0, 0), edge, edge))
        windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))
        u = np.tensordot(windows, w.astype(np.float64), axes=((1, 4, 5), (1, 2, 3))) + b
        a = np.maximum(u, 0).transpose(0, 3, 1, 2)
        if stage.pooled:
            n, c, h, wide = a.shape
            a = a[:, :, : h // 2 * 2, : wide // 2 * 2].reshape(n, c, h // 2, 2, wide // 2, 2).max(axis=(3, 5))
    return a.reshape(len(a), -1)
