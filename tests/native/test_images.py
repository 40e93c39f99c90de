"""Networks over images: the native engine against the reference, at random and in odd corners."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cases import Case
from native.pairs import error, pair, steps_of_both
from pellucid import Graph, Network, Residual, ops
from pellucid.errors import InputError
from pellucid.initializers import Normal
from pellucid.layers import (
    Add,
    Affine,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dropout2D,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    Named,
    Parameter,
    ReLU,
    Rescale,
    Sigmoid,
    Softplus,
    Tanh,
    ZeroPad2D,
)
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam, Optimizer

TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
PLAIN: tuple[Layer, ...] = (ReLU(), LeakyReLU(0.2), Tanh(), Sigmoid(), Softplus(), Rescale(0.5, 0.25), Dropout2D(0.3))
NORMALISING: tuple[Layer, ...] = (BatchNorm(), LayerNorm())
CHANNELS = st.sampled_from([1, 2, 3, 5, 15, 16, 17, 33])


# Networks at random --------------------------------------------------------------------------------------------------


@st.composite
def convolutions(draw: Any, channels: int) -> Conv2D:
    filters = draw(CHANNELS)
    return Conv2D(
        filters,
        draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        stride=draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        dilation=draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        padding=draw(st.one_of(st.just("same"), st.tuples(*[st.integers(0, 3)] * 4))),
        groups=draw(st.sampled_from([n for n in (1, 2, 3, 5, 16) if filters % n == channels % n == 0])),
        weights=Normal(0.4),
        bias=Normal(0.3),
    )


@st.composite
def windows(draw: Any) -> Layer:
    kind = draw(st.sampled_from([MaxPool2D, AveragePool2D]))
    high, wide = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    padding = draw(st.one_of(st.just("same"), st.tuples(st.integers(0, high - 1), st.integers(0, wide - 1))))
    stride = draw(st.one_of(st.none(), st.integers(1, 3)))
    pool: Layer = kind((high, wide), stride=stride, padding=padding)
    return pool


def single_layers(channels: int) -> st.SearchStrategy[Layer]:
    return st.one_of(
        convolutions(channels),
        windows(),
        st.sampled_from([*PLAIN, *NORMALISING]),
        st.builds(ZeroPad2D, st.tuples(*[st.integers(0, 2)] * 4)),
    )


@st.composite
def networks(draw: Any) -> Case:
    """A graph of up to six layers over images, some of which are joined with a value made earlier; then vectors."""
    shape = (draw(CHANNELS), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    graph = Graph()
    values = [(graph.input, shape)]
    for _ in range(draw(st.integers(1, 6))):
        value, shape = values[-1]
        layer = draw(single_layers(shape[0]))
        try:
            made = layer.output_shape(shape)
        except InputError:
            continue  # The window is larger than the image.
        if np.prod(made) <= 1500:
            values.append((graph.add(layer, value), made))
        earlier, other = draw(st.sampled_from(values))
        value, shape = values[-1]
        if draw(st.booleans()) and other[1:] == shape[1:]:
            joined = Add() if other == shape and draw(st.booleans()) else Concatenate()
            whole = shape if isinstance(joined, Add) else (shape[0] + other[0], *shape[1:])
            values.append((graph.add(joined, value, earlier), whole))
    end = graph.add(draw(st.sampled_from([Flatten(), GlobalAveragePool2D()])), values[-1][0])
    graph.add(Affine(3, bias=Normal(0.3)), end)
    labels = draw(st.booleans())
    loss = SoftmaxCrossEntropy() if labels else MeanSquaredError()
    return Case("random", graph, loss, values[0][1], "labels" if labels else "values", draw(st.booleans()))


def normalises(case: Case) -> bool:
    layers = case.layers.layers if isinstance(case.layers, Graph) else case.layers
    return any(isinstance(layer, BatchNorm | LayerNorm | Residual) for layer in layers)


def same_forward(case: Case, dtype: str, rows: int) -> None:
    native, reference = pair(case, dtype)
    assert native.engine == "native", native.engine_reason
    x, t, weight = case.x(rows, dtype), case.t(rows, dtype), case.weight(rows)
    assert error(native.predict(x), reference.predict(x)) < TOLERANCE[dtype]
    loss, found = native.gradient(x, t, sample_weight=weight)
    expected_loss, expected = reference.gradient(x, t, sample_weight=weight)
    assert error(loss, expected_loss) < TOLERANCE[dtype]
    # A gradient that cancels is as exact as what it is made of.
    largest = max(float(np.abs(gradient).max()) for gradient in expected.values())
    for name, gradient in expected.items():
        assert error(found[name], gradient, largest) < TOLERANCE[dtype], name
    found, expected = (net.evaluate(x, t, sample_weight=weight) for net in (native, reference))
    assert error(found["loss"], expected["loss"]) < TOLERANCE[dtype]


def same_steps(case: Case, optimizer: Optimizer, dtype: str, rows: int, batch_size: int) -> None:
    for native, reference, done, expected, before in steps_of_both(case, optimizer, dtype, rows, batch_size, 5):
        assert native.net.engine == "native" and done.batches == expected.batches
        if expected.sums.loss > 1e3 * expected.sums.weight:
            return  # Diverging: every step multiplies the rounding of the one before.
        found = native.copies()
        largest = largest_of_a_kind(before | reference.copies())
        for name, values in reference.copies().items():
            assert error(found[name], values, largest[kind(name)]) < TOLERANCE[dtype], name


def kind(name: str) -> str:
    """Nothing for parameters, such as "0.W"; of "0.W.m" the name of the optimizer's memory."""
    return ".".join(name.split(".")[2:])


