"""Derivatives, written in ops as layers use them: along random directions they are what differences of the op say.

Each formula is also recorded, to be sure that it is within the vocabulary and means the same there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pellucid import ops, philox
from pellucid.ops import Array
from pellucid.ops.arrays import ROWS, over
from pellucid.plan.interpreter import run
from pellucid.plan.validate import validate
from plan.recorder import Recorder

SIZES = (
    {"N": 1, "T": 1, "I": 1, "O": 1},
    {"N": 1, "T": 8, "I": 1, "O": 4},
    {"N": 2, "T": 1, "I": 17, "O": 3},
    {"N": 2, "T": 3, "I": 4, "O": 1},
    {"N": 3, "T": 3, "I": 3, "O": 3},
    {"N": 9, "T": 8, "I": 4, "O": 17},
    {"N": 9, "T": 3, "I": 17, "O": 5},
)
STEP = 1e-5
ADDED = 4
"""How many rows are added to: fewer than there are numbers, in some sizes."""
Sizes = dict[str, int]


@dataclass(frozen=True)
class Formula:
    """A function of some arrays in ops, and its derivative: `backward(g, y, *arrays)` gives one dL/dx for each.

    shapes: one letter for each length, as in SIZES; "3" is three. whole: the last array is row numbers from 0 to I − 1,
    and has no derivative. far_from: what no number may be near, as the function has a kink there.
    """

    name: str
    shapes: tuple[str, ...]
    forward: Callable[..., Array]
    backward: Callable[..., tuple[Array, ...]]
    whole: bool = False
    far_from: tuple[float, ...] = ()

    def arrays(self, sizes: Sizes) -> list[Array]:
        """The values where the derivative is looked at."""
        found = [philox.normal(5, philox.DATA, k, shape_of(letters, sizes)) for k, letters in enumerate(self.shapes)]
        if self.whole:
            found[-1] = np.abs(found[-1] * 100) // 1 % sizes["I"]
        for kink in self.far_from:
            found = [np.where(np.abs(x - kink) < 0.01, x + 0.02, x) for x in found]
        return found


def shape_of(letters: str, sizes: Sizes, rows: Any = None) -> tuple[Any, ...]:
    """The shape in numbers; with `rows`, that stands for N."""
    named = sizes if rows is None else {**sizes, "N": rows}
    return tuple(named[letter] if letter in named else int(letter) for letter in letters)


def length(n: Any, rows: int) -> Any:
    """A length of a recorded shape, such as "N·3", in numbers."""
    return n if isinstance(n, int) else rows * int(over(n, ROWS) or 0)


def wide(g: Array, x: Array) -> Array:
    """A column g spread over the last axis of x."""
    spread: Array = x * 0.0 + g
    return spread


def between(x: Array, least: float, most: float) -> Array:
    inside: Array = ops.greater(x, least) * ops.greater(most, x)
    return inside


def of_positions(x: Array, du: Array) -> Array:
    return ops.matmul_tn(ops.merge_positions(x), ops.merge_positions(du))


def normalised(x: Array) -> Array:
    centred = x - ops.mean_columns(x)
    return ops.divide(centred, ops.sqrt(ops.mean_columns(ops.square(centred)) + 0.1))


def normalised_backward(g: Array, y: Array, x: Array) -> tuple[Array, ...]:
    centred = x - ops.mean_columns(x)
    scale = 1.0 / ops.sqrt(ops.mean_columns(ops.square(centred)) + 0.1)
    return (scale * (g - ops.mean_columns(g) - y * ops.mean_columns(g * y)),)


def attention(q: Array, k: Array, v: Array) -> Array:
    return ops.matmul(ops.softmax(ops.matmul_nt(q, k) * 0.7), v)


def attention_backward(g: Array, y: Array, q: Array, k: Array, v: Array) -> tuple[Array, ...]:
    a = ops.softmax(ops.matmul_nt(q, k) * 0.7)
    da = ops.matmul_nt(g, v)
    ds = a * (da - ops.sum_columns(a * da)) * 0.7
    return ops.matmul(ds, k), ops.matmul_tn(ds, q), ops.matmul_tn(a, g)


def sliced(x: Array) -> Array:
    """All columns but the first and the last, of which there are three more than of y."""
    return ops.slice_columns(x, first=1, last=x.shape[-1] - 2)


def sliced_backward(g: Array, y: Array, x: Array) -> tuple[Array, ...]:
    zeros = ops.slice_columns(x, first=0, last=1) * 0.0
    return (ops.concatenate_columns(zeros, g, zeros, zeros),)


def joined(*xs: Array) -> Array:
    return ops.concatenate_columns(*xs)


def joined_backward(g: Array, y: Array, *xs: Array) -> tuple[Array, ...]:
    ends = np.cumsum([x.shape[-1] for x in xs]).tolist()
    return tuple(ops.slice_columns(g, first=end - x.shape[-1], last=end) for end, x in zip(ends, xs, strict=True))


def into_rows(g: Array, y: Array, W: Array, index: Array) -> tuple[Array, ...]:
    return (ops.add_rows(g, index, rows=W.shape[0]),)


def taken_back(g: Array, y: Array, x: Array, index: Array) -> tuple[Array, ...]:
    """Nothing comes back to what belongs to no row, where take_rows has NaN."""
    known = ops.greater(float(ADDED), ops.reshape(index, shape=(index.shape[1], 1)))
    return (ops.where(wide(known, x), ops.take_rows(g, index), 0.0),)


FORMULAS = (
    Formula(
        "batched matmul", ("NTI", "NIO"), ops.matmul, lambda g, y, a, b: (ops.matmul_nt(g, b), ops.matmul_tn(a, g))
    ),
    Formula("batched matmul_nt", ("NTI", "NOI"), ops.matmul_nt, lambda g, y, a, b: (g @ b, ops.matmul_tn(g, a))),
    Formula("batched matmul_tn", ("NTI", "NTO"), ops.matmul_tn, lambda g, y, a, b: (ops.matmul_nt(b, g), a @ g)),
    Formula(
        "matmul of one matrix", ("NTI", "IO"), ops.matmul, lambda g, y, x, W: (ops.matmul_nt(g, W), of_positions(x, g))
    ),
    Formula("matmul_nt of one matrix", ("NTI", "OI"), ops.matmul_nt, lambda g, y, x, W: (g @ W, of_positions(g, x))),
    Formula("matmul of rows", ("NI", "IO"), ops.matmul, lambda g, y, a, b: (ops.matmul_nt(g, b), ops.matmul_tn(a, g))),
    Formula(
        "affine",
        ("NTI", "IO", "O"),
        ops.affine,
        lambda g, y, x, W, b: (ops.matmul_nt(g, W), of_positions(x, g), ops.sum_rows(ops.merge_positions(g))),
    ),
    Formula(
        "affine of merged positions",
        ("NTI", "IO", "O"),
        lambda x, W, b: ops.split_positions(ops.affine(ops.merge_positions(x), W, b), positions=x.shape[1]),
        lambda g, y, x, W, b: (
            ops.split_positions(ops.matmul_nt(ops.merge_positions(g), W), positions=x.shape[1]),
            of_positions(x, g),
            ops.sum_rows(ops.merge_positions(g)),
        ),
    ),
    Formula(
        "mixing of positions",
        ("NTI", "TT"),
        lambda x, M: ops.transpose(ops.matmul(ops.transpose(x), M)),
        lambda g, y, x, M: (
            ops.transpose(ops.matmul_nt(ops.transpose(g), M)),
            of_positions(ops.transpose(x), ops.transpose(g)),
        ),
    ),
    Formula("transpose", ("NTI",), ops.transpose, lambda g, y, x: (ops.transpose(g),)),
    Formula("sum_columns", ("NTI",), ops.sum_columns, lambda g, y, x: (wide(g, x),)),
    Formula("mean_columns", ("NTI",), ops.mean_columns, lambda g, y, x: (wide(g, x) * (1 / x.shape[-1]),)),
    Formula("mean_columns of rows", ("NI",), ops.mean_columns, lambda g, y, x: (wide(g, x) * (1 / x.shape[-1]),)),
    Formula("max_columns", ("NTI",), ops.max_columns, lambda g, y, x: (ops.greater_equal(x, y) * g,)),
    Formula("softmax", ("NTI",), ops.softmax, lambda g, y, x: (y * (g - ops.sum_columns(g * y)),)),
    Formula("softmax of rows", ("NI",), ops.softmax, lambda g, y, x: (y * (g - ops.sum_columns(g * y)),)),
    Formula("sin", ("NTI",), ops.sin, lambda g, y, x: (g * ops.cos(x),)),
    Formula("cos", ("NTI",), ops.cos, lambda g, y, x: (-g * ops.sin(x),)),
    Formula(
        "clip",
        ("NTI",),
        lambda x: ops.clip(x, -0.5, 0.8),
        lambda g, y, x: (g * between(x, -0.5, 0.8),),
        far_from=(-0.5, 0.8),
    ),
    Formula("take_rows", ("IO", "NT"), ops.take_rows, into_rows, whole=True),
    Formula("take_rows of one", ("IO", "N"), ops.take_rows, into_rows, whole=True),
    Formula(
        "add_rows",
        ("NTO", "NT"),
        lambda g, index: ops.add_rows(g, index, rows=ADDED),
        taken_back,
        whole=True,
    ),
    Formula(
        "reshape",
        ("NTI",),
        lambda x: ops.reshape(x, shape=(x.shape[1] * x.shape[2],)),
        lambda g, y, x: (ops.reshape(g, shape=x.shape[1:]),),
    ),
    Formula(
        "merge_positions",
        ("NTI",),
        ops.merge_positions,
        lambda g, y, x: (ops.split_positions(g, positions=x.shape[1]),),
    ),
    Formula("concatenate_columns", ("NTI", "NTO", "NT3"), joined, joined_backward),
    Formula("concatenate_columns of rows", ("NI", "N3"), joined, joined_backward),
    Formula("slice_columns", ("NT7",), sliced, sliced_backward),
    Formula("slice_columns of rows", ("N5",), sliced, sliced_backward),
    Formula("normalisation", ("NTI",), normalised, normalised_backward),
    Formula("attention", ("NTI", "NOI", "NOT"), attention, attention_backward),
)


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "x".join(map(str, sizes.values())))
@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_the_derivative_is_what_differences_say(formula: Formula, sizes: Sizes) -> None:
    arrays = formula.arrays(sizes)
    y = formula.forward(*arrays)
    for k in range(3):
        g = philox.normal(6, philox.DATA, k, y.shape)
        found = formula.backward(g, y, *arrays)
        assert len(found) == len(arrays) - formula.whole
        for index, (x, dx) in enumerate(zip(arrays, found, strict=False)):
            assert (dx.shape, dx.dtype) == (x.shape, x.dtype), index
            direction = philox.normal(7 + k, philox.DATA, index, x.shape)

            def value(s: float, index: int = index, along: Array = direction, g: Array = g) -> float:
                moved = [a + s * along if i == index else a for i, a in enumerate(arrays)]
                return float((formula.forward(*moved) * g).sum())

            # Richardson's extrapolation: of fourth order in the step.
            whole, half = (value(STEP) - value(-STEP)) / (2 * STEP), (value(STEP / 2) - value(-STEP / 2)) / STEP
            scale = max(float(np.linalg.norm(dx) * np.linalg.norm(direction)), float(np.abs(y * g).sum()), 1e-3)
            assert abs(float((dx * direction).sum()) - (4 * half - whole) / 3) <= 1e-9 * scale, index


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_the_formula_can_be_recorded_and_means_the_same(formula: Formula, dtype: str) -> None:
    for sizes in SIZES:
        recorder, arrays = Recorder(dtype, sizes["N"]), formula.arrays(sizes)
        pairs: list[Any] = [
            recorder(*shape_of(letters, sizes, rows=ROWS), value=x.astype(dtype))
            for letters, x in zip(formula.shapes, arrays, strict=True)
        ]
        recorded, given = ([pair[side] for pair in pairs] for side in (0, 1))
        y, expected_y = formula.forward(*recorded), formula.forward(*given)
        g, expected_g = recorder(*y.shape, value=philox.normal(6, philox.DATA, 0, expected_y.shape).astype(dtype))
        made: dict[str, Any] = {"y": y}
        made |= {f"dx{k}": dx for k, dx in enumerate(formula.backward(g, y, *recorded))}
        expected = [expected_y, *formula.backward(expected_g, expected_y, *given)]
        recorder.plan.results = {name: array.buffer.number for name, array in made.items()}
        validate(recorder.plan)
        found = run(recorder.plan, recorder.values)
        for (name, array), values in zip(made.items(), expected, strict=True):
            assert tuple(length(n, sizes["N"]) for n in array.shape) == values.shape
            assert found[name].dtype == values.dtype == array.dtype == np.dtype(dtype)
            assert found[name].tobytes() == values.tobytes(), (name, sizes)


def test_every_new_op_that_has_a_derivative_is_here() -> None:
    recorder = Recorder("float64", 2)
    for formula in FORMULAS:
        arrays: list[Any] = [recorder(*shape_of(s, SIZES[-1], rows=ROWS), value=0.0)[0] for s in formula.shapes]
        y = formula.forward(*arrays)
        formula.backward(recorder(*y.shape, value=0.0)[0], y, *arrays)
    wanted = "affine matmul matmul_nt matmul_tn transpose sum_columns mean_columns max_columns sin cos maximum minimum"
    wanted += " take_rows add_rows reshape merge_positions split_positions concatenate_columns slice_columns"
    assert {*wanted.split()} <= {step.op for step in recorder.plan.steps}
