"""theano.tensor as far as conv.py calls it: the number of a mini-batch."""

from typing import Any

from pellucid.compat.nielsen import theano
from pellucid.compat.nielsen.symbols import Symbol


def lscalar(name: str | None = None) -> Symbol:
    """Returns a whole number to come."""
    return Symbol()


iscalar = lscalar


def __getattr__(name: str) -> Any:
    return theano.__getattr__(name if name.startswith("__") else f"tensor.{name}")


__all__ = ["iscalar", "lscalar"]
