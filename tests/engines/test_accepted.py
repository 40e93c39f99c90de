"""Both ways into an engine against their description: what a quick way takes, the long way answers with its bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import numbers
from pellucid import Network
from pellucid.engines import check_samples
from pellucid.engines.accepted import LONG, PROBABILITIES, QUICK, is_number, largest
from pellucid.errors import InputError, NotFiniteError
from pellucid.layers import Affine, Conv2D, Flatten, Tanh
from pellucid.losses import Loss, MeanSquaredError, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.optimizers import Adam

pytest.importorskip("pellucid._core")

FEATURES, OUTPUTS = 4, 3
X = numbers(1, (3, FEATURES))
LETTERS = "?bBhHiIlLqQefdgFDGSUOMm"

Make = Callable[[], Any]


def network(loss: Loss | None = None, outputs: int = OUTPUTS, dtype: str = "float32") -> Network:
    layers = [Affine(5), Tanh(), Affine(outputs)]
    return Network(layers, loss or MeanSquaredError(), input_shape=FEATURES, seed=3, dtype=dtype, engine="native")


def with_value(array: Any, value: float) -> Any:
    changed = np.array(array)
    changed[-1, -1] = value
    return changed


def read_only(array: Any) -> Any:
    array = np.array(array)
    array.flags.writeable = False
    return array


class Sub(np.ndarray):
    """A subclass that changes nothing."""


FORMS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda a: a,
    "one row": lambda a: a[:1],
    "one row of many": lambda a: np.repeat(a, 2, axis=0)[2:3],
    "no rows": lambda a: a[:0],
    "32 rows": lambda a: np.resize(a, (32, *a.shape[1:])),
    "33 rows": lambda a: np.resize(a, (33, *a.shape[1:])),
    "Fortran's order": np.asfortranarray,
    "Fortran's order, one row": lambda a: np.asfortranarray(a[:1]),
    "every second row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1],
    "one row again and again": lambda a: np.broadcast_to(a[:1], a.shape),
    "every second column": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "not aligned": lambda a: np.frombuffer(b"?" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "read-only": read_only,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "a list": lambda a: a.tolist(),
    "a tuple of arrays": tuple,
    "a memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "bytes": lambda a: a.tobytes(),
    "a subclass": lambda a: np.array(a).view(Sub),
    "a masked array": lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) == 1),
    "one sample": lambda a: a[0],
    "a number": lambda a: a.ravel()[0],
    "one axis more": lambda a: a[..., None],
    "a column too few": lambda a: np.ascontiguousarray(a[..., 1:]) if a.ndim > 1 else a[1:],
}


def in_type(array: Any, letter: str) -> Any:
    if letter in "Mm":
        return np.zeros(array.shape, f"{letter}8[s]")
    return np.abs(np.round(3 * array)).astype(letter)


SAMPLES: dict[str, Make] = {
    **{
        f"{name}, {letter}": (lambda f=form, c=letter: f(X.astype(c)))
        for name, form in FORMS.items()
        for letter in "fd"
    },
    **{f"type {letter}": (lambda c=letter: in_type(X, c)) for letter in LETTERS},
    **{
        f"{value} in {letter}": (lambda v=value, c=letter: with_value(X.astype(c), v))
        for value in (np.nan, np.inf, -np.inf, 1e-42, -0.0, 3e38, -3e38)
        for letter in "fd"
    },
}

TOO_LARGE = (1e39, -1e39, 1e308)


def described(value: Any, letters: str, shape: tuple[int, ...], dtype: str) -> bool:
    """Whether QUICK says that the quick way takes an array of this shape of samples."""
    try:
        array = np.asarray(memoryview(value))
    except (TypeError, ValueError):  # No memory of its own, or of no kind that Python knows.
        return False
    plain = array.dtype.isnative and array.dtype.char in letters and array.flags.c_contiguous and array.flags.aligned
    assert QUICK.most_rows is not None and not QUICK.any_layout
    fits = array.ndim > 0 and array.shape[1:] == shape and 1 <= len(array) <= QUICK.most_rows
    return bool(plain and fits and (array.dtype.kind != "f" or np.isfinite(array).all()))


def bits(array: Any) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.tobytes()


def predicted(net: Network, x: Any) -> tuple[Any, Any]:
    """What the long way answers, or its error, and the quick way's answer, or None."""
    try:
        found: Any = bits(net.session.engine.predict(check_samples(x, net.model)))
    except InputError as error:
        found = error
    quick = net.session.quick_predict(x)
    return found, None if quick is None else bits(quick)


# Samples ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_quick_prediction_is_the_long_ones_bits_or_none(name: str, dtype: str) -> None:
    x, net = SAMPLES[name](), network(dtype=dtype)
    found, quick = predicted(net, x)
    assert quick is None or quick == found
    assert (quick is not None) == described(x, QUICK.numbers, (FEATURES,), dtype)


@pytest.mark.parametrize("value", TOO_LARGE)
@pytest.mark.xfail(
    strict=True, reason="quick.cpp looks for infinity in x's own type, not for `largest` of the network's"
)
def test_what_the_networks_type_cannot_hold_is_left_to_the_long_way(value: float) -> None:
    found, quick = predicted(network(), with_value(X, value))
    assert isinstance(found, InputError)
    assert quick is None


