"""What is particular to layers that join: shapes, what they refuse, and that deltas find their way back."""

import numpy as np
import pytest

from cases import numbers
from pellucid import Graph, Network
from pellucid.errors import InputError
from pellucid.layers import Add, Affine, Concatenate, Mode, Named
from pellucid.losses import MeanSquaredError

NONE, TRAIN = Named(), Mode(training=True)


def test_add_adds_and_gives_everyone_the_same_delta() -> None:
    xs = tuple(numbers(k, (4, 3, 2, 2)) for k in range(3))
    y, saved = Add().forward(NONE, xs, TRAIN)
    np.testing.assert_array_equal(y, xs[0] + xs[1] + xs[2])
    dxs, gradients = Add().backward(NONE, saved, y)
    assert len(dxs) == 3 and all((dx == y).all() for dx in dxs) and not gradients
    assert Add().output_shape(((3, 2, 2),) * 3) == (3, 2, 2)


def test_concatenate_sets_side_by_side_and_takes_apart_again() -> None:
    xs = (numbers(1, (4, 3, 2, 2)), numbers(2, (4, 1, 2, 2)), numbers(3, (4, 2, 2, 2)))
    y, saved = Concatenate().forward(NONE, xs, TRAIN)
    np.testing.assert_array_equal(y, np.concatenate(xs, axis=1))
    dxs, gradients = Concatenate().backward(NONE, saved, y)
    assert not gradients
    for dx, x in zip(dxs, xs, strict=True):
        np.testing.assert_array_equal(dx, x)
    assert Concatenate().output_shape(((3, 2, 2), (1, 2, 2), (2, 2, 2))) == (6, 2, 2)
    assert Concatenate().output_shape(((3,), (4,))) == (7,)


def test_shapes_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"adds values of one shape, not of \(3, 4, 4\) and \(3, 2, 2\); bring them to"
    ):
        Add().output_shape(((3, 4, 4), (3, 2, 2)))
    with pytest.raises(InputError, match=r"the shapes are \(3, 4, 4\) and \(3, 2, 4\); bring height and width to one"):
        Concatenate().output_shape(((3, 4, 4), (3, 2, 4)))
    with pytest.raises(InputError, match=r"the shapes are \(3,\) and \(3, 1, 1\)"):
        Concatenate().output_shape(((3,), (3, 1, 1)))


def test_a_value_that_is_joined_with_itself_gets_both_deltas() -> None:
    graph = Graph()
    twice = graph.add(Add(), *[graph.add(Affine(2), graph.input)] * 2)
    graph.add(Affine(1), twice)
    joined = Network(graph, MeanSquaredError(), input_shape=(3,), seed=2, dtype="float64", engine="reference")
    plain = Network([Affine(2), Affine(1)], MeanSquaredError(), input_shape=(3,), dtype="float64", engine="reference")
    for ours, theirs, factor in (("0.W", "0.W", 2), ("0.b", "0.b", 2), ("2.W", "1.W", 1), ("2.b", "1.b", 1)):
        plain.parameters[theirs] = factor * joined.parameters[ours]
    x, t = numbers(1, (5, 3)), numbers(2, (5, 1))
    np.testing.assert_allclose(joined.predict(x), plain.predict(x), rtol=1e-12)
    found, expected = joined.gradient(x, t)[1], plain.gradient(x, t)[1]
    np.testing.assert_allclose(found["0.W"], 2 * expected["0.W"], rtol=1e-12)
