"""What a layer is: stateless maths, with parameters coming in and gradients going out under the same names."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from pellucid.description import written
from pellucid.initializers import Initializer
from pellucid.named import Named
from pellucid.ops import Array

Shape = tuple[int, ...]
"""The shape of one sample, without the batch's rows."""


@dataclass(frozen=True)
class Parameter:
    """Numbers that a layer keeps: a shape, the first values, and whether weight decay applies to them.

    Where `learned` is False they are counted and not learned, as a running mean is: they have no gradient, no optimizer
    touches them, and `Layer.after_step` changes them.
    """

    shape: Shape
    initializer: Initializer
    decay: bool = True
    learned: bool = True


@dataclass(frozen=True)
class Mode:
    """How a forward pass is meant: for training or not; and where random numbers of this layer and step come from."""

    training: bool = False
    seed: int = 0
    layer: int = 0
    step: int = 0


class Layer(ABC):
    """One transformation of a batch, with its derivative beside it.

    Subclasses are frozen dataclasses: their fields are the hyperparameters, and that is all they keep.
    """

    def parameters(self, input_shape: Shape) -> Mapping[str, Parameter]:
        """Returns what the layer learns or counts, by name; raises InputError where the input's shape does not fit."""
        return {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of one output sample."""
        return input_shape

    def least_rows(self, input_shape: Shape) -> int:
        """Returns how many rows a training batch must have: more than 1 where something is measured over the batch."""
        return 1

    def __str__(self) -> str:
        """Writes the layer as one would type it: without the fields that are at their default."""
        return written(self)

    @abstractmethod
    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        """Returns the output and, by name, what `backward` will need."""

    @abstractmethod
    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        """Returns dL/dx and, under the names of the learned parameters, dL/dp, given dy = dL/dy."""

    def after_step(self, p: Named, saved: Named) -> Named:
        """Returns what is counted and not learned anew, by name, given what `forward` saved.

        Called once for each training batch, with the parameters from before the optimizer's update; never where NaN or
        infinity came up.
        """
        return Named()


class Join(Layer):
    """A layer that reads several values, of equal rows, and makes one of them; to be used in a `Graph`.

    It is a Layer with tuples in the place of x, its shape, and dL/dx: one entry for each value, in the order given.
    """

    # A Join is never called as a plain Layer is: a model asks which of the two it has. Hence the other arguments.

    def parameters(self, input_shapes: tuple[Shape, ...]) -> Mapping[str, Parameter]:  # type: ignore[override]
        """Returns what the layer learns or counts, by name; raises InputError where the shapes do not fit together."""
        return {}

    @abstractmethod
    def output_shape(self, input_shapes: tuple[Shape, ...]) -> Shape:  # type: ignore[override]
        """Returns the shape of one output sample."""

    def least_rows(self, input_shapes: tuple[Shape, ...]) -> int:  # type: ignore[override]
        """Returns how many rows a training batch must have."""
        return 1

    @abstractmethod
    def forward(self, p: Named, xs: tuple[Array, ...], mode: Mode) -> tuple[Array, Named]:  # type: ignore[override]
        """Returns the output and, by name, what `backward` will need."""

    @abstractmethod
    def backward(  # type: ignore[override]
        self, p: Named, saved: Named, dy: Array
    ) -> tuple[tuple[Array, ...], Named]:
        """Returns dL/dx for each value read and, under the names of the learned parameters, dL/dp."""


__all__ = ["Join", "Layer", "Mode", "Parameter"]
