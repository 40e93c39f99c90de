"""Shape rules of the ops on images: what shape each makes, None where the shapes do not fit."""

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.ops.images import Padding, output_size
from pellucid.ops.plan import Shape

Attributes = Mapping[str, Any]


def _conv2d(shapes: list[Shape], a: Attributes) -> Shape | None:
    x, W, b = shapes
    if len(x) != 4 or len(W) != 4 or b != W[:1] or not _channels_fit(x[1], W, a["groups"]):
        return None
    size = output_size(_size(x), _size(W), a["stride"], a["padding"], a["dilation"])
    return (x[0], W[0], *size) if min(size) > 0 else None


def _conv2d_input_gradient(shapes: list[Shape], a: Attributes) -> Shape | None:
    du, W = shapes
    if len(du) != 4 or len(W) != 4 or du[1] != W[0] or not _channels_fit(a["shape"][0], W, a["groups"]):
        return None
    size = output_size(a["shape"][1:], _size(W), a["stride"], a["padding"], a["dilation"])
    return (du[0], *a["shape"]) if du[2:] == size else None


def _conv2d_weight_gradient(shapes: list[Shape], a: Attributes) -> Shape | None:
    x, du = shapes
    if len(x) != 4 or len(du) != 4 or x[0] != du[0]:
        return None
    W = (du[1], int(x[1]) // a["groups"], *a["window"])
    size = output_size(_size(x), a["window"], a["stride"], a["padding"], a["dilation"])
    return W if du[2:] == size and _channels_fit(x[1], W, a["groups"]) else None


def _channels_fit(channels: Any, W: Shape, groups: int) -> bool:
    return bool(channels == int(W[1]) * groups and int(W[0]) % groups == 0)


def _pool(shapes: list[Shape], a: Attributes) -> Shape | None:
    (x,) = shapes
    if len(x) != 4:
        return None
    size = output_size(_size(x), a["window"], a["stride"], a["padding"])
    return (*x[:2], *size) if min(size) > 0 else None


def _pool_backward(shapes: list[Shape], a: Attributes) -> Shape | None:
    """Of dy and, after a max pooling, the places; both as the pooling made them."""
    dy = shapes[0]
    fits = len(dy) == 4 and dy[2:] == output_size(a["shape"], a["window"], a["stride"], a["padding"])
    return (*dy[:2], *a["shape"]) if fits and set(shapes) == {dy} else None


def _pad2d(shapes: list[Shape], a: Attributes) -> Shape | None:
    return _grown(shapes[0], a["padding"])


def _crop2d(shapes: list[Shape], a: Attributes) -> Shape | None:
    top, bottom, left, right = a["padding"]
    return _grown(shapes[0], (-top, -bottom, -left, -right))


def _grown(x: Shape, padding: Padding) -> Shape | None:
    if len(x) != 4:
        return None
    size = int(x[2]) + padding[0] + padding[1], int(x[3]) + padding[2] + padding[3]
    return (*x[:2], *size) if min(size) > 0 else None


def _channels(shapes: list[Shape], a: Attributes) -> Shape | None:
    return shapes[0][1:2] or None


def _per_channel(shapes: list[Shape], a: Attributes) -> Shape | None:
    return (*shapes[0], 1, 1) if len(shapes[0]) == 1 else None


def _spread2d(shapes: list[Shape], a: Attributes) -> Shape | None:
    return (*shapes[0], *a["shape"]) if len(shapes[0]) == 2 else None


def _concatenate(shapes: list[Shape], a: Attributes) -> Shape | None:
    first = shapes[0]
    if min(map(len, shapes)) < 2 or {(*s[:1], *s[2:]) for s in shapes} != {(*first[:1], *first[2:])}:
        return None
    return (first[0], sum(int(s[1]) for s in shapes), *first[2:])


def _slice_channels(shapes: list[Shape], a: Attributes) -> Shape | None:
    (x,) = shapes
    if len(x) < 2 or not 0 <= a["first"] < a["last"] <= int(x[1]):
        return None
    return (x[0], a["last"] - a["first"], *x[2:])


def _size(shape: Shape) -> tuple[int, int]:
    return int(shape[2]), int(shape[3])


IMAGE_RULES: dict[str, Callable[[list[Shape], Attributes], Shape | None]] = {
    "conv2d": _conv2d,
    "conv2d_input_gradient": _conv2d_input_gradient,
    "conv2d_weight_gradient": _conv2d_weight_gradient,
    "max_pool2d": _pool,
    "max_pool2d_places": _pool,
    "max_pool2d_backward": _pool_backward,
    "average_pool2d": _pool,
    "average_pool2d_backward": _pool_backward,
    "pad2d": _pad2d,
    "crop2d": _crop2d,
    "sum_channels": _channels,
    "mean_channels": _channels,
    "per_channel": _per_channel,
    "spread2d": _spread2d,
    "concatenate": _concatenate,
    "slice_channels": _slice_channels,
}