@pytest.mark.xfail(strict=True, reason="nanobind takes no None for an argument that does not say so: TypeError")
def test_none_is_left_to_the_long_way() -> None:
    found, quick = predicted(network(), None)
    assert isinstance(found, InputError)
    assert quick is None


def test_images_are_taken_in_the_same_forms() -> None:
    layers = [Conv2D(2, 2), Flatten(), Affine(3)]
    net = Network(layers, SoftmaxCrossEntropy(), input_shape=(2, 3, 4), engine="native")
    images = numbers(5, (3, 2, 3, 4))
    for name, form in FORMS.items():
        for letter in "fdB":
            x = form(np.abs(images * 9).astype(letter))
            found, quick = predicted(net, x)
            assert quick is None or quick == found, name
            assert (quick is not None) == described(x, QUICK.numbers, (2, 3, 4), "float32"), name


# Targets ------------------------------------------------------------------------------------------------------------

LABELS = np.array([0, 2, 1])
VALUES = numbers(2, (3, OUTPUTS))
ROWS = np.array([[0.25, 0.25, 0.5], [0.125, 0.5, 0.375], [0.0, 1.0, 0.0]])

TARGETS: dict[str, Make] = {
    **{f"labels, {name}": (lambda f=form: f(LABELS)) for name, form in FORMS.items() if "column" not in name},
    **{f"labels of type {letter}": (lambda c=letter: in_type(LABELS, c)) for letter in LETTERS},
    **{
        f"labels with {wrong}": (lambda w=wrong: np.array([0, w, 1]))
        for wrong in (3, -1, 2**31, 2**32, 2**32 + 1, -(2**63), 0.5, np.nan)
    },
    "labels in a column": lambda: LABELS[:, None],
    **{f"values, {name}": (lambda f=form: f(VALUES)) for name, form in FORMS.items()},
    **{f"values of type {letter}": (lambda c=letter: in_type(VALUES, c)) for letter in LETTERS},
    **{f"values with {value}": (lambda v=value: with_value(VALUES, v)) for value in (np.nan, np.inf, 3e38, *TOO_LARGE)},
    **{f"rows, {name}": (lambda f=form: f(ROWS)) for name, form in FORMS.items()},
    **{f"one-hot of type {letter}": (lambda c=letter: np.eye(3)[LABELS].astype(c)) for letter in "?bBilefd"},
    "zeros": lambda: np.zeros((3, OUTPUTS)),
    "a little below 0": lambda: with_value(ROWS, -1e-9),
    "a little above 1": lambda: ROWS * [[1], [1], [1 + 1e-9]],
    **{f"rows of {total}": (lambda s=total: ROWS * [[s], [1], [1]]) for total in (0.9985, 0.9995, 1.0005, 1.0015)},
}

ONE_OUTPUT: dict[str, Make] = {
    **{f"{name}, {letter}": (lambda f=form, c=letter: f(np.array([0, 1, 1]).astype(c))) for name, form in FORMS.items()
       if "column" not in name and name != "bytes" for letter in "fdBl"},
    "between": lambda: np.array([0.25, 1.0, 0.0]),
    "above": lambda: np.array([0.25, 1.5, 0.0]),
    "a column": lambda: np.array([[0.25], [1.0], [0.0]]),
    "two columns": lambda: np.full((3, 2), 0.5),
}  # fmt: skip


class Both:
    """The same network twice, to make the same single step each way."""

    def __init__(self, net: Callable[[], Network], labels: bool) -> None:
        self.optimizer = Adam(0.01)
        self.nets = self.long, self.short = net(), net()
        self.states = [net.optimizer_state(self.optimizer) for net in self.nets]
        self.before = self.long.parameters.flat.copy()
        self.quick = self.short.session.engine.quick_step(self.states[1], labels)

    def step(self, x: Any, t: Any) -> bool:
        """Holds that the quick step is the long one's bits, or changed nothing; returns whether it was made."""
        for net, state in zip(self.nets, self.states, strict=True):
            net.parameters.flat[:] = self.before
            for slot in state.slots.values():
                slot[:] = 0
            state.step = 0
        assert self.quick is not None
        loss = self.quick.step(x, t)
        if loss is None:
            assert self.everything(1) == [self.before.tobytes()] + [bytes(self.before.nbytes)] * 2
            return False
        assert self.long._step(x, t, self.optimizer, None) == loss
        assert self.everything(0) == self.everything(1)
        return True

    def everything(self, which: int) -> list[bytes]:
        slots = self.states[which].slots.values()
        return [array.tobytes() for array in (self.nets[which].parameters.flat, *slots)]


