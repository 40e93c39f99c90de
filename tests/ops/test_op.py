"""What an op is: its signature is checked when it is recorded, and its rules say what computing it makes."""

import inspect
import typing
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from pellucid import ops
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.ops.op import FAMILIES, OPS, Op, broadcast
from pellucid.plan.interpreter import run
from pellucid.plan.ir import ROWS
from pellucid.plan.validate import validate
from plan.recorder import Recorder

DTYPES = ("float32", "float64")
Recorded = Any

# The vocabulary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPS)
def test_every_op_is_completely_described(name: str) -> None:
    op = OPS[name]
    assert op.name == name and op.family in FAMILIES and callable(op.shape)
    assert op.formula and "\n" not in op.formula
    assert op.operands and all(operand.kind in ("array", "scalar", "whole", "places") for operand in op.operands)
    assert op.written.startswith(f"{name}(")
    public = getattr(ops, name)
    assert public.__doc__ == op.compute.__doc__ and inspect.signature(public) == inspect.signature(op.compute)
    parameters = inspect.signature(op.compute).parameters
    assert {*parameters} == {operand.name for operand in op.operands} | {*op.attributes}
    assert all(p.annotation is not p.empty for p in parameters.values())
    if isinstance(op.dtype, str):
        assert op.dtype in op.attributes
    if op.family == "elementwise":
        assert op.shape is broadcast and not op.attributes and op.dtype is None
    if op.shape is not broadcast:
        # A shape rule takes the attributes by the names that the op gives them.
        taken = inspect.signature(op.shape).parameters
        open_ = any(p.kind == p.VAR_KEYWORD for p in taken.values())
        assert open_ or {*op.attributes} == {n for n, p in taken.items() if p.kind == p.KEYWORD_ONLY}


def test_an_op_is_the_function_on_arrays_with_values() -> None:
    x = np.linspace(0, 1, 6).reshape(2, 3)
    np.testing.assert_array_equal(ops.tanh(x), np.tanh(x))
    assert ops.tanh.__name__ == "tanh"


# Operands and attributes ---------------------------------------------------------------------------------------------


def recorder(dtype: str = "float32") -> Recorder:
    return Recorder(dtype, 3)


def x_of(*shape: Any, **options: Any) -> Recorded:
    return recorder()(*(shape or (ROWS, 4)), **options)[0]


ONCE: dict[str, Any] = {"window": (2, 2), "stride": (1, 1), "padding": (0, 0, 0, 0)}
IMAGE = (ROWS, 2, 5, 5)

