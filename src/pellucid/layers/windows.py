"""Windows over images: what stride, padding and dilation may be, and what they come to on an image of a given size."""

from dataclasses import dataclass
from typing import Any

from pellucid.checks import is_whole
from pellucid.errors import InputError
from pellucid.layers.base import Shape
from pellucid.layers.checks import image
from pellucid.ops.arrays import Padding, Pair
from pellucid.ops.image_shapes import output_size


@dataclass(frozen=True)
class Windows:
    """A window's size, the step between its places, the rows and columns around the image, and its cells' distance.

    padding is (top, bottom, left, right), or None for "same": as much as makes H' = ⌈H / stride⌉, an odd rest at the
    bottom and on the right.
    """

    window: Pair
    stride: Pair
    padding: Padding | None
    dilation: Pair = (1, 1)

    @classmethod
    def read(cls, window: Any, stride: Any, padding: Any, dilation: Any = 1) -> "Windows":
        """Returns what the hyperparameters of a layer say; raises InputError where they say nothing that can be."""
        rows_around: Padding | None = None
        if padding != "same":
            rows_around = around("padding", 0 if padding == "valid" else padding, words="'valid', 'same', ")
        return cls(pair("window", window), pair("stride", stride), rows_around, pair("dilation", dilation))

    @property
    def span(self) -> Pair:
        """How many rows and columns of the image a window reaches over."""
        return self.dilation[0] * (self.window[0] - 1) + 1, self.dilation[1] * (self.window[1] - 1) + 1

    def padding_of(self, size: Pair) -> Padding:
        """The rows and columns around an image of this size: (top, bottom, left, right)."""
        if self.padding is not None:
            return self.padding
        down, across = (self._same(size[axis], self.stride[axis], self.span[axis]) for axis in (0, 1))
        return (*down, *across)

    @staticmethod
    def _same(size: int, stride: int, span: int) -> Pair:
        places = -(-size // stride)
        missing = max((places - 1) * stride + span - size, 0)
        return missing // 2, missing - missing // 2

    def placed(self, size: Pair) -> dict[str, Any]:
        """Window, stride and padding on an image of this size, by the names that ops have for them."""
        return {"window": self.window, "stride": self.stride, "padding": self.padding_of(size)}

    def on(self, input_shape: Shape) -> Pair:
        """Returns (H', W'), how often a window fits; raises InputError where x is not images, or they are too small."""
        _, height, width = image(input_shape)
        padding = self.padding_of((height, width))
        high, wide = output_size((height, width), self.window, self.stride, padding, self.dilation)
        if min(high, wide) > 0:
            return high, wide
        padded = (height + padding[0] + padding[1], width + padding[2] + padding[3])
        seen = f"an image of {_by((height, width))}" + (f", {_by(padded)} with its padding," if any(padding) else "")
        window = f"a window of {_by(self.window)}"
        spread = f", {_by(self.span)} with its dilation" if self.span != self.window else ""
        raise InputError(f"{seen} is smaller than {window}{spread}; take a smaller window or padding='same'.")


def pair(name: str, value: Any) -> Pair:
    """Returns (v, v) of one number and (vertical, horizontal) of two; raises InputError unless they are 1 or more."""
    numbers = _integers(value, least=1)
    if numbers is None or len(numbers) != 2:
        raise InputError(f"{name} must be an integer of 1 or more, or (vertical, horizontal), got {value!r}.")
    return numbers[0], numbers[1]


def around(name: str, value: Any, words: str = "") -> Padding:
    """Returns (top, bottom, left, right) of one, two or four numbers; raises InputError unless they are 0 or more."""
    numbers = _integers(value, least=0)
    if numbers is None or len(numbers) not in (2, 4):
        raise InputError(
            f"{name} must be {words}an integer of 0 or more, (vertical, horizontal) or (top, bottom, left, right), "
            f"got {value!r}."
        )
    vertical, horizontal = numbers[:2]
    if len(numbers) == 2:
        return vertical, vertical, horizontal, horizontal
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _integers(value: Any, least: int) -> tuple[int, ...] | None:
    numbers = value if isinstance(value, tuple) else (value, value)
    fit = all(is_whole(n) and n >= least for n in numbers)
    return tuple(map(int, numbers)) if fit else None


def _by(size: Pair) -> str:
    return f"{size[0]}x{size[1]}"
