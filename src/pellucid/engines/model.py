"""A model: layers, a loss and one flat parameter vector, with every shape checked once. What an engine runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid import philox
from pellucid.errors import InputError
from pellucid.layers import Join, Layer, Mode, Named, Parameter
from pellucid.layers.graph import Graph, Residual
from pellucid.losses import Loss
from pellucid.parameters import Layout, Parameters

Shape = tuple[int, ...]


class Model:
    """The layers in order, what each reads, the shape of one sample of every value, and the parameters by name ("0.W").

    Value 0 is x, value i + 1 is the output of layer i; `inputs` says for each layer which values it reads. `learned`
    are the names of the parameters that have a gradient, `counted` the others. A training batch must have
    `least_rows` rows.
    """

    def __init__(
        self,
        layers: Graph | Iterable[Layer | Residual],
        loss: Loss | None,
        input_shape: Shape,
        seed: int,
        dtype: np.dtype[Any],
    ) -> None:
        graph = Graph.of(layers)
        self.layers, self.inputs = graph.layers, graph.inputs
        self.loss = loss
        self.seed = seed
        self.dtype = dtype
        self.shapes: list[Shape] = [input_shape]
        wanted = [self._place(index) for index in range(len(self.layers))]
        self._check_ends(graph)
        by_name = {f"{index}.{name}": p for index, own in enumerate(wanted) for name, p in own.items()}
        self._names = [[(name, f"{index}.{name}") for name in own] for index, own in enumerate(wanted)]
        self.decays = {name: parameter.decay for name, parameter in by_name.items()}
        self.learned = tuple(name for name, parameter in by_name.items() if parameter.learned)
        self.counted = tuple(name for name in by_name if name not in self.learned)
        self.least_rows = max(map(self._least_rows, range(len(self.layers))))
        self.parameters = Parameters(
            Layout({name: parameter.shape for name, parameter in by_name.items()}), dtype, self.learned
        )
        for index, own in enumerate(wanted):
            for stream, (name, parameter) in enumerate(own.items()):
                address = (seed, philox.purpose_of(philox.WEIGHTS, index), stream)
                self.parameters[f"{index}.{name}"] = parameter.initializer.draw(parameter.shape, address)

    def _place(self, index: int) -> Mapping[str, Parameter]:
        """Finds the shape of what a layer makes; returns its parameters."""
        layer, shape = self.layers[index], self.read(index, self.shapes)
        try:
            own = layer.parameters(shape)
            self.shapes.append(tuple(layer.output_shape(shape)))
        except InputError as error:
            raise InputError(f"layer {index}, {layer}: {error}") from None
        return own

    def _check_ends(self, graph: Graph) -> None:
        for value in graph.unread():
            raise InputError(
                f"{graph.name_of(value)} leads nowhere: no layer reads it, and the output of a network is that of its "
                "last layer; join it to the rest, such as with Add(), or leave the layer out."
            )
        if self.loss is not None and len(self.output_shape) != 1:
            raise InputError(
                f"the loss {type(self.loss).__name__} takes one vector per sample, but the last layer, "
                f"{self.layers[-1]}, gives {self.output_shape}; end with Flatten() or an Affine layer."
            )

    def _least_rows(self, index: int) -> int:
        return self.layers[index].least_rows(self.read(index, self.shapes))

    def read(self, index: int, values: Sequence[Any]) -> Any:
        """Returns what a layer reads, out of something that there is for every value: a Join gets a tuple."""
        chosen = tuple(values[number] for number in self.inputs[index])
        return chosen if isinstance(self.layers[index], Join) else chosen[0]

    def check_batches(self, rows: int, batch_size: int) -> None:
        """Raises InputError where a training batch, the last and short one too, is too small for some layer."""
        smallest = rows % batch_size or min(rows, batch_size)
        if smallest >= self.least_rows:
            return
        index = next(index for index in range(len(self.layers)) if self._least_rows(index) > smallest)
        least = self._least_rows(index)
        needs = f"layer {index}, {self.layers[index]}, needs training batches of at least {least} rows"
        if rows < least:
            raise InputError(f"{needs}, but x has only {rows}; give more samples.")
        if batch_size < least:
            raise InputError(f"{needs}, but batch_size is {batch_size}; give batch_size={least} or more.")
        fits = next(size for size in range(batch_size + 1, rows + 1) if rows % size == 0 or rows % size >= least)
        raise InputError(
            f"{needs}, but the last of the {-(-rows // batch_size)} batches of x has only {smallest}, as {rows} rows "
            f"do not divide by batch_size={batch_size}; give batch_size={fits}, or leave {smallest} of the rows out."
        )

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