REFUSED: dict[str, tuple[Any, str]] = {
    "an operand too many": (lambda x: ops.tanh(x, x), r"^ops\.tanh\(x\) takes 1 operands, got 2\.$"),
    "an operand too few": (lambda x: ops.affine(x, x), r"^ops\.affine\(x, W, b\) takes 3 operands, got 2\.$"),
    "an operand twice": (lambda x: ops.add(x, x, a=x), r"ops\.add\(a, b\)"),
    "a named operand missing": (lambda x: ops.add(b=x), r"^ops\.add\(a, b\) lacks the operand a\.$"),
    "an attribute of none": (lambda x: ops.tanh(x, axis=1), r"^ops\.tanh\(x\) has no attribute 'axis', it has none\.$"),
    "an array of none": (lambda x: ops.tanh(x, y=x), r"ops\.tanh\(x\) has no attribute 'y'"),
    "an attribute misspelled": (
        lambda x: ops.slice_columns(x, frist=0, last=2),
        r"^ops\.slice_columns\(x, first, last\) has no attribute 'frist'; did you mean 'first'\?$",
    ),
    "an attribute missing": (
        lambda x: ops.slice_columns(x, first=0),
        r"^ops\.slice_columns\(x, first, last\) lacks the attribute last\.$",
    ),
    "an attribute by position": (
        lambda x: ops.slice_columns(x, 0, 2),
        r"takes 1 operands, got 3",
    ),
    "a fraction": (
        lambda x: ops.slice_columns(x, first=0.5, last=2),
        r"first must be int, got 0\.5",
    ),
    "a text": (lambda x: ops.slice_columns(x, first="0", last=2), r"ops\.slice_columns: first must be int, got '0'"),
    "a truth value": (lambda x: ops.slice_columns(x, first=False, last=2), r"first must be int, got False"),
    "nothing": (lambda x: ops.slice_columns(x, first=None, last=2), r"ops\.slice_columns.*first"),
    "no number": (
        lambda x: ops.dropout_mask(x, 0, rate=float("nan"), seed=1, layer=1),
        r"ops\.dropout_mask: rate must be float, got nan",
    ),
    "an integer for a tuple": (lambda x: ops.reshape(x, shape=4), r"ops\.reshape: shape must be .*, got 4"),
    "a tuple of fractions": (
        lambda x: ops.reshape(x, shape=(2.0, 2)),
        r"shape must be .*, got \(2\.0, 2\)",
    ),
    "a tuple too short": (
        lambda x: ops.max_pool2d(x_of(*IMAGE), **{**ONCE, "window": (2,)}),
        r"ops\.max_pool2d: window must be .*, got \(2,\)",
    ),
    "a tuple too long": (
        lambda x: ops.max_pool2d(x_of(*IMAGE), **{**ONCE, "padding": (0, 0, 0, 0, 0)}),
        r"ops\.max_pool2d: padding must be .*, got \(0, 0, 0, 0, 0\)",
    ),
    "no type": (
        lambda x: ops.one_hot(x, classes=3, dtype="flot32"),
        r"dtype must be a type, got 'flot32'",
    ),
    "a window of no cells": (lambda x: ops.max_pool2d(x_of(*IMAGE), **{**ONCE, "window": (0, 0)}), r"ops\.max_pool2d"),
    "a stride of nothing": (lambda x: ops.max_pool2d(x_of(*IMAGE), **{**ONCE, "stride": (0, 1)}), r"ops\.max_pool2d"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_the_signature_does_not_say_is_refused_when_recorded(way: str) -> None:
    use, said = REFUSED[way]
    x = x_of()
    with pytest.raises(InputError, match=said) as found:
        use(x)
    assert not isinstance(found.value, OutsideVocabulary)
    assert not x.plan.steps


@pytest.mark.parametrize(
    "use",
    [
        lambda x: ops.slice_columns(x, first=0, last=x),
        lambda x: ops.one_hot(np.zeros(3), classes=x, dtype="float32"),
        lambda x: ops.dropout_mask(x, 0, rate=x, seed=1, layer=1),
    ],
)
def test_an_attribute_is_a_constant_and_no_array(use: Any) -> None:
    with pytest.raises(OutsideVocabulary, match="is a constant of the plan, it cannot be an array"):
        use(x_of())


def test_operands_may_be_named_in_any_order() -> None:
    a = recorder()
    (x, vx), (y, vy) = a(ROWS, 4), a(ROWS, 4)
    for made in (ops.subtract(x, b=y), ops.subtract(b=y, a=x), ops.subtract(x, y)):
        assert a.plan.steps[-1].inputs == (0, 1) and not a.plan.steps[-1].attributes
        a.plan.results = {"made": made.buffer.number}
        np.testing.assert_array_equal(run(a.plan, a.values)["made"], vx - vy)
    mask = ops.dropout_mask(x, step=3, rate=0.5, seed=1, layer=2)
    assert a.plan.steps[-1].inputs == (0, 3.0) and mask.shape == (ROWS, 4)


def test_attributes_become_python_s_own_numbers_and_nothing_is_left_out() -> None:
    x = x_of()
    ops.slice_columns(x, first=np.int32(0), last=np.int64(2))
    ops.reshape(x, shape=[2, np.int32(2)])
    ops.one_hot(x_of(ROWS, role="target", dtype="int32"), classes=3, dtype=np.float64)
    first, second = (dict(step.attributes) for step in x.plan.steps)
    assert first == {"first": 0, "last": 2} and second == {"shape": (2, 2)}
    assert {type(value) for value in (*first.values(), *second["shape"])} == {int}
    plain = ops.dropout_mask(x, 0, rate=1, seed=2**64 - 1, layer=0)
    assert dict(x.plan.steps[-1].attributes) == {"rate": 1.0, "seed": 2**64 - 1, "layer": 0}
    assert type(x.plan.steps[-1].attributes["rate"]) is float and plain.shape == (ROWS, 4)


def test_types_are_not_mixed_and_not_cast() -> None:
    a = recorder()
    x, wide, whole, byte = (a(ROWS, 4, dtype=kind)[0] for kind in ("float32", "float64", "int32", "uint8"))
    for use, said in (
        (lambda: x + wide, r"ops\.add\(a, b\) mixes float32 and float64; a plan has no hidden casts"),
        (lambda: ops.where(x, 1.0, wide), r"ops\.where\(condition, a, b\) mixes float32 and float64"),
        (lambda: ops.tanh(whole), r"ops\.tanh\(x\) cannot take the type int32 as operand 0"),
        (lambda: x * byte, r"ops\.multiply\(a, b\) cannot take the type uint8 as operand 1"),
        (lambda: ops.concatenate_columns(x, wide), r"ops\.concatenate_columns\(\*xs\) mixes float32 and float64"),
        (lambda: ops.one_hot(byte * 1.0, classes=3, dtype="float32"), r"cannot take the type uint8"),
        (lambda: ops.take_rows(whole, whole), r"ops\.take_rows\(W, index\) cannot take the type int32 as operand 0"),
    ):
        with pytest.raises(InputError, match=said):
            use()
    assert not a.plan.steps


def test_whole_numbers_may_come_in_integers_or_in_the_type_of_the_rest() -> None:
    for kind in ("int32", "int64", "uint8", "float32"):
        a = recorder()
        W, index = a(5, 3)[0], a(ROWS, 4, dtype=kind)[0]
        taken = ops.take_rows(W, index)
        assert (taken.shape, taken.dtype) == ((ROWS, 4, 3), np.float32)
        hot = ops.one_hot(index, classes=5, dtype="float32")
        assert (hot.shape, hot.dtype) == ((ROWS, 4, 5), np.float32)
    a = recorder()
    with pytest.raises(InputError, match="mixes float32 and float64"):
        ops.take_rows(a(5, 3)[0], a(ROWS, 4, dtype="float64")[0])


def test_places_are_bytes_alone() -> None:
    options = {"shape": (4, 4), "window": (2, 2), "stride": (2, 2), "padding": (0, 0, 0, 0)}
    for kind, fits in (("uint8", True), ("int32", False), ("float32", False)):
        a = recorder()
        dy, places = a(ROWS, 2, 2, 2)[0], a(ROWS, 2, 2, 2, dtype=kind)[0]
        if fits:
            assert ops.max_pool2d_backward(dy, places, **options).dtype == np.float32
            continue
        with pytest.raises(InputError, match=rf"cannot take the type {kind} as operand 1"):
            ops.max_pool2d_backward(dy, places, **options)


def test_symbols_are_lengths_like_others() -> None:
    a = recorder()
    x = a(ROWS, "T", 4, value=np.ones((3, 2, 4)))[0]
    rows = ops.merge_positions(x)
    assert rows.shape == ("N·T", 4)
    assert ops.split_positions(ops.merge_positions(x_of(ROWS, 5, 4)), positions=5).shape == (ROWS, 5, 4)
    assert ops.transpose(x).shape == (ROWS, 4, "T")
    with pytest.raises(InputError, match=r"ops\.concatenate cannot take the shapes"):
        ops.concatenate(x, x)
    with pytest.raises(InputError, match=r"cannot take the shapes \(N·T, 4\) and \(N, 4\)"):
        rows + a(ROWS, 4)[0]


# Shapes and types, of every op over random shapes --------------------------------------------------------------------

NUMBER_OF_ROWS = 11
"""Another than all other lengths: only N has it."""
lengths = st.sampled_from([1, 1, 2, 3, 4])


@st.composite
def shapes(draw: st.DrawFn, like: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """A shape, more often than not one that could fit beside another."""
    if like is not None and draw(st.integers(0, 3)):
        near = list(like[draw(st.integers(0, len(like))) :] if draw(st.booleans()) else like)
        if near and draw(st.booleans()):
            near[draw(st.integers(0, len(near) - 1))] = draw(lengths)
        if len(near) > 1 and draw(st.booleans()):
            near[-2:] = reversed(near[-2:])
        return tuple(near)
    rank = draw(st.integers(0, 4))
    first = draw(st.sampled_from([ROWS, ROWS, 2, 3]))
    return (first, *(draw(lengths) for _ in range(rank - 1))) if rank else ()


def attribute(draw: st.DrawFn, annotation: Any, dtype: str) -> Any:
    small = st.integers(-1, 4)
    if annotation == DTypeLike:
        return dtype
    if annotation is int:
        return draw(small)
    if annotation is float:
        return draw(st.sampled_from([0.0, 0.5]))
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is not tuple:
        return draw(st.none() | st.just(())) if type(None) in inner else None
    count = draw(st.integers(0, 3)) if inner[-1] is Ellipsis else len(inner)
    ints = st.integers(0, 1) if len(inner) == 4 else small
    return tuple(draw(ints) for _ in range(count))


@pytest.mark.parametrize("name", OPS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_recording_tells_what_computing_makes_or_refuses_what_it_refuses(name: str, data: st.DataObject) -> None:
    op, dtype = OPS[name], data.draw(st.sampled_from(DTYPES))
    a = Recorder(dtype, NUMBER_OF_ROWS)
    pairs: list[tuple[Any, Any]] = []
    like: tuple[Any, ...] | None = None
    for operand in op.operands * (data.draw(st.integers(1, 3)) if op.variadic else 1):
        like = data.draw(shapes(like))
        kind = {"places": "uint8", "whole": data.draw(st.sampled_from(["int32", dtype]))}.get(operand.kind, dtype)
        if operand.kind == "scalar" and name == "dropout_mask":
            pairs.append((3, 3))
            continue
        actual = tuple(NUMBER_OF_ROWS if d == ROWS else d for d in like)
        pairs.append(a(*like, dtype=kind, value=np.ones(actual, kind)))
    attributes = {key: attribute(data.draw, each.annotation, dtype) for key, each in op.attributes.items()}
    try:
        with np.errstate(all="ignore"):
            computed = op.compute(*(v for _, v in pairs), **attributes)
    except Exception:
        computed = None
    if all(not isinstance(r, int) for r, _ in pairs[:1]):
        check(op, a, pairs, attributes, computed)


def check(op: Op, a: Recorder, pairs: list[Any], attributes: dict[str, Any], computed: Any) -> None:
    try:
        made = getattr(ops, op.name)(*(r for r, _ in pairs), **attributes)
    except InputError:
        return  # It may refuse more than NumPy does, such as products of vectors.
    assert computed is not None, "NumPy refuses what was recorded"
    found = tuple(_length(d) for d in made.shape)
    assert (found, made.dtype) == (np.shape(computed), np.asarray(computed).dtype)
    a.plan.results = {"made": made.buffer.number}
    validate(a.plan)
    np.testing.assert_array_equal(run(a.plan, a.values)["made"], computed)


def _length(dimension: Any) -> int:
    if isinstance(dimension, int):
        return dimension
    symbol, _, factor = dimension.partition("·")
    assert symbol == ROWS
    return NUMBER_OF_ROWS * int(factor or 1)


FITTING: dict[str, list[tuple[Any, ...]]] = {
    "affine": [(ROWS, 3, 2), (2, 4), (4,)],
    "matmul": [(ROWS, 3, 2), (ROWS, 2, 4)],
    "matmul_nt": [(ROWS, 3, 2), (ROWS, 4, 2)],
    "matmul_tn": [(ROWS, 2, 3), (ROWS, 2, 4)],
    "take_rows": [(4, 3), (ROWS, 2)],
    "sum_rows": [(ROWS, 2, 3)],
    "max_columns": [(ROWS, 2, 3, 4)],
    "mean_columns": [(ROWS, 2, 3)],
    "transpose": [(ROWS, 2, 3)],
    "concatenate_columns": [(ROWS, 2, 3), (ROWS, 2, 1)],
    "merge_positions": [(ROWS, 2, 3)],
    "mean_weights": [(ROWS, 1)],
}


@pytest.mark.parametrize("name", FITTING)
def test_batches_of_matrices_and_sequences_are_recorded(name: str) -> None:
    a = Recorder("float32", NUMBER_OF_ROWS)
    pairs = [a(*shape) for shape in FITTING[name]]
    computed = OPS[name].compute(*(v for _, v in pairs))
    before = len(a.plan.steps)
    check(OPS[name], a, pairs, {}, computed)
    assert len(a.plan.steps) == before + 1
