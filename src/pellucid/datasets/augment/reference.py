"""What augmentation means: one image, a formula a line. `core/augment.cpp` computes the same bits, faster.

Only exactly rounded operations are used, cosine and sine by their series too, so that no bit depends on the machine.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import philox
from pellucid.datasets.dataset import Array

SHIFT_Y, SHIFT_X, ROTATE, SCALE, FLIP, CUTOUT_Y, CUTOUT_X, LATTICE = 0, 1, 2, 3, 4, 5, 6, 8
"""Where each number of an image stands among the words of its address; the lattice's are the rest."""

_TERMS = 14


def draw(seed: int, epoch: int, sample: int, count: int) -> Array:
    """Returns `count` numbers, uniform in the open interval (0, 1), at the address (seed, epoch, sample)."""
    return (philox.words(seed, philox.AUGMENT, (epoch << 32) | sample, count) + 0.5) / 4294967296.0


def spline(length: int, smoothness: float) -> NDArray[np.float64]:
    """Returns how much of each lattice point every pixel takes: (length, points), each row adding up to 1.

    The lattice's points are √3·smoothness pixels apart, the second one on pixel 0. With d a pixel's distance from a
    point in that unit, the cubic B-spline gives 2/3 - d² + d³/2 up to d = 1, (2 - d)³/6 up to 2, and 0 beyond: close to
    a Gaussian whose standard deviation is `smoothness` pixels.
    """
    t = np.arange(length) / (math.sqrt(3.0) * smoothness)
    d = np.abs(t[:, None] - (np.arange(int(t[-1]) + 4) - 1.0))
    near = 2.0 / 3.0 - d * d + d * d * d / 2.0
    far = (2.0 - d) * (2.0 - d) * (2.0 - d) / 6.0
    return np.where(d < 1.0, near, np.where(d < 2.0, far, 0.0))


def augmented(
    image: Array,
    *,
    shift: int,
    rotate: float,
    scale: float,
    elastic: float,
    elastic_smoothness: float,
    flip: bool,
    cutout: int,
    fill: float,
    seed: int,
    epoch: int,
    sample: int,
) -> Array:
    """Returns one image (C, H, W), changed by the numbers of (seed, epoch, sample); see `Augment` for the rest."""
    real: type[np.floating[Any]] = np.float64 if image.dtype == np.float64 else np.float32
    _, height, width = image.shape
    rows, columns = spline(height, elastic_smoothness), spline(width, elastic_smoothness)
    points = rows.shape[1] * columns.shape[1]
    u = draw(seed, epoch, sample, LATTICE + (2 * points if elastic else 0))

    centre = np.array([(height - 1) / 2.0, (width - 1) / 2.0])
    to = centre + np.array([_below(u[word], 2 * shift + 1) - shift for word in (SHIFT_Y, SHIFT_X)])
    cosine, sine = _turn(rotate * (2.0 * u[ROTATE] - 1.0) * (math.pi / 180.0))
    factor = 1.0 + scale * (2.0 * u[SCALE] - 1.0)
    mirror = -1.0 if flip and u[FLIP] < 0.5 else 1.0
    (yy, yx), (xy, xx) = (cosine / factor, sine / factor), (mirror * -sine / factor, mirror * cosine / factor)
    y0, x0 = centre[0] - yy * to[0] - yx * to[1], centre[1] - xy * to[0] - xx * to[1]

    y: Array = np.arange(height, dtype=real)[:, None]
    x: Array = np.arange(width, dtype=real)
    place_y = real(yx) * x + (real(yy) * y + real(y0))
    place_x = real(xx) * x + (real(xy) * y + real(x0))
    if elastic:
        lattice = (elastic * (2.0 * u[LATTICE:] - 1.0)).astype(real).reshape(rows.shape[1], 2, columns.shape[1])
        place_y = place_y + _spread(lattice[:, 0], rows.astype(real), columns.astype(real))
        place_x = place_x + _spread(lattice[:, 1], rows.astype(real), columns.astype(real))
    new = _interpolate(image.astype(real), place_y, place_x, real(fill))
    if image.dtype == np.uint8:
        new = np.floor(new + real(0.5))
    if cutout:
        top, left = _below(u[CUTOUT_Y], height) - cutout // 2, _below(u[CUTOUT_X], width) - cutout // 2
        new[:, max(top, 0) : max(top + cutout, 0), max(left, 0) : max(left + cutout, 0)] = fill
    return new.astype(image.dtype)


def _below(u: float, n: int) -> int:
    """Returns one of 0 .. n-1."""
    return int(u * n)


def _turn(angle: float) -> tuple[float, float]:
    """Returns cos and sin of an angle of at most π: Σ (-1)^k·a^2k/(2k)! and a·Σ (-1)^k·a^2k/(2k+1)!."""
    square, cosine, sine = angle * angle, 1.0, 1.0
    for k in range(_TERMS, 0, -1):
        cosine = 1.0 - cosine * square / ((2 * k - 1) * (2 * k))
        sine = 1.0 - sine * square / ((2 * k) * (2 * k + 1))
    return cosine, sine * angle


def _spread(lattice: Array, rows: Array, columns: Array) -> Array:
    """Returns rows · (lattice · columnsᵀ) (H, W), each added up in the order of the lattice."""
    wide = np.zeros((len(lattice), len(columns)), lattice.dtype)
    for j in range(lattice.shape[1]):
        wide += columns[:, j] * lattice[:, j, None]
    field = np.zeros((len(rows), len(columns)), lattice.dtype)
    for i, line in enumerate(wide):
        field += rows[:, i, None] * line
    return field


def _interpolate(image: Array, y: Array, x: Array, fill: Any) -> Array:
    """Returns the image (C, H, W) at the places (y, x), between its pixels bilinearly; `fill` outside."""
    height, width = image.shape[1:]
    padded = np.pad(image, ((0, 0), (1, 2), (1, 2)), constant_values=fill)
    y, x = np.clip(y + y.dtype.type(1), 0, height + 1), np.clip(x + x.dtype.type(1), 0, width + 1)
    i, j = y.astype(np.int32), x.astype(np.int32)
    part_y, part_x = y - i.astype(y.dtype), x - j.astype(x.dtype)
    above = padded[:, i, j] + part_x * (padded[:, i, j + 1] - padded[:, i, j])
    beneath = padded[:, i + 1, j] + part_x * (padded[:, i + 1, j + 1] - padded[:, i + 1, j])
    between: Array = above + part_y * (beneath - above)
    return between
