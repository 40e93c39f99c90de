"""Chapter 5's first layers: a product and a sum of two numbers, with their derivatives."""

from typing import Any


class MulLayer:
    """z = x y,  dx = dz y,  dy = dz x"""

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """Returns x y."""
        self.x, self.y = x, y
        return x * y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """Returns dx and dy."""
        return dout * self.y, dout * self.x


class AddLayer:
    """z = x + y,  dx = dy = dz"""

    def forward(self, x: Any, y: Any) -> Any:
        """Returns x + y."""
        return x + y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """Returns dx and dy."""
        return dout, dout


__all__ = ["AddLayer", "MulLayer"]
