"""Numbers that are known once a function is called: what is left of Theano's expressions in Nielsen's conv.py."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.errors import InputError

Known = Mapping["Symbol", Any]


class Symbol:
    """A value to come, such as the number of a mini-batch, or one that is computed from it."""

    def __init__(self, compute: Callable[[Known], Any] | None = None) -> None:
        self._compute = compute

    def at(self, known: Known) -> Any:
        """Returns the value, given those that are known; raises InputError where it depends on another."""
        if self in known:
            return known[self]
        if self._compute is None:
            raise InputError("the function's value depends on a variable that is neither an input nor among givens.")
        return self._compute(known)

    def __add__(self, other: Any) -> "Symbol":
        return Symbol(lambda known: self.at(known) + value_of(other, known))

    def __mul__(self, other: Any) -> "Symbol":
        return Symbol(lambda known: self.at(known) * value_of(other, known))

    __radd__, __rmul__ = __add__, __mul__


def value_of(value: Any, known: Known) -> Any:
    """Returns a symbol's value, that of a slice of symbols, or the value itself."""
    if isinstance(value, slice):
        return slice(*(value_of(part, known) for part in (value.start, value.stop, value.step)))
    return value.at(known) if isinstance(value, Symbol) else value


def has_symbol(value: Any) -> bool:
    """Whether a value, or a bound of a slice, is still to come."""
    parts = (value.start, value.stop, value.step) if isinstance(value, slice) else (value,)
    return any(isinstance(part, Symbol) for part in parts)


def function(inputs: Sequence[Symbol], outputs: Any, givens: Mapping[Symbol, Any] | None = None) -> Callable[..., Any]:
    """Returns a function of the inputs that gives the value of outputs, with the givens in the place of variables."""
    replaced = dict(givens or {})

    def called(*numbers: Any) -> Any:
        known = dict(zip(inputs, numbers, strict=True))
        return value_of(outputs, known | {symbol: value_of(given, known) for symbol, given in replaced.items()})

    return called
