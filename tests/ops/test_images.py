"""The ops on images: against their definitions, cell by cell, and each gradient as the adjoint of its op."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import numbers
from pellucid import ops
from pellucid.errors import InputError
from pellucid.ops import Array
from pellucid.ops.image_shapes import output_size
from pellucid.ops.images import conv2d_by_definition
from pellucid.ops.op import OPS
from pellucid.plan.interpreter import run
from pellucid.plan.ir import ROWS
from pellucid.plan.validate import validate
from plan.recorder import Recorder

some = settings(max_examples=60)


@dataclass(frozen=True)
class Geometry:
    """Images and a window over them, of which at least one place is in each image."""

    rows: int
    channels: int
    size: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    out: int = 1

    @property
    def places(self) -> tuple[int, int]:
        return output_size(self.size, self.window, self.stride, self.padding, self.dilation)

    @property
    def pooling(self) -> dict[str, Any]:
        return {"window": self.window, "stride": self.stride, "padding": self.padding}

    @property
    def convolving(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        return (self.out, self.channels // self.groups, *self.window)

    def x(self) -> Array:
        return numbers(1, (self.rows, self.channels, *self.size))

    def dy(self, channels: int | None = None) -> Array:
        return numbers(2, (self.rows, channels or self.channels, *self.places))


small = st.integers(1, 3)
pairs = st.tuples(small, small)


@st.composite
def convolutions(draw: st.DrawFn) -> Geometry:
    groups = draw(small)
    sides = st.integers(1, 7)
    geometry = Geometry(
        rows=draw(small),
        channels=groups * draw(small),
        size=draw(st.tuples(sides, sides)),
        window=draw(pairs),
        stride=draw(pairs),
        padding=draw(st.tuples(*[st.integers(0, 3)] * 4)),
        dilation=draw(pairs),
        groups=groups,
        out=groups * draw(small),
    )
    return geometry if min(geometry.places) > 0 else draw(convolutions())


@st.composite
def poolings(draw: st.DrawFn) -> Geometry:
    high, wide = window = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    vertical, horizontal = st.integers(0, high - 1), st.integers(0, wide - 1)
    geometry = Geometry(
        rows=draw(small),
        channels=draw(small),
        size=draw(st.tuples(st.integers(1, 7), st.integers(1, 7))),
        window=window,
        stride=draw(st.tuples(st.integers(1, 5), st.integers(1, 5))),
        padding=(draw(vertical), draw(vertical), draw(horizontal), draw(horizontal)),
    )
    return geometry if min(geometry.places) > 0 else draw(poolings())


def inner(a: Array, b: Array) -> float:
    assert a.shape == b.shape
    return float((a * b).sum())


# Convolution ----------------------------------------------------------------------------------------------------


@some
@given(convolutions())
def test_im2col_computes_what_the_definition_says(g: Geometry) -> None:
    x, W, b = g.x(), numbers(3, g.kernel), numbers(4, (g.out,))
    found = ops.conv2d(x, W, b, **g.convolving)
    assert found.shape == (g.rows, g.out, *g.places)
    np.testing.assert_allclose(found, conv2d_by_definition(x, W, b, **g.convolving), rtol=1e-12, atol=1e-12)


@some
@given(convolutions())
def test_the_gradients_of_a_convolution_are_its_adjoints(g: Geometry) -> None:
    x, W, du = g.x(), numbers(3, g.kernel), g.dy(g.out)
    expected = inner(ops.conv2d(x, W, np.zeros(g.out), **g.convolving), du)
    dx = ops.conv2d_input_gradient(du, W, shape=(g.channels, *g.size), **g.convolving)
    dW = ops.conv2d_weight_gradient(x, du, window=g.window, **g.convolving)
    assert inner(x, dx) == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert inner(W, dW) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_a_convolution_is_a_cross_correlation() -> None:
    x, W = np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    u = ops.conv2d(x, W, np.array([0.5]), stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1)
    assert u.tolist() == [[[[27.5, 37.5], [57.5, 67.5]]]]


# Pooling --------------------------------------------------------------------------------------------------------


def cells_inside(g: Geometry, r: int, s: int) -> list[tuple[int, int, int]]:
    """The cells of the window at place (r, s) that lie in the image: number within the window, row, column."""
    top, left = g.stride[0] * r - g.padding[0], g.stride[1] * s - g.padding[2]
    every = [(i * g.window[1] + j, top + i, left + j) for i in range(g.window[0]) for j in range(g.window[1])]
    return [(k, i, j) for k, i, j in every if 0 <= i < g.size[0] and 0 <= j < g.size[1]]


@some
@given(poolings(), st.sampled_from([math.inf, 1.0, 0.0]))
def test_pooling_by_its_definition(g: Geometry, coarseness: float) -> None:
    """With a coarseness many numbers are equal, and at infinity all are the smallest there is."""
    x = g.x()
    if coarseness:
        x = np.full_like(x, -math.inf) if coarseness == math.inf else np.round(x / coarseness)
    largest, places = ops.max_pool2d(x, **g.pooling), ops.max_pool2d_places(x, **g.pooling)
    assert places.dtype == np.uint8
    for n, c, r, s in np.ndindex(g.rows, g.channels, *g.places):
        inside = [(float(x[n, c, i, j]), k) for k, i, j in cells_inside(g, r, s)]
        value, negative = max((v, -k) for v, k in inside)
        assert (largest[n, c, r, s], places[n, c, r, s]) == (value, -negative)
    if not math.isinf(coarseness):
        mean = ops.average_pool2d(x, **g.pooling)
        for n, c, r, s in np.ndindex(g.rows, g.channels, *g.places):
            inside_values = [float(x[n, c, i, j]) for _, i, j in cells_inside(g, r, s)]
            assert mean[n, c, r, s] == pytest.approx(math.fsum(inside_values) / len(inside_values), abs=1e-12)


@some
@given(poolings())
def test_the_gradients_of_pooling_are_its_adjoints(g: Geometry) -> None:
    x, dy = g.x(), g.dy()
    largest, places = ops.max_pool2d(x, **g.pooling), ops.max_pool2d_places(x, **g.pooling)
    dx = ops.max_pool2d_backward(dy, places, shape=g.size, **g.pooling)
    assert inner(x, dx) == pytest.approx(inner(largest, dy), rel=1e-10, abs=1e-10)
    dx = ops.average_pool2d_backward(dy, shape=g.size, **g.pooling)
    assert inner(x, dx) == pytest.approx(inner(ops.average_pool2d(x, **g.pooling), dy), rel=1e-10, abs=1e-10)


def test_nan_is_the_largest_and_the_first_one_wins() -> None:
    x = np.array([[[[1.0, np.nan], [np.nan, np.inf]]]])
    once = {"window": (2, 2), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    assert np.isnan(ops.max_pool2d(x, **once)).all()
    assert ops.max_pool2d_places(x, **once).item() == 1


def test_a_window_of_256_cells_finds_its_last() -> None:
    x = np.zeros((1, 1, 16, 16), np.float32)
    x[0, 0, 15, 15] = 1
    places = ops.max_pool2d_places(x, window=(16, 16), stride=(16, 16), padding=(0, 0, 0, 0))
    assert (places.dtype, places.item()) == (np.uint8, 255)


# Around, between and over channels ------------------------------------------------------------------------------


@some
@given(convolutions())
def test_cropping_takes_off_what_padding_set_around(g: Geometry) -> None:
    x, (top, bottom, left, right) = g.x(), g.padding
    wide = ops.pad2d(x, padding=g.padding)
    assert wide.shape == (g.rows, g.channels, g.size[0] + top + bottom, g.size[1] + left + right)
    assert wide.sum() == pytest.approx(x.sum())
    np.testing.assert_array_equal(ops.crop2d(wide, padding=g.padding), x)


@some
@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.sampled_from([(), (2, 3)]), small)
def test_slices_are_what_was_concatenated(widths: list[int], rest: tuple[int, ...], rows: int) -> None:
    xs = [numbers(k, (rows, width, *rest)) for k, width in enumerate(widths)]
    y = ops.concatenate(*xs)
    assert y.shape == (rows, sum(widths), *rest)
    for k, x in enumerate(xs):
        np.testing.assert_array_equal(ops.slice_channels(y, first=sum(widths[:k]), last=sum(widths[: k + 1])), x)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 5)])
def test_channels_are_summed_over_everything_else(shape: tuple[int, ...]) -> None:
    x = numbers(1, shape)
    for c in range(3):
        values = [float(v) for v in x[:, c].flat]
        assert ops.sum_channels(x)[c] == pytest.approx(math.fsum(values))
        assert ops.mean_channels(x)[c] == pytest.approx(math.fsum(values) / len(values))


def test_numbers_are_spread_over_positions_and_channels_over_images() -> None:
    x, v = numbers(1, (2, 3)), numbers(2, (3,))
    wide = ops.spread2d(x, shape=(4, 5))
    assert wide.shape == (2, 3, 4, 5)
    assert (wide == x[:, :, None, None]).all()
    assert (ops.per_channel(v) + np.zeros((2, 3, 4, 5)) == v[None, :, None, None]).all()


def test_nothing_given_is_changed_and_nothing_made_is_a_view() -> None:
    x = numbers(1, (2, 3, 4, 5))
    before = x.copy()
    for made in (
        ops.pad2d(x, padding=(0, 0, 0, 0)),
        ops.crop2d(x, padding=(0, 0, 0, 0)),
        ops.slice_channels(x, first=0, last=3),
        ops.max_pool2d(x, window=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0)),
        ops.average_pool2d(x, window=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0)),
    ):
        assert not np.shares_memory(made, x)
        made[...] = 7
    np.testing.assert_array_equal(x, before)


# Recording ------------------------------------------------------------------------------------------------------

IMAGE_OPS = [name for name, op in OPS.items() if op.family == "image"]
IMAGE_OPS += ["concatenate", "slice_channels", "sum_channels", "mean_channels"]


def arguments(name: str, a: Recorder, g: Geometry) -> tuple[list[tuple[Any, Any]], dict[str, Any]]:
    """What to call the op with: pairs of recording array and array, and attributes."""

    def images() -> tuple[Any, Any]:
        return a(ROWS, g.channels, *g.size)

    def made(channels: int = g.channels, **options: Any) -> tuple[Any, Any]:
        return a(ROWS, channels, *g.places, **options)

    def kernel() -> tuple[Any, Any]:
        return a(*g.kernel, role="parameter")

    places = np.zeros((g.rows, g.channels, *g.places), np.uint8)
    grown = (g.size[0] + sum(g.padding[:2]), g.size[1] + sum(g.padding[2:]))
    calls: dict[str, Any] = {
        "conv2d": lambda: ([images(), kernel(), a(g.out, role="parameter")], g.convolving),
        "conv2d_input_gradient": lambda: (
            [made(g.out), kernel()],
            {"shape": (g.channels, *g.size), **g.convolving},
        ),
        "conv2d_weight_gradient": lambda: ([images(), made(g.out)], {"window": g.window, **g.convolving}),
        "max_pool2d_backward": lambda: (
            [made(), made(dtype="uint8", value=places)],
            {"shape": g.size, **g.pooling},
        ),
        "average_pool2d_backward": lambda: ([made()], {"shape": g.size, **g.pooling}),
        "pad2d": lambda: ([images()], {"padding": g.padding}),
        "crop2d": lambda: ([a(ROWS, g.channels, *grown)], {"padding": g.padding}),
        "per_channel": lambda: ([a(g.channels)], {}),
        "spread2d": lambda: ([a(ROWS, g.channels)], {"shape": g.size}),
        "concatenate": lambda: ([images(), a(ROWS, g.out, *g.size)], {}),
        "slice_channels": lambda: ([images()], {"first": g.channels // 2, "last": g.channels}),
        "sum_channels": lambda: ([images()], {}),
        "mean_channels": lambda: ([images()], {}),
    }
    return calls[name]() if name in calls else ([images()], g.pooling)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", IMAGE_OPS)
@settings(max_examples=10)
@given(data=st.data())
def test_recording_tells_the_shape_and_type_of_computing(name: str, dtype: str, data: st.DataObject) -> None:
    g = data.draw(poolings() if "pool" in name else convolutions())
    a = Recorder(dtype, g.rows)
    given_to, attributes = arguments(name, a, g)
    recorded = getattr(ops, name)(*(r for r, _ in given_to), **attributes)
    computed = getattr(ops, name)(*(v for _, v in given_to), **attributes)
    assert tuple(g.rows if d == ROWS else d for d in recorded.shape) == computed.shape
    assert recorded.dtype == computed.dtype == np.dtype("uint8" if name == "max_pool2d_places" else dtype)
    a.plan.results = {"made": recorded.buffer.number}
    validate(a.plan)
    np.testing.assert_array_equal(run(a.plan, a.values)["made"], computed)


def test_a_mask_of_channels_is_recorded_with_its_shape() -> None:
    a = Recorder("float32", 3)
    mask = ops.dropout_mask(a(ROWS, 4, 5, 5)[0], 3, rate=0.5, seed=1, layer=2, shape=(4,))
    assert mask.shape == (ROWS, 4)


X, W, B = (ROWS, 4, 6, 5), (6, 2, 3, 3), (6,)
ONCE = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 2}
POOL = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("name", "shapes", "attributes"),
    [
        ("conv2d", [(ROWS, 3, 6, 5), W, B], ONCE),
        ("conv2d", [(ROWS, 20), W, B], ONCE),
        ("conv2d", [X, W, (5,)], ONCE),
        ("conv2d", [X, (6, 2, 7, 3), B], ONCE),
        ("conv2d", [X, (5, 2, 3, 3), (5,)], ONCE),
        ("conv2d_input_gradient", [(ROWS, 6, 4, 4), W], {**ONCE, "shape": X[1:]}),
        ("conv2d_input_gradient", [(ROWS, 5, 4, 3), W], {**ONCE, "shape": X[1:]}),
        ("conv2d_weight_gradient", [X, (ROWS, 6, 4, 4)], {**ONCE, "window": (3, 3)}),
        ("conv2d_weight_gradient", [X, (ROWS, 5, 4, 3)], {**ONCE, "window": (3, 3)}),
        ("max_pool2d", [(ROWS, 4, 1, 5)], POOL),
        ("max_pool2d_places", [(ROWS, 20)], POOL),
        ("max_pool2d_backward", [(ROWS, 4, 3, 2), (ROWS, 4, 3, 3)], {**POOL, "shape": (6, 5)}),
        ("average_pool2d_backward", [(ROWS, 4, 3, 3)], {**POOL, "shape": (6, 5)}),
        ("pad2d", [(ROWS, 4)], {"padding": (1, 1, 1, 1)}),
        ("crop2d", [X], {"padding": (3, 3, 0, 0)}),
        ("sum_channels", [(ROWS,)], {}),
        ("per_channel", [(ROWS, 4)], {}),
        ("spread2d", [X], {"shape": (2, 2)}),
        ("concatenate", [X, (ROWS, 4, 5, 5)], {}),
        ("concatenate", [(ROWS, 4), (ROWS,)], {}),
        ("slice_channels", [X], {"first": 2, "last": 5}),
        ("slice_channels", [X], {"first": 2, "last": 2}),
    ],
)
def test_shapes_that_do_not_fit_are_named(name: str, shapes: list[Any], attributes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"ops\.{name} .*\("):
        OPS[name].shape_of(shapes, attributes)


def test_the_bytes_of_places_go_nowhere_but_back_into_pooling() -> None:
    a = Recorder("float32", 3)
    x = a(ROWS, 4, 6, 5)[0]
    places = ops.max_pool2d_places(x, **POOL)
    dx = ops.max_pool2d_backward(ops.max_pool2d(x, **POOL), places, shape=(6, 5), **POOL)
    a.plan.results = {"made": dx.buffer.number}
    validate(a.plan)
    with pytest.raises(InputError, match=r"ops\.add\(a, b\) cannot take the type uint8 as operand 1"):
        ops.add(ops.max_pool2d(x, **POOL), places)
    with pytest.raises(InputError, match=r"cannot take the type float32 as operand 1"):
        ops.max_pool2d_backward(ops.max_pool2d(x, **POOL), ops.max_pool2d(x, **POOL), shape=(6, 5), **POOL)
