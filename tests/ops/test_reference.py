"""Every op in plain NumPy against a formula in plain Python, number by number."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid import ops, philox
from pellucid.ops import Array
from pellucid.ops.op import OPS

DTYPES = ("float32", "float64")
Number = Callable[..., float]

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")  # inf − inf and the like, on purpose


def test_the_public_vocabulary_is_the_reference_vocabulary_and_its_compositions() -> None:
    public = {name for name in ops.__all__ if inspect.isfunction(getattr(ops, name))}
    assert public == set(OPS) | {"softmax", "clip"}


# Elementwise ----------------------------------------------------------------------------------------------------


def _guarded(function: Number) -> Number:
    """The function with IEEE 754's results where Python's math raises."""

    def of(*numbers: float) -> float:
        if any(math.isnan(n) for n in numbers):
            return math.nan
        return function(*numbers)

    return of


def _divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _exp(x: float) -> float:
    return math.inf if x > 709.78271289338397 else math.exp(x)


def _expm1(x: float) -> float:
    return math.inf if x > 709.78271289338397 else math.expm1(x)


def _log(x: float) -> float:
    return -math.inf if x == 0 else math.nan if x < 0 else math.log(x)


def _log1p(x: float) -> float:
    return -math.inf if x == -1 else math.nan if x < -1 else math.log1p(x)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


UNARY: dict[str, Number] = {
    "negative": lambda x: -x,
    "absolute": abs,
    "sign": _guarded(_sign),
    "square": lambda x: x * x,
    "sqrt": _guarded(lambda x: math.nan if x < 0 else math.sqrt(x)),
    "exp": _guarded(_exp),
    "expm1": _guarded(_expm1),
    "log": _guarded(_log),
    "log1p": _guarded(_log1p),
    "tanh": math.tanh,
    "sigmoid": _guarded(_sigmoid),
    "softplus": _guarded(_softplus),
    "erf": math.erf,
    "sin": _guarded(lambda x: math.nan if math.isinf(x) else math.sin(x)),
    "cos": _guarded(lambda x: math.nan if math.isinf(x) else math.cos(x)),
}
BINARY: dict[str, Number] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": _guarded(_divide),
    "maximum": _guarded(max),
    "minimum": _guarded(min),
    "greater": lambda a, b: float(a > b),
    "greater_equal": lambda a, b: float(a >= b),
}
TOLERANCE = {"float32": 4e-7, "float64": 8e-16}
"""A few units in the last place: NumPy's own functions are not all rounded exactly."""

EXTREMES = [0.0, -0.0, 1.0, -1.0, 88.0, -88.0, 104.0, -104.0, 710.0, -746.0, 1e-30, -1e-30, 1e30, -1e30]
EXTREMES += [math.inf, -math.inf, math.nan, 17.5, -17.5, 0.5, -0.5]


def floats(dtype: str) -> st.SearchStrategy[float]:
    width = 32 if dtype == "float32" else 64
    return st.floats(width=width, allow_nan=True, allow_infinity=True, allow_subnormal=False) | st.sampled_from(
        [float(np.dtype(dtype).type(x)) for x in EXTREMES]
    )


def assert_close(found: Array, expected: list[float], dtype: str) -> None:
    assert found.dtype == np.dtype(dtype)
    with np.errstate(over="ignore"):
        wanted = np.array(expected, dtype=np.float64).astype(dtype).reshape(found.shape)
    tiny = float(np.finfo(dtype).smallest_normal)
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype], atol=tiny)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=30)
@given(data=st.data())
def test_unary_ops(name: str, dtype: str, data: st.DataObject) -> None:
    x = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, max_side=5), elements=floats(dtype)))
    before = x.copy()
    found = getattr(ops, name)(x)
    assert_close(found, [UNARY[name](float(n)) for n in x.flat], dtype)
    assert found.shape == x.shape
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary_ops_at_the_extremes(name: str, dtype: str) -> None:
    x = np.array(EXTREMES, dtype)
    assert_close(getattr(ops, name)(x), [UNARY[name](float(n)) for n in x], dtype)


