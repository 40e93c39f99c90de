"""What ops take and give, and the shapes of it: numbers, or symbols for what is known only when a plan runs."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Scalar: TypeAlias = float | Array
"""An array, or a number that stands for one."""
Whole: TypeAlias = Annotated[NDArray[Any], "whole"]
"""An array of whole numbers, in an integer type or in that of the other operands."""
Places: TypeAlias = Annotated[NDArray[Any], "places"]
"""An array of bytes, as `max_pool2d_places` makes it."""

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = tuple[int, int, int, int]

Dimension: TypeAlias = int | str
"""A length: a number, or a symbol such as "N", the rows of a batch, or a multiple of one, "N·5"."""
Shape: TypeAlias = tuple[Dimension, ...]

ROWS: Final[Literal["N"]] = "N"
_TIMES = "·"


def times(a: Dimension, b: Dimension) -> Dimension:
    """Returns the product of two lengths in its one form: symbols in order, then the number, as in "N·T·5"."""
    symbols, number = _factors(a)
    more, factor = _factors(b)
    return _written(sorted(symbols + more), number * factor)


def over(a: Dimension, b: Dimension) -> Dimension | None:
    """Returns a / b, None where that is no length."""
    symbols, number = _factors(a)
    fewer, factor = _factors(b)
    for symbol in fewer:
        if symbol not in symbols:
            return None
        symbols.remove(symbol)
    return None if not factor or number % factor else _written(symbols, number // factor)


def format_shape(shape: Shape) -> str:
    """Writes a shape as Python does, with N for the rows of the batch."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _factors(length: Dimension) -> tuple[list[str], int]:
    if isinstance(length, int):
        return [], length
    parts = length.split(_TIMES)
    number = int(parts.pop()) if parts[-1].isdecimal() else 1
    return parts, number


def _written(symbols: list[str], number: int) -> Dimension:
    if not symbols or number == 0:
        return number
    return _TIMES.join([*symbols, *([] if number == 1 else [str(number)])])
