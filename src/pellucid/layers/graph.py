"""How layers hang together: a chain, or a graph in which a layer reads any values that were made before it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, Union

from pellucid.errors import InputError
from pellucid.layers.base import Join, Layer
from pellucid.layers.joining import Add


@dataclass(frozen=True, repr=False)
class Value:
    """What comes out of a layer of a graph, or its input: something for other layers to read."""

    graph: "Graph"
    number: int

    def __repr__(self) -> str:
        return f"<{self.graph.name_of(self.number)}>"


@dataclass(frozen=True)
class Residual:
    """y = layers(x) + shortcut(x): what the layers change is added to what came in.

    layers: a plain list, first to last. shortcut: such a list too, where the shapes would not fit without one; empty
    for x itself. In a list of layers or in `Graph.add` it stands for its layers, its shortcut's, and an Add().
    Raises InputError where layers is empty. Source: He et al., "Deep residual learning for image recognition", 2015.
    """

    layers: Sequence["Layer | Residual"]
    shortcut: Sequence["Layer | Residual"] = ()

    def __post_init__(self) -> None:
        for name in ("layers", "shortcut"):
            listed = getattr(self, name)
            if not isinstance(listed, Sequence) or isinstance(listed, str):
                raise InputError(f"{name} of a Residual is {listed!r}, not a list of layers; write {name}=[...].")
            object.__setattr__(self, name, tuple(listed))
        if not self.layers:
            raise InputError("layers of a Residual is empty; it needs at least one, such as Affine(10).")


class Graph:
    """Layers that read any values made before them, in the place of a plain list.

        g = Graph()
        a = g.add(Affine(30), g.input)
        b = g.add(Tanh(), a)
        g.add(Add(), a, b)
        net = Network(g, loss, input_shape=784)

    Value 0 is the input, value i + 1 is what layer i makes; the last one added is the output.
    """

    def __init__(self) -> None:
        self._layers: list[Layer] = []
        self._inputs: list[tuple[int, ...]] = []

    @property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(self._layers)

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the values that each layer reads: ((0,), (1,), ...) for a plain list."""
        return tuple(self._inputs)

    @property
    def input(self) -> Value:
        """The samples."""
        return Value(self, 0)

    def add(self, layer: Layer | Residual, *values: Value) -> Value:
        """Adds a layer that reads the values given, and returns what it makes.

        Raises:
            InputError: not a layer, a value of another graph, several values for a layer that reads one, or one for a
                Join.
        """
        for value in values:
            if not isinstance(value, Value) or value.graph is not self:
                raise InputError(
                    f"{self._naming(layer)} reads {value!r}, which is no value of this graph; give graph.input or what "
                    "graph.add returned."
                )
        return Value(self, self._add(layer, tuple(value.number for value in values)))

    def unread(self) -> list[int]:
        """Returns the numbers of the values that lead nowhere: no layer reads them, and they are not the output."""
        read = {number for numbers in self._inputs for number in numbers}
        return [number for number in range(len(self._layers)) if number not in read]

    def name_of(self, number: int) -> str:
        """Returns what a value is, in words."""
        return "the input" if number == 0 else f"the output of layer {number - 1} ({self._layers[number - 1]})"

    def _add(self, layer: Any, values: tuple[int, ...]) -> int:
        if isinstance(layer, Residual):
            return self._add_residual(layer, values)
        self._check(layer, values)
        self._layers.append(layer)
        self._inputs.append(values)
        return len(self._layers)

    def _add_residual(self, residual: Residual, values: tuple[int, ...]) -> int:
        if len(values) != 1:
            raise InputError(f"a Residual reads one value, got {len(values)}; join them first, such as with Add().")
        return self._add(Add(), (self._chain(residual.layers, *values), self._chain(residual.shortcut, *values)))

    def _chain(self, layers: Iterable[Any], value: int) -> int:
        for layer in layers:
            value = self._add(layer, (value,))
        return value

    def _check(self, layer: Any, values: tuple[int, ...]) -> None:
        place = len(self._layers)
        if isinstance(layer, type):
            raise InputError(f"layer {place} is the class {layer.__name__}; make one: {layer.__name__}(...).")
        if not isinstance(layer, Layer):
            raise InputError(f"layer {place} is {layer!r}, not a layer; see pellucid.layers.")
        if any(not 0 <= value <= place for value in values):
            raise InputError(
                f"{self._naming(layer)} reads the values {list(values)}, but only 0 to {place} exist before it."
            )
        if isinstance(layer, Join) and len(values) < 2:
            raise InputError(
                f"{self._naming(layer)} joins two values or more, got {len(values)}; in a Graph, give it as many: "
                f"graph.add({layer}, a, b)."
            )
        if not isinstance(layer, Join) and len(values) != 1:
            raise InputError(
                f"{self._naming(layer)} reads one value, got {len(values)}; "
                + ("join them first, such as with graph.add(Add(), a, b)." if values else "say which: graph.input, ...")
            )

    def _naming(self, layer: Any) -> str:
        return f"layer {len(self._layers)}, {layer},"

    @classmethod
    def of(cls, layers: Union["Graph", Iterable[Layer | Residual]]) -> "Graph":
        """Returns a graph as it is, and a plain list as the chain that it means.

        Raises:
            InputError: something in it is no layer, or there is none.
        """
        if isinstance(layers, Graph):
            graph = layers
        else:
            graph = cls()
            graph._chain(layers if isinstance(layers, Iterable) else [layers], 0)
        if not graph._layers:
            raise InputError("layers is empty; a network needs at least one, such as Affine(10).")
        return graph

    @classmethod
    def wired(cls, layers: Iterable[Layer], inputs: Iterable[Iterable[int]]) -> "Graph":
        """Returns the graph in which each layer reads the values of the numbers given.

        Raises:
            InputError: a value that does not exist, or the wrong number of them for a layer.
        """
        graph = cls()
        for layer, values in zip(layers, inputs, strict=True):
            graph._add(layer, tuple(map(index, values)))
        return graph
