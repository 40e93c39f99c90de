"""Neural networks you can see through: small, fast on a CPU, every number visible.

Names are loaded on first use, so that ``import pellucid`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid import datasets, errors, initializers, layers, losses, optimizers, schedules
    from pellucid.layers.graph import Graph, Residual
    from pellucid.network import Network

__version__ = "0.1.0"

__all__ = [
    "Graph",
    "Network",
    "Residual",
    "__version__",
    "datasets",
    "errors",
    "info",
    "initializers",
    "layers",
    "losses",
    "optimizers",
    "schedules",
]

_CLASSES = {"Graph": "pellucid.layers.graph", "Network": "pellucid.network", "Residual": "pellucid.layers.graph"}
_MODULES = frozenset(__all__) - {*_CLASSES, "__version__", "info"}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for (PEP 562)."""
    if name in _MODULES:
        return import_module(f"pellucid.{name}")
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    raise AttributeError(f"module 'pellucid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


# Not lazy: the function shares its module's name, and whoever imported the module later would put it in the way.
from pellucid.info import info  # noqa: E402
