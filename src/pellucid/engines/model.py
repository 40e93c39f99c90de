"""A model: layers, a loss and one flat parameter vector, with every shape checked once. What an engine runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid import philox
from pellucid.errors import InputError
from pellucid.layers import Layer, Mode, Named
from pellucid.losses import Loss
from pellucid.parameters import Layout, Parameters

Shape = tuple[int, ...]


class Model:
    """The layers in order, the shape of one sample before and after each, and the parameters by name ("0.W")."""

    def __init__(
        self, layers: Sequence[Layer], loss: Loss | None, input_shape: Shape, seed: int, dtype: np.dtype[Any]
    ) -> None:
        self.layers = tuple(layers)
        self.loss = loss
        self.seed = seed
        self.dtype = dtype
        self.shapes: list[Shape] = [input_shape]
        wanted: dict[str, Any] = {}
        for index, layer in enumerate(self.layers):
            try:
                own = layer.parameters(self.shapes[-1])
                self.shapes.append(tuple(layer.output_shape(self.shapes[-1])))
            except InputError as error:
                raise InputError(f"layer {index}, {layer}: {error}") from None
            wanted |= {f"{index}.{name}": parameter for name, parameter in own.items()}
        if loss is not None and len(self.output_shape) != 1:
            raise InputError(
                f"the loss {type(loss).__name__} takes one vector per sample, but the last layer, {self.layers[-1]}, "
                f"gives {self.output_shape}; end with Flatten() or an Affine layer."
            )
        self.parameters = Parameters(Layout({name: parameter.shape for name, parameter in wanted.items()}), dtype)
        self._names = [
            [(full.partition(".")[2], full) for full in wanted if full.startswith(f"{index}.")]
            for index in range(len(self.layers))
        ]
        self.decays = {name: parameter.decay for name, parameter in wanted.items()}
        for name, parameter in wanted.items():
            number, _, own_name = name.partition(".")
            place = int(number)
            stream = list(self.layers[place].parameters(self.shapes[place])).index(own_name)
            address = (seed, philox.purpose_of(philox.WEIGHTS, place), stream)
            self.parameters[name] = parameter.initializer.draw(parameter.shape, address)

    @property
    def input_shape(self) -> Shape:
        return self.shapes[0]

    @property
    def output_shape(self) -> Shape:
        return self.shapes[-1]

    def name_of(self, index: int) -> str:
        return f"layer {index} ({type(self.layers[index]).__name__})"

    def own(self, index: int, by_name: Any) -> Named:
        """Returns what belongs to one layer out of a mapping like the parameters', under the layer's own names."""
        return Named({name: by_name[full] for name, full in self._names[index] if full in by_name})

    def mode(self, index: int, training: bool, step: Any = 0) -> Mode:
        return Mode(training=training, seed=self.seed, layer=index, step=step)
