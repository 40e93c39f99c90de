"""What shape each op on images makes of its operands' shapes; None where they do not fit."""

from pellucid.ops.arrays import Padding, Pair, Shape


def places(
    size: Pair, window: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1), groups: int = 1
) -> Pair | None:
    """Returns (H', W') of a window that goes over an image, None where it is no window, or fits nowhere."""
    if min(*window, *stride, *dilation, groups) < 1 or min(padding) < 0:
        return None
    found = output_size(size, window, stride, padding, dilation)
    return found if min(found) > 0 else None


def output_size(size: Pair, window: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)) -> Pair:
    """H' = ⌊(H + top + bottom − dh (kh − 1) − 1) / sh⌋ + 1, and W' likewise; 0 or less where the window is too large"""
    high, wide = size[0] + padding[0] + padding[1], size[1] + padding[2] + padding[3]
    return (
        (high - dilation[0] * (window[0] - 1) - 1) // stride[0] + 1,
        (wide - dilation[1] * (window[1] - 1) - 1) // stride[1] + 1,
    )


def conv2d(
    x: Shape, W: Shape, b: Shape, *, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Shape | None:
    """(N, O, H', W')"""
    if len(x) != 4 or len(W) != 4 or b != W[:1]:
        return None
    size = places(_size(x), _size(W), stride, padding, dilation, groups)
    return (x[0], W[0], *size) if size and _channels_fit(x[1], W, groups) else None


def conv2d_input_gradient(
    du: Shape, W: Shape, *, shape: tuple[int, int, int], stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Shape | None:
    """(N, *shape)"""
    if len(du) != 4 or len(W) != 4 or du[1] != W[0]:
        return None
    size = places(shape[1:], _size(W), stride, padding, dilation, groups)
    return (du[0], *shape) if size and du[2:] == size and _channels_fit(shape[0], W, groups) else None


def conv2d_weight_gradient(
    x: Shape, du: Shape, *, window: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Shape | None:
    """(O, C/groups, kh, kw)"""
    if len(x) != 4 or len(du) != 4 or x[0] != du[0]:
        return None
    size = places(_size(x), window, stride, padding, dilation, groups)
    if not size or du[2:] != size:
        return None
    W = (du[1], int(x[1]) // groups, *window)
    return W if _channels_fit(x[1], W, groups) else None


def pool(x: Shape, *, window: Pair, stride: Pair, padding: Padding) -> Shape | None:
    """(N, C, H', W')"""
    if len(x) != 4:
        return None
    size = places(_size(x), window, stride, padding)
    return (*x[:2], *size) if size else None


def pool_backward(
    dy: Shape, cells: Shape, *, shape: Pair, window: Pair, stride: Pair, padding: Padding
) -> Shape | None:
    """(N, C, *shape)"""
    fits = dy == cells and len(dy) == 4 and dy[2:] == places(shape, window, stride, padding)
    return (*dy[:2], *shape) if fits else None


def average_pool_backward(dy: Shape, *, shape: Pair, window: Pair, stride: Pair, padding: Padding) -> Shape | None:
    """(N, C, *shape)"""
    return pool_backward(dy, dy, shape=shape, window=window, stride=stride, padding=padding)


def pad2d(x: Shape, *, padding: Padding) -> Shape | None:
    """(N, C, top + H + bottom, left + W + right)"""
    return _grown(x, padding)


def crop2d(x: Shape, *, padding: Padding) -> Shape | None:
    """(N, C, H, W) without the padding"""
    top, bottom, left, right = padding
    return _grown(x, (-top, -bottom, -left, -right))


def per_channel(v: Shape) -> Shape | None:
    """(C, 1, 1)"""
    return (*v, 1, 1) if len(v) == 1 else None


def spread2d(x: Shape, *, shape: Pair) -> Shape | None:
    """(N, C, *shape)"""
    return (*x, *shape) if len(x) == 2 and min(shape) >= 0 else None


def _channels_fit(channels: object, W: Shape, groups: int) -> bool:
    return bool(channels == int(W[1]) * groups and int(W[0]) % groups == 0)


def _grown(x: Shape, padding: Padding) -> Shape | None:
    if len(x) != 4:
        return None
    size = int(x[2]) + padding[0] + padding[1], int(x[3]) + padding[2] + padding[3]
    return (*x[:2], *size) if min(size) > 0 else None


def _size(shape: Shape) -> Pair:
    return int(shape[2]), int(shape[3])