def largest_of_a_kind(arrays: dict[str, Any]) -> dict[str, float]:
    """A gradient that is 0 but for rounding is as exact as the largest."""
    found: dict[str, float] = {}
    for name, values in arrays.items():
        found[kind(name)] = max(found.get(kind(name), 0.0), float(np.abs(values).max()))
    return found


@settings(max_examples=60)
@given(networks(), st.sampled_from(["float64", "float32"]), st.integers(1, 70))
def test_random_networks_predict_and_differentiate_alike(case: Case, dtype: str, rows: int) -> None:
    same_forward(case, dtype, rows)


@settings(max_examples=60)
@given(networks(), st.booleans(), st.integers(1, 20), st.integers(1, 20))
def test_random_networks_train_alike(case: Case, adaptive: bool, rows: int, batch_size: int) -> None:
    assume(case.least_rows <= min(rows, batch_size, rows % batch_size or batch_size))
    # Adam makes steps of one size of gradients that are 0 but for rounding, as of a bias before a normalisation.
    optimizer: Optimizer = Adam(0.002) if adaptive and not normalises(case) else SGD(0.02)
    same_steps(case, optimizer, "float64", rows, batch_size)


@pytest.mark.slow
@settings(max_examples=2000)
@given(networks(), st.integers(1, 40), st.integers(1, 40))
def test_many_random_networks_agree(case: Case, rows: int, batch_size: int) -> None:
    assume(case.least_rows <= min(rows, batch_size, rows % batch_size or batch_size))
    same_forward(case, "float64", rows)
    same_steps(case, SGD(0.02), "float64", rows, batch_size)


@pytest.mark.parametrize("rows, batch_size", [(1, 1), (5, 5), (9, 9), (23, 10), (33, 16), (41, 8)])
@pytest.mark.parametrize("optimizer", [SGD(0.02), Adam(0.002)], ids=str)
def test_batches_that_are_ragged_or_smaller_than_the_strands(optimizer: Optimizer, rows: int, batch_size: int) -> None:
    layers = (Conv2D(6, 3, bias=Normal(0.3)), ReLU(), MaxPool2D(), Conv2D(17, 2), Tanh(), Flatten(), Affine(4))
    case = Case("ragged", layers, SoftmaxCrossEntropy(), (2, 8, 7), "labels", weighted=True)
    same_steps(case, optimizer, "float64", rows, batch_size)
    same_steps(case, optimizer, "float32", rows, batch_size)


def test_images_in_bytes_are_those_in_floats() -> None:
    layers = [Rescale(1 / 255), Conv2D(5, 3, padding="same"), ReLU(), MaxPool2D(), Flatten(), Affine(3)]
    x = np.random.default_rng(0).integers(0, 256, (60, 3, 6, 7), np.uint8)
    t = np.arange(60) % 3

    def trained(engine: str, x: Any) -> Network:
        net = Network(layers, SoftmaxCrossEntropy(), input_shape=(3, 6, 7), seed=1, dtype="float64", engine=engine)
        net.fit(x, t, epochs=2, batch_size=13, optimizer=SGD(0.1), verbose=0)
        return net

    native, floats, reference = (trained(*given) for given in (("native", x), ("native", x * 1.0), ("reference", x)))
    assert native.parameters.flat.tobytes() == floats.parameters.flat.tobytes()
    assert native.predict(x).tobytes() == floats.predict(x * 1.0).tobytes()
    assert error(native.predict(x[:3]), reference.predict(x[:3])) < 1e-11
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-11


# Corners -------------------------------------------------------------------------------------------------------------


