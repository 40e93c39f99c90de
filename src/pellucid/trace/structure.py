"""What a trace holds: the numbers of one forward and one backward pass, and of the update, under their names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pellucid.layers import Layer, Named
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.optimizers import Optimizer


def numbered(symbol: str, count: int) -> list[str]:
    """Returns the symbol itself for one thing, and x₁, x₂, ... for several."""
    digits = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return [symbol] if count == 1 else [f"{symbol}{str(k).translate(digits)}" for k in range(1, count + 1)]


@dataclass(frozen=True, eq=False, repr=False)
class LayerTrace:
    """What one layer did: y = layer(x) on the way up, and on the way down dx and the gradients, given delta = dL/dy.

    x (N, ...), y (N, ...), delta like y, dx like x; `saved`, `parameters` and `gradients` by the layer's own names.
    `reads` are the numbers of the values read: 0 for the input, i + 1 for what layer i made. Where a layer joins
    several, `xs` and `dxs` hold all of them, and x and dx are the first.
    """

    name: str
    layer: Layer
    reads: tuple[int, ...]
    xs: tuple[Array, ...]
    y: Array
    saved: Named
    parameters: Named
    delta: Array
    dxs: tuple[Array, ...]
    gradients: Named

    @property
    def x(self) -> Array:
        return self.xs[0]

    @property
    def dx(self) -> Array:
        return self.dxs[0]

    @property
    def u(self) -> Array:
        """The weighted input (N, ...): what a layer with parameters gave, what any other was given."""
        return self.y if self.parameters else self.x

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Gives all arrays with their names, in the order in which they come up."""
        yield from zip(numbered("x", len(self.xs)), self.xs, strict=True)
        yield from self.parameters.items()
        yield "y", self.y
        yield from ((f"saved {name}", v) for name, v in self.saved.items() if isinstance(v, np.ndarray))
        yield "delta", self.delta
        yield from ((f"d{name}", values) for name, values in self.gradients.items())
        yield from zip(numbered("dx", len(self.dxs)), self.dxs, strict=True)

    def __repr__(self) -> str:
        return f"<trace of {self.name}; print it for every number>"

    def __str__(self) -> str:
        from pellucid.trace.text import layer_as_text

        return layer_as_text(self)


@dataclass(frozen=True, eq=False, repr=False)
class Update:
    """The next step of an optimizer: by parameter name the values `before` and `after`, and their difference."""

    optimizer: Optimizer
    before: Mapping[str, Array]
    after: Mapping[str, Array]

    @property
    def change(self) -> dict[str, Array]:
        return {name: self.after[name] - self.before[name] for name in self.before}


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One pass through the whole network: `layers` in order, the loss, and the loss of each row.

    x (N, ...), t (N, K), weight (N, 1), y (N, K), row_losses (N, 1). `gradients` by the parameters' names, as in
    `Network.parameters`; `update` where an optimizer was given. Prints forward pass, loss, backward pass and update,
    each array with its formula, shape and numbers.
    """

    layers: tuple[LayerTrace, ...]
    loss_function: Loss
    loss: float
    row_losses: Array
    t: Array
    weight: Array
    gradients: Mapping[str, Array]
    update: Update | None = None

    @property
    def loss_name(self) -> str:
        return type(self.loss_function).__name__

    @property
    def x(self) -> Array:
        return self.layers[0].x

    @property
    def y(self) -> Array:
        return self.layers[-1].y

    def name_of(self, value: int) -> str:
        """Returns what a value is, in words, by its number."""
        return "the input" if value == 0 else f"the output of {self.layers[value - 1].name}"

    def readers(self, index: int) -> list[LayerTrace]:
        """Returns the layers that read what a layer made."""
        return [layer for layer in self.layers if index + 1 in layer.reads]

    def __getitem__(self, index: int) -> LayerTrace:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f"<trace of {len(self)} layers on {len(self.x)} rows, loss {self.loss:.6g}; print it for every number>"

    def __str__(self) -> str:
        from pellucid.trace.text import as_text

        return as_text(self)
