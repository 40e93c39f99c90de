"""One flat, aligned vector: where each parameter lies, and what can be written into it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import InputError
from pellucid.parameters import ALIGNMENT, LANES, Layout, Parameters, padded

SHAPES: dict[str, tuple[int, ...]] = {"0.W": (5, 17), "0.b": (17,), "2.W": (17, 1), "2.b": (1,), "3.K": (2, 3, 3, 3)}


@pytest.fixture
def parameters() -> Parameters:
    return Parameters(Layout(SHAPES), np.dtype(np.float32))


shape = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple)
shapes = st.dictionaries(st.text("abcW.", min_size=1), shape, min_size=1, max_size=5)


@given(shapes=shapes, dtype=st.sampled_from(["float32", "float64"]))
def test_views_are_aligned_do_not_overlap_and_lie_within(shapes: dict[str, tuple[int, ...]], dtype: str) -> None:
    made = Parameters(Layout(shapes), np.dtype(dtype))
    assert made.flat.ctypes.data % ALIGNMENT == 0
    assert (made.flat == 0).all()
    for number, (name, shape) in enumerate(shapes.items(), start=1):
        view = made[name]
        assert view.shape == shape
        assert np.shares_memory(view, made.flat)
        first_of_each_row = view.reshape(len(view), -1)[:, 0] if view.ndim > 1 else view[:1]
        start = made.flat.ctypes.data
        for row in range(len(first_of_each_row)):
            address = view[row : row + 1].ctypes.data if view.ndim > 1 else view.ctypes.data
            assert (address - start) % (LANES * view.itemsize) == 0
        view[...] = number
    for number, name in enumerate(shapes, start=1):
        assert (made[name] == number).all()
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    assert made.count == count == np.count_nonzero(made.flat)


def test_widths_are_padded_to_whole_vectors() -> None:
    assert [padded(n) for n in (0, 1, 15, 16, 17, 33)] == [0, 16, 16, 16, 32, 48]


def test_a_view_is_writable_in_place(parameters: Parameters) -> None:
    parameters["0.W"][2, 3] = 7.0
    parameters["0.W"] += 1  # type: ignore[misc]
    assert parameters["0.W"][2, 3] == 8.0
    assert (parameters.flat == 1.0).sum() == 5 * 17 - 1


def test_it_is_a_mapping_in_order(parameters: Parameters) -> None:
    assert list(parameters) == list(SHAPES)
    assert len(parameters) == 5
    assert "0.b" in parameters
    assert "1.b" not in parameters
    assert parameters.get("1.b") is None
    assert {name: view.shape for name, view in parameters.items()} == SHAPES


def test_values_are_copied_in(parameters: Parameters) -> None:
    values = np.arange(17)
    parameters["0.b"] = values
    values[0] = 99
    np.testing.assert_array_equal(parameters["0.b"], np.arange(17, dtype=np.float32))
    parameters["2.b"] = [0.5]
    assert parameters["2.b"][0] == 0.5


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("0.W", np.zeros((17, 5)), r"parameter '0\.W' has the shape \(5, 17\), got values of shape \(17, 5\)"),
        ("0.W", np.zeros(17), r"parameter '0\.W' has the shape \(5, 17\), got values of shape \(17,\)"),
        ("0.b", 1.0, r"parameter '0\.b' has the shape \(17,\), got values of shape \(\)"),
        ("2.b", [float("nan")], r"parameter '2\.b' takes finite numbers, got nan at \[0\]"),
        ("0.W", np.full((5, 17), np.inf), r"parameter '0\.W' takes finite numbers, got inf at \[0, 0\]"),
        ("2.b", [1e300], r"parameter '2\.b' takes finite numbers, got 1e\+300 at \[0\], too large for float32"),
        ("2.b", [1 + 2j], r"parameter '2\.b' takes real numbers, got the type complex128"),
        ("2.b", ["1"], r"parameter '2\.b' takes real numbers, got the type <U1"),
        ("2.b", [None], r"parameter '2\.b' takes real numbers, got the type object"),
        ("2.w", [1.0], r"there is no parameter '2\.w'; did you mean '2\.W'\?"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    parameters: Parameters, name: str, values: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        parameters[name] = values
    assert (parameters.flat == 0).all()


def test_an_unknown_name_gets_the_nearest_one_suggested(parameters: Parameters) -> None:
    with pytest.raises(InputError, match=r"there is no parameter '0\.w'; did you mean '0\.W'\?"):
        parameters["0.w"]


def test_it_prints_names_shapes_and_the_count(parameters: Parameters) -> None:
    lines = repr(parameters).splitlines()
    assert lines[0] == "Parameters: 174 numbers, float32"
    assert lines[1].split(None, 1) == ["0.W", "(5, 17)"]
