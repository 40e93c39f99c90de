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
    """What a layer wants to learn: a shape, its first values, and whether weight decay applies to it."""

    shape: Shape
    initializer: Initializer
    decay: bool = True


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
        """Returns what the layer learns, by name; raises InputError where the input's shape does not fit."""
        return {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of one output sample."""
        return input_shape

    def __str__(self) -> str:
        """Writes the layer as one would type it: without the fields that are at their default."""
        return written(self)

    @abstractmethod
    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        """Returns the output and, by name, what `backward` will need."""

    @abstractmethod
    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        """Returns dL/dx and, under the parameters' names, dL/dp, given dy = dL/dy."""
