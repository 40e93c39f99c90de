"""A dictionary whose entries can also be read as attributes, for parameters, gradients and saved values."""

from typing import Any


class Named(dict[str, Any]):
    """`p.W` is `p["W"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here, only {', '.join(self) or 'nothing'}") from None