PARTNERS: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "the same shape": lambda n, k: (n, k),
    "a vector down the rows": lambda n, k: (k,),
    "a column": lambda n, k: (n, 1),
    "one number": lambda n, k: (),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("partner", PARTNERS)
@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=15)
@given(data=st.data())
def test_binary_ops(name: str, partner: str, dtype: str, data: st.DataObject) -> None:
    n, k = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    shape = PARTNERS[partner](n, k)
    a = data.draw(hnp.arrays(dtype, (n, k), elements=floats(dtype)))
    b = data.draw(hnp.arrays(dtype, shape, elements=floats(dtype))) if shape else data.draw(floats(dtype))
    found = getattr(ops, name)(a, b)
    wide = np.broadcast_to(b, (n, k))
    assert_close(found, [BINARY[name](float(p), float(q)) for p, q in zip(a.flat, wide.flat, strict=True)], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_a_number_may_stand_first_where_order_matters(dtype: str, data: st.DataObject) -> None:
    x = data.draw(hnp.arrays(dtype, (3,), elements=st.floats(0.5, 100, width=32)))
    assert_close(ops.subtract(1.0, x), [1.0 - float(n) for n in x], dtype)
    assert_close(ops.divide(1.0, x), [1.0 / float(n) for n in x], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_clip(dtype: str, data: st.DataObject) -> None:
    x = data.draw(hnp.arrays(dtype, (4, 3), elements=floats(dtype)))
    least, most = sorted(data.draw(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2)))
    expected = [math.nan if math.isnan(v) else min(max(float(v), least), most) for v in x.flat]
    assert_close(ops.clip(x, least, most), expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_where(dtype: str, data: st.DataObject) -> None:
    finite = st.floats(-1e6, 1e6, width=32)
    condition = data.draw(hnp.arrays(dtype, (4, 3), elements=st.sampled_from([0.0, -0.0, 1.0, -2.0, math.nan])))
    a = data.draw(finite | hnp.arrays(dtype, (4, 3), elements=finite))
    b = data.draw(finite | hnp.arrays(dtype, (4, 3), elements=finite))
    choices = zip(condition.flat, np.broadcast_to(a, (4, 3)).flat, np.broadcast_to(b, (4, 3)).flat, strict=True)
    found = ops.where(condition, a, b)
    assert_close(found, [float(p) if c != 0 else float(q) for c, p, q in choices], dtype)


# Products -------------------------------------------------------------------------------------------------------

sizes = st.integers(1, 9)


def _dot(a: Array, b: Array) -> float:
    return math.fsum(float(p) * float(q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@given(n=sizes, i=sizes, o=sizes, seed=st.integers(0, 2**32))
def test_products(dtype: str, n: int, i: int, o: int, seed: int) -> None:
    def values(stream: int, *shape: int) -> Array:
        return philox.normal(seed, philox.DATA, stream, shape).astype(dtype)

    x, W, b, du = values(0, n, i), values(1, i, o), values(2, o), values(3, n, o)
    expected = {
        "affine": [[_dot(x[r], W[:, c]) + float(b[c]) for c in range(o)] for r in range(n)],
        "matmul": [[_dot(x[r], W[:, c]) for c in range(o)] for r in range(n)],
        "matmul_nt": [[_dot(du[r], W[c]) for c in range(i)] for r in range(n)],
        "matmul_tn": [[_dot(x[:, r], du[:, c]) for c in range(o)] for r in range(i)],
    }
    given_to = {"affine": (x, W, b), "matmul": (x, W), "matmul_nt": (du, W), "matmul_tn": (x, du)}
    for name, arguments in given_to.items():
        found = getattr(ops, name)(*arguments)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, expected[name], rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@given(batch=st.sampled_from([(3,), (2, 3)]), shared=st.booleans(), n=sizes, i=sizes, o=sizes, seed=st.integers(0, 99))
def test_products_of_batches_are_products_of_their_matrices(
    dtype: str, batch: tuple[int, ...], shared: bool, n: int, i: int, o: int, seed: int
) -> None:
    def values(stream: int, *shape: int) -> Array:
        return philox.normal(seed, philox.DATA, stream, shape).astype(dtype)

    before = () if shared else batch
    x, W, b, du = values(0, *batch, n, i), values(1, *before, i, o), values(2, o), values(3, *batch, n, o)
    for name, (left, right) in {"matmul": (x, W), "matmul_nt": (du, W), "matmul_tn": (x, du)}.items():
        found = getattr(ops, name)(left, right)
        assert found.dtype == np.dtype(dtype)
        for place in np.ndindex(*batch):
            one = getattr(ops, name)(left[place], right if right.ndim == 2 else right[place])
            np.testing.assert_allclose(found[place], one, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-5)
    if shared:
        for place in np.ndindex(*batch):
            np.testing.assert_allclose(ops.affine(x, W, b)[place], ops.affine(x[place], W, b), rtol=1e-5, atol=1e-5)


# Reductions, shapes, targets and weights ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_reductions(dtype: str, data: st.DataObject) -> None:
    n, k = data.draw(sizes), data.draw(sizes)
    x = data.draw(hnp.arrays(dtype, (n, k), elements=st.floats(-1000, 1000, width=32)))
    rows, columns = [[float(v) for v in row] for row in x], [[float(v) for v in column] for column in x.T]
    for found, expected in (
        (ops.sum_rows(x), [math.fsum(c) for c in columns]),
        (ops.sum_columns(x), [[math.fsum(r)] for r in rows]),
        (ops.max_columns(x), [[max(r)] for r in rows]),
        (ops.sum_all(x), math.fsum(v for r in rows for v in r)),
    ):
        assert found.dtype == np.dtype(dtype)
        assert found.shape == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-13, atol=2e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_reductions_of_any_rank(dtype: str, data: st.DataObject) -> None:
    x = data.draw(hnp.arrays(dtype, (2, 3, 4, 5), elements=st.floats(-1000, 1000, width=32)))
    tolerance = {"rtol": 1e-5 if dtype == "float32" else 1e-13, "atol": 2e-3 if dtype == "float32" else 1e-9}
    rows = x.reshape(-1, 5).tolist()
    for name, of in {
        "sum_columns": math.fsum,
        "mean_columns": lambda row: math.fsum(row) / 5,
        "max_columns": max,
    }.items():
        found = getattr(ops, name)(x)
        assert (found.shape, found.dtype) == ((2, 3, 4, 1), np.dtype(dtype))
        np.testing.assert_allclose(found.reshape(-1), [of(row) for row in rows], **tolerance)
    found = ops.sum_rows(x)
    assert (found.shape, found.dtype) == ((3, 4, 5), np.dtype(dtype))
    np.testing.assert_allclose(
        found.reshape(-1), [math.fsum(pair) for pair in zip(*x.reshape(2, -1).tolist(), strict=True)], **tolerance
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_pass_through_reductions(dtype: str) -> None:
    x = np.array([[1.0, math.inf], [2.0, -math.inf], [math.nan, 0.0]], dtype)
    np.testing.assert_array_equal(ops.sum_rows(x), [math.nan, math.nan])
    np.testing.assert_array_equal(ops.sum_columns(x), [[math.inf], [-math.inf], [math.nan]])
    np.testing.assert_array_equal(ops.max_columns(x), [[math.inf], [2.0], [math.nan]])
    assert math.isnan(ops.sum_all(x))


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_reshape_keeps_the_numbers_of_each_row(dtype: str, data: st.DataObject) -> None:
    n = data.draw(sizes)
    x = data.draw(hnp.arrays(dtype, (n, 2, 3), elements=st.floats(-9, 9, width=32)))
    assert [row.tolist() for row in ops.reshape(x, shape=(6,))] == [[*row[0], *row[1]] for row in x.tolist()]
    np.testing.assert_array_equal(ops.reshape(ops.reshape(x, shape=(6,)), shape=(2, 3)), x)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint8", "float32", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
@given(labels=st.lists(st.integers(-2, 7), min_size=1, max_size=9))
def test_one_hot(dtype: str, kind: str, labels: list[int]) -> None:
    """A row of zeros where there is no such class; of any rank, and of whole numbers in any type."""
    labels = [label for label in labels if label >= 0 or kind != "uint8"] or [3]
    t = np.array(labels, kind)
    expected = [[float(k == label) for k in range(5)] for label in labels]
    for shape in ((len(labels),), (len(labels), 1), (1, len(labels))):
        found = ops.one_hot(t.reshape(shape), classes=5, dtype=dtype)
        assert (found.dtype, found.shape) == (np.dtype(dtype), (*shape, 5))
        assert found.reshape(-1, 5).tolist() == expected


@pytest.mark.parametrize("kind", ["int32", "int64", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
@given(index=st.lists(st.integers(-3, 8), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_rows_are_taken_by_number_and_added_by_number(dtype: str, kind: str, index: list[int], seed: int) -> None:
    W, g = (philox.normal(seed, philox.DATA, k, (n, 3)).astype(dtype) for k, n in enumerate((5, len(index))))
    for shape in ((len(index),), (1, len(index)), (len(index), 1, 1)):
        numbered = np.array(index, kind).reshape(shape)
        taken = ops.take_rows(W, numbered)
        assert (taken.shape, taken.dtype) == ((*shape, 3), np.dtype(dtype))
        for row, number in zip(taken.reshape(-1, 3), index, strict=True):
            np.testing.assert_array_equal(row, W[number] if 0 <= number < 5 else [math.nan] * 3)
        dW = ops.add_rows(g.reshape(*shape, 3), numbered, rows=5)
        assert (dW.shape, dW.dtype) == ((5, 3), np.dtype(dtype))
        for v in range(5):
            parts = [g[n] for n, number in enumerate(index) if number == v]
            np.testing.assert_allclose(dW[v], np.sum(parts, axis=0) if parts else np.zeros(3), rtol=1e-5, atol=1e-6)


@given(seed=st.integers(0, 99))
def test_add_rows_is_the_adjoint_of_take_rows(seed: int) -> None:
    W, g = (philox.normal(seed, philox.DATA, k, shape) for k, shape in enumerate(((5, 3), (4, 6, 3))))
    index = philox.words(seed, philox.DATA, 2, 24).reshape(4, 6) % 5
    found = float((W * ops.add_rows(g, index, rows=5)).sum())
    assert found == pytest.approx(float((ops.take_rows(W, index) * g).sum()), rel=1e-12, abs=1e-12)


def test_positions_become_rows_and_rows_positions() -> None:
    x = philox.normal(1, philox.DATA, 0, (4, 3, 5))
    rows = ops.merge_positions(x)
    assert rows.shape == (12, 5)
    np.testing.assert_array_equal(rows[3 * 2 + 1], x[2, 1])
    np.testing.assert_array_equal(ops.split_positions(rows, positions=3), x)
    assert ops.merge_positions(x[..., None]).shape == (12, 5, 1)
    np.testing.assert_array_equal(ops.transpose(x), np.stack([matrix.T for matrix in x]))


@given(widths=st.lists(st.integers(1, 4), min_size=1, max_size=4), before=st.sampled_from([(2,), (2, 3), (2, 3, 1)]))
def test_slices_along_the_last_axis_are_what_was_concatenated(widths: list[int], before: tuple[int, ...]) -> None:
    xs = [philox.normal(1, philox.DATA, k, (*before, width)) for k, width in enumerate(widths)]
    y = ops.concatenate_columns(*xs)
    assert y.shape == (*before, sum(widths))
    for k, x in enumerate(xs):
        np.testing.assert_array_equal(ops.slice_columns(y, first=sum(widths[:k]), last=sum(widths[: k + 1])), x)


def test_no_op_changes_what_it_is_given_or_gives_back_a_view_that_can_be_changed_by_mistake() -> None:
    x = philox.normal(1, philox.DATA, 0, (4, 3, 5))
    before = x.copy()
    for made in (ops.transpose(x), ops.slice_columns(x, first=0, last=5), ops.concatenate_columns(x)):
        assert not np.shares_memory(made, x)
        made[...] = 7
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_mean_weights(dtype: str, data: st.DataObject) -> None:
    n = data.draw(sizes)
    weight = data.draw(hnp.arrays(dtype, (n, 1), elements=st.just(0.0) | st.floats(0.0625, 100, width=32)))
    total = math.fsum(float(w) for w in weight.flat)
    found = ops.mean_weights(weight)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_allclose(found, [[float(w) / total if total else 0.0] for w in weight.flat], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40)
@given(data=st.data())
def test_softmax_never_overflows_and_sums_to_one(dtype: str, data: st.DataObject) -> None:
    n, k, inner = data.draw(sizes), data.draw(sizes), data.draw(st.sampled_from([(), (2,), (2, 3)]))
    u = data.draw(hnp.arrays(dtype, (n, *inner, k), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
    y = ops.softmax(u)
    assert (y.shape, y.dtype) == (u.shape, np.dtype(dtype))
    np.testing.assert_allclose(y.sum(axis=-1), 1.0, rtol=1e-6)
    for row, found in zip(u.reshape(-1, k), y.reshape(-1, k), strict=True):
        e = [math.exp(max(float(v) - float(max(row)), -1e4)) for v in row]
        np.testing.assert_allclose(found, [v / math.fsum(e) for v in e], rtol=2e-5, atol=1e-30)


# Dropout --------------------------------------------------------------------------------------------------------


def mask(rate: float, n: int = 100, k: int = 101, dtype: str = "float32", **address: Any) -> Array:
    address = {"seed": 1, "layer": 2, "step": 3} | address
    return ops.dropout_mask(np.zeros((n, k), dtype), address.pop("step"), rate=rate, **address)


def test_the_step_of_a_dropout_mask_may_be_named() -> None:
    x = np.zeros((9, 7))
    np.testing.assert_array_equal(
        ops.dropout_mask(x, step=3, rate=0.5, seed=1, layer=2), ops.dropout_mask(x, 3, rate=0.5, seed=1, layer=2)
    )


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_dropout_mask_keeps_the_mean(rate: float) -> None:
    found = mask(rate)
    kept = 1 / (1 - rate)
    assert found.dtype == np.float32
    assert set(np.unique(found)) == {np.float32(0), np.float32(kept)}
    deviation = math.sqrt(rate * (1 - rate) / found.size)
    assert abs((found == 0).mean() - rate) < 4 * deviation
    assert abs(found.mean() - 1) < 4 * deviation * kept


def test_a_dropout_mask_depends_on_its_address_alone() -> None:
    first = mask(0.5)
    np.testing.assert_array_equal(first, mask(0.5))
    np.testing.assert_array_equal(first, mask(0.5, dtype="float64"))
    np.testing.assert_array_equal(first[:50], mask(0.5, n=50))
    for other in ({"seed": 2}, {"layer": 3}, {"step": 4}):
        agreement = (first == mask(0.5, **other)).mean()
        assert 0.45 < agreement < 0.55, other


def test_a_dropout_mask_of_another_shape_has_the_same_bits_in_fewer_places() -> None:
    found = mask(0.5, n=9, k=7, shape=(5,))
    np.testing.assert_array_equal(found, mask(0.5, n=9, k=5))


def test_what_a_higher_rate_keeps_a_lower_rate_keeps_too() -> None:
    assert ((mask(0.7) != 0) <= (mask(0.2) != 0)).all()
