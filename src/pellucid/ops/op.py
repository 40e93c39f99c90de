"""What an op is: one decorated function, from which everything that is known of it comes.

The signature says the operands (positional) and the attributes (keywords, constants of a plan); the body is the NumPy
reference; the docstring begins with the formula; the decorator names the family, and the rules for shape and type. From
that come dispatch, recording, its checks, the list of the vocabulary and docs/ops.md.

    @op(elementwise)
    def tanh(x: Array) -> Array:
        "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"
        return np.tanh(x)
"""

import functools
import inspect
import types
import typing
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from pellucid.checks import is_finite, is_whole
from pellucid.errors import InputError, OutsideVocabulary, suggest
from pellucid.ops.arrays import Dimension, Places, Scalar, Shape, Whole, format_shape

P = ParamSpec("P")
R = TypeVar("R")

Attributes = Mapping[str, Any]
ShapeRule = Callable[..., Shape | None]
"""Given the operands' shapes, then the attributes by keyword; None where the shapes do not fit."""

elementwise, product, reduction, shaping, image, random = (
    ("elementwise", "product", "reduction", "shaping", "image", "random")
)  # fmt: skip
FAMILIES = (elementwise, product, reduction, shaping, image, random)

OPS: dict[str, "Op"] = {}
"""The vocabulary: every op by name, in the order in which the modules of this room define them."""


class Symbolic:
    """An array that has no values: an op that meets one hands itself over instead of computing."""

    __slots__ = ()

    @abstractmethod
    def record(self, op: "Op", operands: Sequence[Any], attributes: Attributes) -> Any:
        """Appends a step to a plan; returns what stands for its result."""


class Operand(NamedTuple):
    """One positional parameter: kind is "array", "scalar" (an array or a number), "whole" or "places"."""

    name: str
    kind: str


class Attribute(NamedTuple):
    """One keyword: its annotation, and its default, or `inspect.Parameter.empty`."""

    annotation: Any
    default: Any