LOSSES: tuple[Loss, ...] = (MeanSquaredError(), SoftmaxCrossEntropy(), SigmoidCrossEntropy(), Poisson())


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize(("loss", "dtype"), [*((loss, "float32") for loss in LOSSES), (LOSSES[1], "float64")], ids=str)
def test_a_quick_step_is_the_long_ones_bits_or_none(loss: Loss, dtype: str, labels: bool) -> None:
    both, made = Both(lambda: network(loss, dtype=dtype), labels), []
    for name, t in TARGETS.items():
        rows = 32 if "32" in name.partition(",")[2] else 3
        try:
            made += [name] if both.step(np.resize(X, (rows, FEATURES)), t()) else []
        except (InputError, NotFiniteError, AssertionError) as error:
            raise AssertionError(f"{name}: {error}") from error
    assert (
        f"{'labels' if labels else 'rows'}, as it is" in made and f"{'labels' if labels else 'rows'}, 32 rows" in made
    )


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_quick_step_with_one_output_too(loss: Loss) -> None:
    both = Both(lambda: network(loss, 1), labels=False)
    for name, t in ONE_OUTPUT.items():
        try:
            both.step(X, t())
        except (InputError, NotFiniteError, AssertionError) as error:
            raise AssertionError(f"{name}: {error}") from error
    assert both.step(X, ONE_OUTPUT["as it is, B"]()) == (not isinstance(loss, SoftmaxCrossEntropy))


@pytest.mark.xfail(strict=True, reason="quick.cpp takes any memory of bytes, the long way only arrays and lists")
def test_bytes_are_no_targets() -> None:
    assert not Both(lambda: network(outputs=1), labels=False).step(X, b"abc")


def test_a_quick_step_takes_the_samples_that_a_prediction_takes() -> None:
    both = Both(lambda: network(SoftmaxCrossEntropy()), labels=True)
    for name, make in SAMPLES.items():
        x = make()
        taken = both.step(x, np.arange(len(x) if isinstance(x, np.ndarray) and x.ndim else 3) % 3)
        if "3e+38" not in name:  # These may bring up infinity, which the step looks at too.
            assert taken == described(x, QUICK.numbers, (FEATURES,), "float32"), name


def test_sums_near_the_tolerance_are_never_taken_by_the_quick_way_alone() -> None:
    both = Both(lambda: network(SoftmaxCrossEntropy()), labels=False)

    @given(
        rows=st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(any), min_size=1, max_size=4),
        off=st.floats(-3e-3, 3e-3),
        letter=st.sampled_from("fd"),
    )
    def holds(rows: list[list[float]], off: float, letter: str) -> None:
        t = np.array(rows)
        t = (t / t.sum(axis=1, keepdims=True) * (1 + off)).clip(*PROBABILITIES).astype(letter)
        both.step(np.resize(X, (len(t), FEATURES)), t)

    holds()


# The description ----------------------------------------------------------------------------------------------------


def test_the_quick_way_takes_a_part_of_what_the_long_way_takes() -> None:
    assert set(QUICK.numbers) < set(LONG.numbers) and set(QUICK.labels) < set(LONG.labels)
    assert QUICK.sum_tolerance < LONG.sum_tolerance
    assert LONG.most_rows is None and LONG.most_bytes is None and LONG.any_layout


@pytest.mark.parametrize("letter", LETTERS)
def test_the_long_way_takes_the_types_that_stand_there_and_no_others(letter: str) -> None:
    x = in_type(X, letter)
    taken = [is_number(x.dtype), is_number(x.dtype.newbyteorder(">"))]
    assert taken == [letter in LONG.numbers] * 2
    for array in (x, x.astype(x.dtype.newbyteorder(">"))):
        if letter in LONG.numbers:
            check_samples(array, network().model)
        else:
            with pytest.raises(InputError, match="x has the type"):
                check_samples(array, network().model)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_number_is_taken_and_the_next_one_is_not(dtype: str) -> None:
    model = network(dtype=dtype).model
    most = largest(model.dtype)
    for sign in (1, -1):
        check_samples(with_value(X, sign * most), model)
        with pytest.raises(InputError, match="x holds"), np.errstate(over="ignore"):
            check_samples(with_value(X, sign * most * 1.001), model)


def test_the_quick_way_takes_as_many_rows_as_stands_there() -> None:
    net = network()
    assert QUICK.most_rows is not None
    for rows in (1, QUICK.most_rows, QUICK.most_rows + 1):
        assert (net.session.quick_predict(np.resize(X, (rows, FEATURES))) is None) == (rows > QUICK.most_rows)


@pytest.mark.parametrize("way", [QUICK, LONG], ids=["quick", "long"])
def test_the_tolerance_of_sums_is_what_stands_there(way: Any) -> None:
    optimizer = Adam(0.01)
    for off, taken in ((0.99, True), (1.01, False), (-0.99, True), (-1.01, False)):
        net, t = network(SoftmaxCrossEntropy()), ROWS[:2] * (1 + off * way.sum_tolerance)
        if way is QUICK:
            quick = net.session.engine.quick_step(net.optimizer_state(optimizer), False)
            assert quick is not None and (quick.step(X[:2], t) is not None) == taken
        elif taken:
            net._step(X[:2], t, optimizer, None)
        else:
            with pytest.raises(InputError, match="rows of t that sum to 1"):
                net._step(X[:2], t, optimizer, None)
