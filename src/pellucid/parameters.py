"""One flat, aligned vector that holds every parameter of a network, and the named views into it.

Each row of a parameter starts at a multiple of 16 numbers, because the kernels read 16 at a time; the places between
hold zeros. A matrix (I, O) is therefore a view with a stride, not always one contiguous block.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, suggest
from pellucid.ops import Array

LANES = 16
ALIGNMENT = 64


def padded(width: int) -> int:
    """Returns the width rounded up to whole vectors of 16 numbers."""
    return -(-width // LANES) * LANES


def rows_and_width(shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns how a parameter lies in memory: so many rows, each so many numbers wide."""
    if len(shape) < 2:
        return 1, math.prod(shape)
    return shape[0], math.prod(shape[1:])


def is_aligned(flat: Array) -> bool:
    """Whether a flat vector begins where the kernels want it to."""
    return bool(flat.ctypes.data % ALIGNMENT == 0)


@dataclass(frozen=True)
class Slot:
    """Where one parameter lies in the flat vector."""

    offset: int
    shape: tuple[int, ...]


class Layout:
    """Where each named parameter lies; the same for values, gradients and an optimizer's slots."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.slots: dict[str, Slot] = {}
        self.size = 0
        for name, shape in shapes.items():
            self.slots[name] = Slot(self.size, shape)
            rows, width = rows_and_width(shape)
            self.size += rows * padded(width)

    def zeros(self, dtype: np.dtype[Any]) -> Array:
        """Returns a flat vector of zeros that starts at a multiple of 64 bytes."""
        raw = np.zeros(self.size * dtype.itemsize + ALIGNMENT, dtype=np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        return raw[start : start + self.size * dtype.itemsize].view(dtype)

    def gaps(self) -> NDArray[np.int64]:
        """Returns the places of a flat vector that lie between the rows, and belong to no parameter."""
        taken = np.zeros(self.size, dtype=bool)
        for view in self.views(taken).values():
            view[...] = True
        return np.flatnonzero(~taken)

    def view(self, flat: Array, name: str) -> Array:
        """Returns the parameter's own shape, as a writable view into the flat vector."""
        slot = self.slots[name]
        _, width = rows_and_width(slot.shape)
        inner = np.empty(slot.shape[1:] if len(slot.shape) > 1 else slot.shape, dtype=np.bool_).strides
        strides = tuple(stride * flat.itemsize for stride in inner)
        if len(slot.shape) > 1:
            strides = (padded(width) * flat.itemsize, *strides)
        return np.ndarray(slot.shape, flat.dtype, flat, slot.offset * flat.itemsize, strides)

    def views(self, flat: Array) -> dict[str, Array]:
        return {name: self.view(flat, name) for name in self.slots}


class Parameters(Mapping[str, NDArray[Any]]):
    """The parameters by name, in order: `p["0.W"]` is a view that can be read and written in place.

    `p["0.W"] = values` copies the values in; a wrong shape or a value that is not finite raises InputError.
    `p.flat` is the whole vector, with zeros between the rows. `p.learned` names those that an optimizer changes: all,
    unless told; the others are running values, which are counted.
    """

    def __init__(self, layout: Layout, dtype: np.dtype[Any], learned: Collection[str] | None = None) -> None:
        self.layout = layout
        self.learned = tuple(layout.slots if learned is None else learned)
        self.flat = layout.zeros(dtype)
        self._views = layout.views(self.flat)

    def __getitem__(self, name: str) -> Array:
        try:
            return self._views[name]
        except KeyError:
            raise InputError(f"there is no parameter {name!r}; {suggest(name, self._views)}") from None

    def __setitem__(self, name: str, values: Any) -> None:
        view = self[name]
        given = np.asarray(values)
        if given.shape != view.shape:
            raise InputError(f"parameter {name!r} has the shape {view.shape}, got values of shape {given.shape}.")
        if given.dtype.kind not in "fiub":
            raise InputError(f"parameter {name!r} takes real numbers, got the type {given.dtype}.")
        with np.errstate(over="ignore"):
            cast = given.astype(view.dtype)
        if not np.isfinite(cast).all():
            where = tuple(map(int, np.argwhere(~np.isfinite(cast))[0]))
            large = f", too large for {view.dtype}" if np.isfinite(given[where]) else ""
            raise InputError(f"parameter {name!r} takes finite numbers, got {given[where]} at {list(where)}{large}.")
        view[...] = cast

    def __contains__(self, name: object) -> bool:
        return name in self._views

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the parameter, or the default where there is none of that name."""
        return self._views.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    @property
    def count(self) -> int:
        """How many numbers the network learns."""
        return sum(math.prod(self.layout.slots[name].shape) for name in self.learned)

    @property
    def running(self) -> int:
        """How many numbers are counted and not learned, such as running means."""
        return sum(math.prod(slot.shape) for slot in self.layout.slots.values()) - self.count

    @property
    def counts(self) -> str:
        """The numbers that are learned and, where there are any, those that are counted, in words."""
        running = f", {self.running:,} running values" if self.running else ""
        return f"{self.count:,} parameters{running}"

    def __repr__(self) -> str:
        rows = [f"  {name:<12} {view.shape}" for name, view in self._views.items()]
        running = f" and {self.running:,} running values" if self.running else ""
        return "\n".join([f"Parameters: {self.count:,} numbers{running}, {self.flat.dtype}", *rows])
