"""Augment: which changes, how large at most, and the images that they make."""

import functools
import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.checks import is_finite, is_whole, keep, plain
from pellucid.datasets.augment import reference
from pellucid.datasets.dataset import Array
from pellucid.errors import InputError

try:
    from pellucid._core import augment_images as _native
except ImportError:
    _native = None  # type: ignore[assignment]

_DTYPES = ("uint8", "float32", "float64")
_LONGEST_SIDE = 2**12
_LARGEST = {"rotate": 180.0, "scale": 0.9, "elastic": 1000.0}


@dataclass(frozen=True)
class Augment:
    """Images changed at random, each by numbers of its own that depend on nothing but (seed, epoch, sample).

    A pixel p of the new image shows the old image at c + M·R(-a)·(p - c - m)/s + e(p), between four pixels bilinearly,
    with c the centre; beyond the border it shows `fill`. All changes are made in this one interpolation.

    Args:
        shift: m, whole pixels down and to the right, each uniform in -shift .. shift.
        rotate: a, degrees, uniform in ±rotate; up to 180.
        scale: s, uniform in 1 ± scale, where more than 1 enlarges; up to 0.9.
        elastic: e(p), pixels: moves of lattice points, uniform in ±elastic in both directions, spread over the pixels
            by a cubic B-spline; up to 1000. They have the standard deviation 0.28·elastic.
        elastic_smoothness: the spline's standard deviation in pixels, 1 or more; the lattice's points are √3 times as
            far apart. Simard's α = 34 with σ = 4 on 29 x 29 pixels moves pixels as far as elastic = 5.
        flip: M mirrors left and right with probability 1/2.
        cutout: the side in pixels of a square set to `fill`, its centre on any pixel; 0 for none.
        fill: the number outside the image, in the images' own units.
        image_shape: (C, H, W), where images come as rows (N, C·H·W).

    Raises:
        InputError: a number outside its range.
    Source: P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks applied to visual
    document analysis, ICDAR 2003; T. DeVries, G. Taylor, Improved regularization of convolutional neural networks with
    cutout, arXiv:1708.04552, 2017.
    """

    shift: int = 0
    rotate: float = 0.0
    scale: float = 0.0
    elastic: float = 0.0
    elastic_smoothness: float = 4.0
    flip: bool = False
    cutout: int = 0
    fill: float = 0.0
    image_shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        keep(self, plain, *(field.name for field in fields(self)))
        for name in ("shift", "cutout"):
            value = getattr(self, name)
            if not is_whole(value) or not 0 <= value <= _LONGEST_SIDE:
                raise InputError(f"{name} is {value!r}, but a whole number of pixels from 0 to 4096 was expected.")
        for name, largest in _LARGEST.items():
            value = getattr(self, name)
            if not is_finite(value) or not 0 <= value <= largest:
                raise InputError(f"{name} is {value!r}, but a number from 0 to {largest:g} was expected.")
        if not is_finite(self.elastic_smoothness) or not self.elastic_smoothness >= 1:
            raise InputError(
                f"elastic_smoothness is {self.elastic_smoothness!r}, but a finite number of 1 or more was expected."
            )
        if not isinstance(self.flip, bool):
            raise InputError(f"flip is {self.flip!r}, but True or False was expected.")
        if not is_finite(self.fill):
            raise InputError(f"fill is {self.fill!r}, but a finite number was expected.")
        shape = self.image_shape
        if shape is not None and not (_is_triple(shape) and all(is_whole(n) and n > 0 for n in shape)):
            raise InputError(f"image_shape is {shape!r}, but (channels, height, width) was expected.")

    def __call__(self, images: Any, *, seed: int, epoch: int, samples: Any) -> Array:
        """Returns the images, changed: a new array of the same shape and type.

        images (N, C, H, W), or (N, C·H·W) with `image_shape`; uint8, which is rounded, float32 or float64. samples
        (N,): their numbers in the data set, on which their changes depend, and not on the batch. epoch and samples
        below 2^32, seed below 2^64. NaN and infinity spread to the pixels between them and their neighbours.
        Raises InputError where they do not fit.
        """
        x = np.asarray(images)
        numbers = _checked_samples(samples, len(x) if x.ndim else 0)
        for name, value, limit in (("seed", seed, 64), ("epoch", epoch, 32)):
            if not is_whole(value) or not 0 <= value < 2**limit:
                raise InputError(f"{name} is {value!r}, but a whole number from 0 to 2**{limit} - 1 was expected.")
        shape = self._shape_of(x)
        planes = np.ascontiguousarray(x, x.dtype.newbyteorder("=")).reshape(len(x), *shape)
        out = np.empty_like(planes)
        self._change(planes, np.arange(len(x), dtype=np.uint32), numbers, int(seed), int(epoch), out)
        return out.reshape(x.shape)

    def of_rows(self, x: Array, rows: NDArray[np.int64], *, seed: int, epoch: int, out: Array) -> None:
        """Writes x[rows], changed as the samples `rows`, into `out`, which is C-contiguous and of x's type.

        For training: nothing is copied in between, where x is C-contiguous too, and nothing checked but x.
        """
        shape = self._shape_of(x)
        numbers = places = rows.astype(np.uint32)
        if not (x.flags.c_contiguous and x.dtype.isnative):
            x, places = np.ascontiguousarray(x[rows], out.dtype), np.arange(len(rows), dtype=np.uint32)
        self._change(x.reshape(len(x), *shape), places, numbers, seed, epoch, out.reshape(len(out), *shape))

    def _shape_of(self, x: Array) -> tuple[int, ...]:
        """Returns (C, H, W) of images that can be changed; raises InputError for others."""
        if x.dtype.name not in _DTYPES:
            raise InputError(
                f"images has the type {x.dtype}; uint8, float32 or float64 was expected: images.astype('float32')."
            )
        if x.dtype == np.uint8 and not (0 <= self.fill <= 255 and self.fill == int(self.fill)):
            raise InputError(f"fill is {self.fill!r}, but images of uint8 need a whole number from 0 to 255.")
        shape = x.shape[1:] if x.ndim == 4 and self.image_shape is None else self.image_shape
        if shape is None or x.ndim not in (2, 4) or x.shape[1:] not in ((math.prod(shape),), tuple(shape)):
            fitting = "(N, C, H, W), or (N, C*H*W) with image_shape=(C, H, W),"
            if shape is not None:
                fitting = f"(N, {', '.join(map(str, shape))}) or (N, {math.prod(shape)}), by image_shape,"
            raise InputError(f"images has the shape {x.shape}, but {fitting} was expected.")
        if math.prod(shape) == 0 or max(shape[1:]) > _LONGEST_SIDE:
            raise InputError(f"images has the shape {x.shape}; images of 1 to 4096 pixels a side were expected.")
        return tuple(shape)

    def _change(
        self,
        planes: Array,
        places: NDArray[np.uint32],
        samples: NDArray[np.uint32],
        seed: int,
        epoch: int,
        out: Array,
    ) -> None:
        rule = {name: getattr(self, name) for name in ("shift", "rotate", "scale", "elastic", "flip", "cutout", "fill")}
        if _native is None:
            rule["elastic_smoothness"] = self.elastic_smoothness
            with np.errstate(invalid="ignore", over="ignore"):
                for n, (place, sample) in enumerate(zip(places.tolist(), samples.tolist(), strict=True)):
                    out[n] = reference.augmented(planes[place], **rule, seed=seed, epoch=epoch, sample=sample)
            return
        real = np.dtype("float64" if planes.dtype == np.float64 else "float32")
        smoothness = self.elastic_smoothness if self.elastic else None
        rows, columns = (_spline(n, smoothness, real) for n in planes.shape[2:])
        across = np.ascontiguousarray(columns.T)
        _native(planes, out, places, samples, rows, across, **rule, seed=seed, epoch=epoch)


@functools.lru_cache(maxsize=8)
def _spline(length: int, smoothness: float | None, dtype: np.dtype[Any]) -> Array:
    """Returns the spline of `reference`, read-only; without any lattice points where None are needed."""
    if smoothness is None:
        return np.empty((length, 0), dtype)
    spline = reference.spline(length, smoothness).astype(dtype)
    spline.flags.writeable = False
    return spline


def _checked_samples(samples: Any, count: int) -> NDArray[np.uint32]:
    numbers = np.asarray(samples)
    if numbers.shape != (count,) or (count and numbers.dtype.kind not in "iu"):
        raise InputError(
            f"samples is {numbers.dtype} of shape {numbers.shape} for {count} images; a whole number per image was "
            "expected: its row in the data set."
        )
    if count and not (int(numbers.min()) >= 0 and int(numbers.max()) < 2**32):
        raise InputError(f"samples holds {numbers.min()} to {numbers.max()}; from 0 to 2**32 - 1 was expected.")
    return numbers.astype(np.uint32)


def _is_triple(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 3
