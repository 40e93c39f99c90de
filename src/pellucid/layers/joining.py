"""Layers that join several values into one; for a `Graph`."""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import final

from pellucid import ops
from pellucid.errors import InputError
from pellucid.layers.base import Join, Mode, Shape
from pellucid.named import Named
from pellucid.ops import Array


@final
@dataclass(frozen=True)
class Add(Join):
    """y = x₁ + x₂ + ...        all of one shape        dx₁ = dx₂ = ... = dy

    Raises InputError where the shapes differ. Source: He et al., "Deep residual learning", 2016.
    """

    def output_shape(self, input_shapes: tuple[Shape, ...]) -> Shape:  # type: ignore[override]
        if len(set(input_shapes)) != 1:
            raise InputError(
                f"adds values of one shape, not of {_listed(input_shapes)}; bring them to one, such as with "
                "Conv2D(channels, 1, stride=...) or Affine(units)."
            )
        return input_shapes[0]

    def forward(self, p: Named, xs: tuple[Array, ...], mode: Mode) -> tuple[Array, Named]:  # type: ignore[override]
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total, Named(count=len(xs))

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[tuple[Array, ...], Named]:  # type: ignore[override]
        return (dy,) * saved.count, Named()


@final
@dataclass(frozen=True)
class Concatenate(Join):
    """y = x₁, x₂, ... one after the other        (N, K₁, ...), (N, K₂, ...), ... -> (N, K₁ + K₂ + ..., ...)

    dx₁, dx₂, ... are the parts of dy.

    Channels of images, numbers of vectors. Raises InputError where the shapes differ in more than these. Source:
    Szegedy et al., "Going deeper with convolutions", 2015.
    """

    def output_shape(self, input_shapes: tuple[Shape, ...]) -> Shape:  # type: ignore[override]
        if len({shape[1:] for shape in input_shapes}) != 1:
            raise InputError(
                f"sets channels beside each other, so the rest must be equal, but the shapes are "
                f"{_listed(input_shapes)}; bring height and width to one size, such as with padding='same'."
            )
        return (sum(shape[0] for shape in input_shapes), *input_shapes[0][1:])

    def forward(self, p: Named, xs: tuple[Array, ...], mode: Mode) -> tuple[Array, Named]:  # type: ignore[override]
        return ops.concatenate(*xs), Named(widths=tuple(x.shape[1] for x in xs))

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[tuple[Array, ...], Named]:  # type: ignore[override]
        ends = accumulate(saved.widths, initial=0)
        return tuple(ops.slice_channels(dy, first=first, last=last) for first, last in pairwise(ends)), Named()


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))


__all__ = ["Add", "Concatenate"]
