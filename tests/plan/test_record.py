"""Recording: the same shapes and types as computing, and a clear word where something is not an op."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import ops
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.ops.op import OPS
from pellucid.plan.interpreter import run
from pellucid.plan.ir import ROWS
from pellucid.plan.record import Recorded
from pellucid.plan.validate import validate
from plan.recorder import Recorder

DTYPES = ("float32", "float64")
Make = Callable[..., Any]


def operators(x: Any, y: Any) -> Any:
    return -(x + y) * (2 - x) / (1 / y) - y / 3 + 1 + 2 * x - x


def functions_of_numpy(x: Any, y: Any) -> Any:
    return (
        np.add(np.exp(x), np.maximum(y, 1.0)) + np.tanh(x) + np.log1p(np.sqrt(np.square(y))) + np.sign(np.negative(x))
    )


def more_functions_of_numpy(x: Any, y: Any) -> Any:
    return np.subtract(1, np.multiply(x, np.divide(y, 2))) + np.minimum(np.expm1(x), np.log(y)) + np.absolute(x)


@pytest.mark.parametrize("formula", [operators, functions_of_numpy, more_functions_of_numpy])
@pytest.mark.parametrize("dtype", DTYPES)
def test_operators_and_numpys_own_functions_record_the_same_ops(formula: Make, dtype: str) -> None:
    a = Recorder(dtype, 3)
    (x, vx), (y, vy) = a(ROWS, 4), a(ROWS, 4)
    made = formula(x, y)
    assert isinstance(made, Recorded)
    a.plan.results = {"made": made.buffer.number}
    validate(a.plan)
    found = run(a.plan, a.values)["made"]
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, formula(vx, vy))


def test_a_product_by_operator_is_recorded() -> None:
    a = Recorder("float32", 3)
    x, W = a(ROWS, 4)[0], a(4, 2)[0]
    made = x @ W
    assert a.plan.steps[-1].op == "matmul"
    assert made.shape == (ROWS, 2)


# What is not an op --------------------------------------------------------------------------------------------------


def _recorded() -> Recorded:
    return Recorder("float32", 3)(ROWS, 4)[0]


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda x: np.arctan(x), r"np\.arctan is not an op; use a function of pellucid\.ops instead"),
        (lambda x: np.add.reduce(x), r"np\.add is not an op"),
        (lambda x: np.exp(x, where=np.ones(3, bool)), r"np\.exp is not an op"),
        (lambda x: np.equal(x, 0), r"np\.equal is not an op"),
        (lambda x: np.greater(x, 0), r"np\.greater is not an op"),
        (lambda x: np.sum(x), r"np\.sum is not an op"),
        (lambda x: np.concatenate([x, x]), r"np\.concatenate is not an op"),
        (lambda x: np.where(x, 1, 2), r"np\.where is not an op"),
        (lambda x: np.asarray(x), "has no values; use functions of pellucid.ops"),
        (lambda x: bool(x), "`if` cannot ask for one; use ops.where"),
        (lambda x: 1 if x else 0, "`if` cannot ask for one; use ops.where"),
        (lambda x: float(x), "cannot become a Python number"),
        (lambda x: x[0], "cannot be indexed"),
        (lambda x: x[:, 1:], "cannot be indexed"),
        (lambda x: x + np.ones(4, np.float32), r"ops\.add got a ndarray beside a recording array"),
        (lambda x: ops.multiply(x, [1, 2]), r"ops\.multiply got a list beside a recording array"),
        (lambda x: ops.add(x, "1"), r"ops\.add got a str beside a recording array"),
    ],
)
def test_what_is_not_an_op_is_refused_by_name(use: Make, said: str) -> None:
    with pytest.raises(OutsideVocabulary, match=said):
        use(_recorded())


COMPARISONS: list[Make] = [
    lambda x: x > 0,
    lambda x: x >= 0,
    lambda x: x < 0,
    lambda x: x <= 0,
    lambda x: x == 0,
    lambda x: x != 0,
    lambda x: x > 0,
    lambda x: x == x,
]


@pytest.mark.parametrize("use", COMPARISONS)
def test_a_comparison_never_falls_back_to_identity(use: Make) -> None:
    with pytest.raises(OutsideVocabulary, match=r"cannot be compared; use ops\.greater"):
        use(_recorded())


@pytest.mark.parametrize("name", ["sum", "T", "reshape", "astype", "copy", "size"])
def test_methods_of_arrays_are_refused_by_name(name: str) -> None:
    with pytest.raises(OutsideVocabulary, match=rf"a recording array has no \.{name}; use functions of"):
        getattr(_recorded(), name)


def test_powers_and_lengths_are_refused() -> None:
    with pytest.raises(OutsideVocabulary, match=r"use ops\.square"):
        _recorded() ** 2
    with pytest.raises(OutsideVocabulary, match="how many rows"):
        len(_recorded())


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("affine", [(ROWS, 3), (4, 5), (5,)]),
        ("affine", [(ROWS, 4), (4, 5), (4,)]),
        ("affine", [(ROWS, 4, 1), (4, 5), (5,)]),
        ("matmul", [(ROWS, 3), (4, 5)]),
        ("matmul_nt", [(ROWS, 3), (3, 5)]),
        ("matmul_tn", [(ROWS, 3), (4, 5)]),
        ("add", [(ROWS, 3), (ROWS, 4)]),
        ("add", [(ROWS, 3), (4,)]),
        ("multiply", [(ROWS, 3), (7, 3)]),
        ("sum_rows", [(ROWS,)]),
        ("sum_columns", [(ROWS,)]),
        ("max_columns", [(ROWS,)]),
        ("mean_weights", [(ROWS, 2)]),
        ("affine", [(ROWS, 4), (4,), (4,)]),
        ("where", [(ROWS, 3), (4,), ()]),
        ("transpose", [(ROWS,)]),
        ("matmul", [("N", 2, 3), ("T", 3, 4)]),
        ("add", [("N", 3), ("T", 3)]),
    ],
)
def test_shapes_that_do_not_fit_are_named(name: str, shapes: list[Any]) -> None:
    with pytest.raises(InputError, match=rf"ops\.{name} .*\("):
        OPS[name].shape_of(shapes, {})


def test_arrays_of_two_recordings_do_not_meet() -> None:
    with pytest.raises(OutsideVocabulary, match=r"ops\.add got arrays of two recordings; keep none from call to call"):
        _recorded() + _recorded()


# Plans hold values ---------------------------------------------------------------------------------------------------


def _deleted(x: Any) -> None:
    del x[0]


IN_PLACE: dict[str, Make] = {
    "+=": lambda x: operator.iadd(x, 1.0),
    "-=": lambda x: operator.isub(x, 1.0),
    "*=": lambda x: operator.imul(x, 2.0),
    "/=": lambda x: operator.itruediv(x, 2.0),
    "//=": lambda x: operator.ifloordiv(x, 2.0),
    "%=": lambda x: operator.imod(x, 2.0),
    "**=": lambda x: operator.ipow(x, 2.0),
    "@=": lambda x: operator.imatmul(x, x),
    "&=": lambda x: operator.iand(x, x),
    "|=": lambda x: operator.ior(x, x),
    "^=": lambda x: operator.ixor(x, x),
    "<<=": lambda x: operator.ilshift(x, 1),
    ">>=": lambda x: operator.irshift(x, 1),
    "[...] =": lambda x: operator.setitem(x, Ellipsis, 1.0),
    "[0] =": lambda x: operator.setitem(x, 0, x),
    "del": _deleted,
    "out=": lambda x: np.exp(x, out=np.zeros((3, 4), np.float32)),
    "out= of recording arrays": lambda x: np.add(x, 1.0, out=x),
    "into an array with values": lambda x: operator.iadd(np.zeros((3, 4), np.float32), x),
}


@pytest.mark.parametrize("way", IN_PLACE)
def test_nothing_can_be_changed_in_place(way: str) -> None:
    x = _recorded()
    with pytest.raises(OutsideVocabulary, match=r"cannot be changed in place .*: write y = y \+ d, and return the new"):
        IN_PLACE[way](x)
    assert not x.plan.steps


def test_a_value_that_is_made_anew_leaves_the_old_one_as_it_was() -> None:
    a = Recorder("float64", 3)
    y, values = a(ROWS, 4)
    z = y
    y = y * 2.0
    a.plan.results = {"y": y.buffer.number, "z": z.buffer.number}
    found = run(a.plan, a.values)
    np.testing.assert_array_equal(found["z"], values)
    np.testing.assert_array_equal(found["y"], 2.0 * values)


# Numbers that change from step to step -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_made_of_numbers_alone_takes_the_type_of_what_it_meets(dtype: str) -> None:
    a = Recorder(dtype, 3)
    x, values = a(ROWS, 4)
    rate, _ = a(role="scalar", dtype="float64", value=0.1)
    more, _ = a(role="scalar", dtype="float64", value=0.3)
    halved = rate * 0.5 + ops.sqrt(1.0 - more)
    assert (halved.shape, halved.buffer.role) == ((), "number")
    made = x * halved
    assert made.dtype == np.dtype(dtype)
    a.plan.results = {"made": made.buffer.number}
    validate(a.plan)
    found = run(a.plan, a.values)["made"]
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, values * (0.1 * 0.5 + float(np.sqrt(1.0 - 0.3))))


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.asarray], ids=lambda kind: kind.__name__)
def test_a_plan_takes_a_number_in_whatever_form_it_comes(kind: Any) -> None:
    a = Recorder("float32", 3)
    (x, _), (rate, _) = a(ROWS, 4), a(role="scalar", dtype="float64", value=0.5)
    a.plan.results = {"made": (x * rate).buffer.number}
    found = run(a.plan, a.values | {"a1": kind(0.5)})["made"]
    assert found.dtype == np.float32


def test_constants_are_numbers_of_any_kind_but_truth_values() -> None:
    x = _recorded()
    for number in (2, 2.0, np.int64(2), np.float32(2)):
        x * number
    assert [step.inputs for step in x.plan.steps] == [(0, 2.0)] * 4
    assert all(type(step.inputs[1]) is float for step in x.plan.steps)
    with pytest.raises(OutsideVocabulary, match=r"ops\.multiply got a bool beside a recording array"):
        x * True


def test_it_says_what_it_is() -> None:
    assert repr(_recorded()) == "Recorded(a0, (N, 4), float32)"
