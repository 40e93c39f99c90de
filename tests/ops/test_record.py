"""Recording: the same shapes and types as computing, and a clear word where something is not an op."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import run
from ops.recorder import Recorder
from pellucid import ops
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.ops.images import IMAGE_OPS
from pellucid.ops.plan import ROWS, validate
from pellucid.ops.record import Recorded, shape_rule
from pellucid.ops.reference import VOCABULARY

DTYPES = ("float32", "float64")
Make = Callable[..., Any]


def arguments(name: str, a: Recorder, i: int, o: int) -> tuple[list[tuple[Any, Any]], dict[str, Any]]:
    """What to call the op with: pairs of recording array and array, and attributes."""
    if name == "affine":
        return [a(ROWS, i), a(i, o, role="parameter"), a(o, role="parameter")], {}
    if name == "matmul":
        return [a(ROWS, i), a(i, o, role="parameter")], {}
    if name == "matmul_nt":
        return [a(ROWS, o), a(i, o, role="parameter")], {}
    if name == "matmul_tn":
        return [a(ROWS, i), a(ROWS, o)], {}
    if name == "where":
        return [a(ROWS, i), a(i), a(ROWS, 1)], {}
    if name == "reshape":
        return [a(ROWS, i, o)], {"shape": (i * o,)}
    if name == "one_hot":
        labels = np.arange(a.rows, dtype=np.int32) % o
        return [a(ROWS, role="target", dtype="int32", value=labels)], {"classes": o, "dtype": a.dtype}
    if name == "mean_weights":
        return [a(ROWS, 1, role="weight")], {}
    if name == "dropout_mask":
        return [a(ROWS, i)], {"rate": 0.5, "seed": 1, "layer": 2, "step": 3}
    if name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "greater", "greater_equal"):
        return [a(ROWS, i), a(i)], {}
    return [a(ROWS, i)], {}


COMPUTING = sorted(set(VOCABULARY) - {op.__name__ for op in IMAGE_OPS} - {n for n in VOCABULARY if "_update" in n})
"""What computes, but for the ops on images: they are in test_images.py."""
sizes = st.integers(1, 70)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", COMPUTING)
@settings(max_examples=15)
@given(rows=st.integers(1, 9), i=sizes, o=sizes)
def test_recording_tells_the_shape_and_type_of_computing(name: str, dtype: str, rows: int, i: int, o: int) -> None:
    a = Recorder(dtype, rows)
    pairs, attributes = arguments(name, a, i, o)
    recorded = getattr(ops, name)(*(r for r, _ in pairs), **attributes)
    computed = getattr(ops, name)(*(v for _, v in pairs), **attributes)
    assert tuple(rows if d == ROWS else d for d in recorded.shape) == computed.shape
    assert recorded.dtype == computed.dtype == np.dtype(dtype)
    assert recorded.ndim == computed.ndim
    (step,) = a.plan.steps
    assert step.op == name
    a.plan.results = {"made": recorded.buffer.number}
    validate(a.plan, shape_rule)
    np.testing.assert_array_equal(run(a.plan, a.values)["made"], computed)


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
    validate(a.plan, shape_rule)
    found = run(a.plan, a.values)["made"]
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, formula(vx, vy))


def test_a_product_by_operator_is_recorded() -> None:
    a = Recorder("float32", 3)
    x, W = a(ROWS, 4)[0], a(4, 2)[0]
    made = x @ W
    assert a.plan.steps[-1].op == "matmul"
    assert made.shape == (ROWS, 2)


@pytest.mark.parametrize("name", sorted(n for n in VOCABULARY if n.endswith("_update")))
def test_updates_name_what_they_write(name: str) -> None:
    a = Recorder("float32", 3)
    slots = {"running": 0, "sgd": 0, "momentum": 1, "nesterov": 1, "adagrad": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
    scalars = {"adam": 2, "adamw": 3, "running": 0}
    kind = name.removesuffix("_update")
    w, g = a(4, 5, role="parameter")[0], a(4, 5)[0]
    own = [a(4, 5, role="slot")[0] for _ in range(slots[kind])]
    numbers = [a(role="scalar", dtype="float64", value=0.1)[0] for _ in range(scalars.get(kind, 1))]
    constants = {"momentum": 0.9, "rho": 0.9, "beta1": 0.9, "beta2": 0.9, "epsilon": 1e-8}
    wanted = VOCABULARY[name].__kwdefaults__ or {}
    given_to = {k: v for k, v in constants.items() if k in VOCABULARY[name].__annotations__ and k not in wanted}
    assert getattr(ops, name)(w, g, *own, *numbers, **given_to) is None
    (step,) = a.plan.steps
    assert step.output is None
    assert step.writes == tuple(r.buffer.number for r in (w, *own))
    validate(a.plan, shape_rule)


# What is not an op --------------------------------------------------------------------------------------------------


def _recorded() -> Recorded:
    return Recorder("float32", 3)(ROWS, 4)[0]


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda x: np.sin(x), r"np\.sin is not an op; use a function of pellucid\.ops instead"),
        (lambda x: np.add.reduce(x), r"np\.add is not an op"),
        (lambda x: np.exp(x, out=np.zeros(3)), r"np\.exp is not an op"),
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
        ("sum_rows", [(ROWS, 3, 3)]),
        ("sum_columns", [(ROWS,)]),
        ("max_columns", [(ROWS,)]),
        ("mean_weights", [(ROWS, 2)]),
        ("sgd_update", [(3, 4), (4, 3), ()]),
        ("running_update", [(3,), (4,)]),
    ],
)
def test_shapes_that_do_not_fit_are_named(name: str, shapes: list[Any]) -> None:
    with pytest.raises(InputError, match=rf"ops\.{name} .*\("):
        shape_rule(name, shapes, {})


def test_an_unknown_op_is_refused() -> None:
    with pytest.raises(OutsideVocabulary, match="'sine' is not an op"):
        shape_rule("sine", [(ROWS, 3)], {})


def test_it_says_what_it_is() -> None:
    assert repr(_recorded()) == "Recorded(a0, (N, 4), float32)"