@dataclass(frozen=True, eq=False)
class Op:
    """One entry of the vocabulary."""

    name: str
    family: str
    compute: Callable[..., Any]
    shape: ShapeRule
    dtype: Any
    """The type of what it makes: None for that of its operands, the name of an attribute, or a type."""

    @functools.cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.compute).parameters.values())

    @functools.cached_property
    def operands(self) -> tuple[Operand, ...]:
        kinds = {Scalar: "scalar", Whole: "whole", Places: "places"}
        return tuple(
            Operand(p.name, next((kind for hint, kind in kinds.items() if p.annotation == hint), "array"))
            for p in self._parameters
            if p.kind != p.KEYWORD_ONLY
        )

    @functools.cached_property
    def attributes(self) -> dict[str, Attribute]:
        return {p.name: Attribute(p.annotation, p.default) for p in self._parameters if p.kind == p.KEYWORD_ONLY}

    @functools.cached_property
    def variadic(self) -> bool:
        """Whether it takes any number of operands of the one kind."""
        return any(p.kind == p.VAR_POSITIONAL for p in self._parameters)

    @property
    def formula(self) -> str:
        """The first paragraph of the docstring."""
        return inspect.cleandoc(self.compute.__doc__ or "").split("\n\n")[0].replace("\n", " ")

    @functools.cached_property
    def written(self) -> str:
        """The op as one calls it: `affine(x, W, b)`."""
        names = [f"*{o.name}" if self.variadic else o.name for o in self.operands]
        return f"{self.name}({', '.join([*names, *self.attributes])})"

    def takes_number(self, index: int) -> bool:
        """Whether an operand may be a constant; a chain of elementwise steps takes them everywhere."""
        return self.family == elementwise or self.operands[0 if self.variadic else index].kind == "scalar"

    def makes_number(self, types: Sequence[np.dtype[Any] | None]) -> bool:
        """Whether what it makes is one more run-time number, which has no type of its own: made of such alone."""
        return self.dtype is None and all(found is None for found in types)

    def bind(self, given: Sequence[Any], named: Attributes) -> tuple[Sequence[Any], dict[str, Any]]:
        """Returns the operands in order, and all attributes that are not None, checked against the signature.

        Raises:
            InputError: an operand or an attribute too many, too few, of another name or type.
        """
        if named and any(operand.name in named for operand in self.operands):
            given, named = self._in_order(given, dict(named))
        if len(given) != len(self.operands) and (not self.variadic or not given):
            raise InputError(f"ops.{self.written} takes {len(self.operands)} operands, got {len(given)}.")
        if not self.attributes and not named:
            return given, {}
        for name in named:
            if name not in self.attributes:
                known = f"; {suggest(name, self.attributes)}" if self.attributes else ", it has none."
                raise InputError(f"ops.{self.written} has no attribute {name!r}{known}")
        return given, {n: value for n in self.attributes if (value := self._attribute(n, named)) is not None}

    def _in_order(self, given: Sequence[Any], named: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        rest = self.operands[len(given) :]
        missing = [operand.name for operand in rest if operand.name not in named]
        if missing:
            raise InputError(f"ops.{self.written} lacks the operand {missing[0]}.")
        return [*given, *(named.pop(operand.name) for operand in rest)], named

    def _attribute(self, name: str, named: Attributes) -> Any:
        annotation, default = self.attributes[name]
        value = named.get(name, default)
        if value is inspect.Parameter.empty:
            raise InputError(f"ops.{self.written} lacks the attribute {name}.")
        if isinstance(value, Symbolic):
            raise OutsideVocabulary(f"ops.{self.written}: {name} is a constant of the plan, it cannot be an array.")
        try:
            return _fitted(value, annotation)
        except (TypeError, ValueError):
            wanted = getattr(annotation, "__name__", str(annotation)) if annotation != DTypeLike else "a type"
            raise InputError(f"ops.{self.name}: {name} must be {wanted}, got {value!r:.80}.") from None

    def shape_of(self, shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        """Returns the shape of what the op makes.

        Raises:
            InputError: the shapes do not fit it.
        """
        made = self.shape(*shapes, **attributes)
        if made is None:
            raise InputError(f"ops.{self.name} cannot take the shapes {' and '.join(map(format_shape, shapes))}.")
        return made

    def type_of(self, types: Sequence[np.dtype[Any] | None], attributes: Attributes) -> np.dtype[Any]:
        """Returns the type of what the op makes, given those of its operands, None for numbers.

        Raises:
            InputError: the types do not fit it: a plan has no hidden casts.
        """
        own: np.dtype[Any] | None = None
        for index, found in enumerate(types):
            kind = self.operands[0 if self.variadic else index].kind
            if found is None or (kind == "whole" and found.kind in "iu") or (kind == "places" and found == np.uint8):
                continue
            if found.kind != "f" or kind == "places":
                raise InputError(f"ops.{self.written} cannot take the type {found} as operand {index}.")
            if own is not None and found != own:
                raise InputError(f"ops.{self.written} mixes {own} and {found}; a plan has no hidden casts.")
            own = found
        named = attributes.get(self.dtype, self.dtype) if isinstance(self.dtype, str) else self.dtype
        if named is not None:
            return np.dtype(named)
        if own is None:
            raise InputError(f"ops.{self.written} needs an array among its operands.")
        return own


def op(family: str, *, shape: ShapeRule | None = None, dtype: Any = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function an op of this family; without a rule, shapes broadcast as NumPy's do."""

    def enter(compute: Callable[P, R]) -> Callable[P, R]:
        entry = Op(compute.__name__, family, compute, shape or broadcast, dtype)
        OPS[entry.name] = entry

        @functools.wraps(compute)
        def dispatch(*operands: Any, **attributes: Any) -> Any:
            for operand in operands:
                if isinstance(operand, Symbolic):
                    return operand.record(entry, operands, attributes)
            for operand in attributes.values():
                if isinstance(operand, Symbolic):
                    return operand.record(entry, operands, attributes)
            return compute(*operands, **attributes)

        return dispatch

    return enter


def broadcast(*shapes: Shape) -> Shape | None:
    """NumPy's rule, read from the last dimension; a symbol meets itself or 1."""
    first = shapes[0]
    if all(shape == first or not shape for shape in shapes[1:]):
        return first
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    result: list[Dimension] = []
    for dimensions in zip(*padded, strict=True):
        wide = {d for d in dimensions if d != 1}
        if len(wide) > 1:
            return None
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def _fitted(value: Any, annotation: Any) -> Any:
    """Returns an attribute as Python's own number or tuple; raises TypeError where it is of another type."""
    if annotation == DTypeLike:
        return np.dtype(value)
    if isinstance(annotation, types.UnionType):
        if value is None:
            return None
        annotation = next(a for a in typing.get_args(annotation) if a is not types.NoneType)
    if typing.get_origin(annotation) is tuple:
        inner = typing.get_args(annotation)
        entries = tuple(value)
        wanted = inner[:1] * len(entries) if inner[-1] is Ellipsis else inner
        return tuple(_fitted(entry, each) for entry, each in zip(entries, wanted, strict=True))
    if annotation is int and is_whole(value):
        return int(value)
    if annotation is float and is_finite(value):
        return float(value)
    if annotation is bool and isinstance(value, bool):
        return value
    raise TypeError
