"""The little of Theano that Nielsen's conv.py calls: function, shared, tensor.lscalar. network3 itself needs none."""

from types import SimpleNamespace
from typing import Any

from pellucid.compat.nielsen.shared import FLOAT, Shared
from pellucid.compat.nielsen.symbols import function
from pellucid.compat.switch import NotProvided

config = SimpleNamespace(floatX=FLOAT.name, device="cpu")
shared = Shared


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotProvided(
        f"the script uses theano.{name}, which Pellucid does not provide; Theano is no longer made: use numpy, or "
        "pellucid.Network with layers of your own.",
        name=f"theano.{name}",
    )


__all__ = ["config", "function", "shared"]