def branched(*join: Layer) -> Graph:
    """The input read as planes by one layer and by positions by another, and both together by a third."""
    graph = Graph()
    convolved = graph.add(Conv2D(2, 3, padding="same"), graph.input)
    plain = graph.add(Sigmoid(), graph.input)
    pooled = graph.add(MaxPool2D(3, stride=1, padding="same"), plain)
    both = graph.add(Add(), convolved, plain)
    end = graph.add(Concatenate(), both, pooled, graph.input)
    for layer in join:
        end = graph.add(layer, end)
    return graph


ENDS: dict[str, tuple[tuple[Layer | Residual, ...] | Graph, tuple[int, ...]]] = {
    "a convolution": ((Conv2D(3, 3),), (2, 5, 6)),
    "a convolution, then planes": ((Conv2D(3, 3), Flatten()), (2, 5, 6)),
    "a convolution of one position": ((Conv2D(5, (5, 6)),), (2, 5, 6)),
    "planes alone": ((Flatten(),), (2, 5, 6)),
    "the input itself": ((ReLU(),), (2, 5, 6)),
    "a pool": ((MaxPool2D(),), (17, 5, 6)),
    "a normalised image": ((BatchNorm(),), (3, 5, 6)),
    "a join": (branched(), (2, 4, 5)),
    "a join, then a convolution": (branched(Conv2D(4, 2)), (2, 4, 5)),
    "residuals": ((Residual((Conv2D(16, 3, padding="same"),), (Conv2D(16, 1),)), ReLU()), (16, 4, 5)),
    "one position throughout": ((Conv2D(20, 1), BatchNorm(), ReLU(), Conv2D(3, 1), BatchNorm(), Sigmoid()), (4, 1, 1)),
}


@pytest.mark.parametrize("name", ENDS)
def test_networks_may_end_with_an_image(name: str) -> None:
    layers, shape = ENDS[name]
    nets = [Network(layers, input_shape=shape, seed=3, dtype="float64", engine=e) for e in ("native", "reference")]
    x = np.random.default_rng(0).normal(size=(300, *shape))
    for rows in (1, 2, 33, 300):
        found, expected = (net.predict(x[:rows]) for net in nets)
        assert found.shape == expected.shape and error(found, expected) < 1e-12


@dataclass(frozen=True)
class Scale(Layer):
    """y = a x with a number for each channel, kept as (C, 1, 1) or as (C,)."""

    spread: bool

    def parameters(self, input_shape: Any) -> dict[str, Parameter]:
        return {"a": Parameter((*input_shape[:1], 1, 1) if self.spread else input_shape[:1], Normal(1.0))}

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        return x * self._spread(p.a), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        sums = ops.sum_channels(dy * saved.x)
        return dy * self._spread(p.a), Named(a=ops.per_channel(sums) if self.spread else sums)

    def _spread(self, a: Any) -> Any:
        return a if self.spread else ops.per_channel(a)


@dataclass(frozen=True)
class Halves(Layer):
    """x as (C, K), cut along its channels and put together the other way round."""

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        c, high, wide = x.shape[1:]
        flat = ops.reshape(x, shape=(c, high * wide))
        halves = [ops.slice_channels(flat, first=first, last=first + c // 2) for first in (0, c // 2)]
        return ops.reshape(ops.concatenate(*reversed(halves)), shape=(c, high, wide)), Named()

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        return self.forward(p, dy, None)


@pytest.mark.parametrize(
    "layer, engine", [(Scale(False), "native"), (Scale(True), "reference"), (Halves(), "reference")]
)
@pytest.mark.parametrize("before", [(), (Conv2D(4, 2, padding="same"),)], ids=["planes", "positions"])
def test_layers_of_ones_own_over_images(layer: Layer, engine: str, before: tuple[Layer, ...]) -> None:
    case = Case("own", (*before, layer, Flatten(), Affine(3)), MeanSquaredError(), (4, 3, 5))
    auto, reference = (
        Network(case.layers, case.loss, input_shape=case.input_shape, seed=3, dtype="float64", engine=e)
        for e in ("auto", "reference")
    )
    assert auto.engine == engine, auto.engine_reason
    x, t = case.x(50), case.t(50)
    assert error(auto.predict(x), reference.predict(x)) < 1e-12
    _, found = auto.gradient(x, t)
    for name, gradient in reference.gradient(x, t)[1].items():
        assert error(found[name], gradient) < 1e-12, name


def test_what_is_read_twice_is_laid_out_once_and_gradients_add_up() -> None:
    case = Case("branched", branched(Tanh(), Flatten(), Affine(2)), MeanSquaredError(), (2, 4, 5))
    for rows in (1, 7, 60):
        same_forward(case, "float64", rows)
    same_steps(replace(case, weighted=True), Adam(0.002), "float64", 23, 10)
