"""The two halves of a step: a gradient as a flat vector, and the update that is made of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import TRAINABLE, Case, named, numbers
from native.pairs import OPTIMIZERS, RULES
from pellucid import Network
from pellucid.errors import InputError, NotFiniteError
from pellucid.layers import Affine, BatchNorm, Conv2D, Dropout, Dropout2D, Flatten, ReLU, Sigmoid, Tanh
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam, AdamW, Momentum, Optimizer
from pellucid.schedules import Exponential

X, T = numbers(1, (9, 5)), np.arange(9) % 3
COUNTED = ("1.running_mean", "1.running_variance")


def network(**options: Any) -> Network:
    layers = [Affine(7), BatchNorm(), Tanh(), Dropout(0.3), Affine(3)]
    arguments: dict[str, Any] = {"input_shape": 5, "seed": 2, "engine": "reference"}
    return Network(layers, SoftmaxCrossEntropy(), **arguments | options)


def everything(net: Network, optimizer: Optimizer) -> list[bytes]:
    """All bits that a step may change."""
    state = net.optimizer_state(optimizer)
    numbers = [net.parameters.flat, *state.slots.values(), np.array([state.step, state.start])]
    return [array.tobytes() for array in numbers]


# Together the step --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_gradient_and_apply_are_a_step_to_the_bit(optimizer: Optimizer, dtype: str) -> None:
    whole, halves, flat = (network(dtype=dtype) for _ in range(3))
    out = np.empty_like(flat.parameters.flat)
    for step in range(4):
        rows = slice(step, step + 4 + step % 3)
        weight = None if step % 2 else np.arange(1.0, 10.0)[rows]
        loss = whole.step(X[rows], T[rows], optimizer, sample_weight=weight)
        found, by_name = halves.gradient(X[rows], T[rows], training=True, sample_weight=weight)
        halves.apply(by_name, optimizer)
        flat.gradient(X[rows], T[rows], True, sample_weight=weight, out=out)
        flat.apply(out, optimizer)
        assert found == pytest.approx(loss, rel=1e-6)
        assert everything(whole, optimizer) == everything(halves, optimizer) == everything(flat, optimizer)
    assert whole.optimizer_state(optimizer).step == 4


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_they_are_a_step_for_every_layer_and_loss(case: Case) -> None:
    optimizer = Adam(0.01, weight_decay=0.01, clip_norm=0.5)
    whole, halves = (
        Network(case.layers, case.loss, input_shape=case.input_shape, seed=3, engine="reference") for _ in range(2)
    )
    for rows in (7, 9, 8):
        given = case.x(rows), case.t(rows)
        whole.step(*given, optimizer, sample_weight=case.weight(rows))
        halves.apply(halves.gradient(*given, True, sample_weight=case.weight(rows))[1], optimizer)
        assert everything(whole, optimizer) == everything(halves, optimizer)


LAYERS = (Affine(6), Sigmoid(), ReLU(), BatchNorm(), BatchNorm(momentum=0.5), Dropout(0.2), Dropout(0.7))
IMAGE_LAYERS = (Conv2D(2, 2), BatchNorm(), Dropout2D(0.4), Tanh())


@given(
    layers=st.lists(st.sampled_from(LAYERS), max_size=4),
    before=st.lists(st.sampled_from(IMAGE_LAYERS), max_size=2),
    optimizer=st.sampled_from((*OPTIMIZERS, Momentum(Exponential(0.2, factor=0.5)), AdamW(0.01, clip_value=0.01))),
    rows=st.lists(st.integers(2, 9), min_size=1, max_size=4),
    seed=st.integers(0, 5),
    weighted=st.booleans(),
)
def test_they_are_a_step_for_any_network(
    layers: list[Any], before: list[Any], optimizer: Optimizer, rows: list[int], seed: int, weighted: bool
) -> None:
    whole, halves = (
        Network(
            [*before, Flatten(), *layers, Affine(3)],
            SoftmaxCrossEntropy(),
            input_shape=(1, 3, 4),
            seed=seed,
            engine="reference",
        )
        for _ in range(2)
    )
    for step, count in enumerate(rows):
        x, t = numbers(step, (count, 1, 3, 4)), np.arange(count) % 3
        weight = 0.5 + np.abs(numbers(50 + step, (count,))) if weighted else None
        whole.step(x, t, optimizer, sample_weight=weight)
        halves.apply(halves.gradient(x, t, training=True, sample_weight=weight)[1], optimizer)
        assert everything(whole, optimizer) == everything(halves, optimizer)


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_steps_and_halves_take_turns(engine: str) -> None:
    """After a quick way was prepared too, which looks ahead over the steps to come."""
    net = Network([Affine(7), Tanh(), Affine(3)], SoftmaxCrossEntropy(), input_shape=5, engine=engine, dtype="float64")
    plain = Network(
        [Affine(7), Tanh(), Affine(3)], SoftmaxCrossEntropy(), input_shape=5, engine=engine, dtype="float64"
    )
    optimizer = Adam(Exponential(0.1, factor=0.9))
    for step in range(6):
        plain.step(X, T, optimizer)
        if step % 3 == 1:
            net.apply(net.gradient(X, T, training=True)[1], optimizer)
        else:
            net.step(X, T, optimizer)
    np.testing.assert_allclose(net.parameters.flat, plain.parameters.flat, rtol=1e-10, atol=1e-12)
    assert net.optimizer_state(optimizer).step == 6


# The gradient -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize("training", [False, True])
def test_the_arrays_by_name_are_views_into_one_vector_like_the_parameters(engine: str, training: bool) -> None:
    net = network(engine=engine)
    out = np.full_like(net.parameters.flat, np.nan)
    loss, by_name = net.gradient(X, T, training, out=out)
    again, alone = net.gradient(X, T, training)
    assert loss == again
    layout = net.parameters.layout
    assert list(by_name) == list(alone) == list(layout.slots if training else net.parameters.learned)
    for name, gradient in by_name.items():
        place = layout.view(out, name)
        assert gradient.shape == net.parameters[name].shape and gradient.strides == place.strides
        assert np.shares_memory(gradient, out)
        np.testing.assert_array_equal(gradient, place)
        np.testing.assert_array_equal(gradient, alone[name])
    assert len({id(gradient.base) for gradient in alone.values()}) == 1
    assert np.isfinite(out).all()


def test_running_values_have_the_places_of_their_own() -> None:
    net = network(dtype="float64")
    before = {name: net.parameters[name].copy() for name in COUNTED}
    out = np.empty_like(net.parameters.flat)
    net.gradient(X, T, out=out)
    for name in COUNTED:
        np.testing.assert_array_equal(net.parameters.layout.view(out, name), before[name])
    _, by_name = net.gradient(X, T, training=True)
    u = X @ net.parameters["0.W"] + net.parameters["0.b"]
    np.testing.assert_allclose(by_name[COUNTED[0]], 0.1 * u.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(by_name[COUNTED[1]], 0.9 + 0.1 * u.var(axis=0), rtol=1e-12)
    for name in COUNTED:
        np.testing.assert_array_equal(net.parameters[name], before[name])


def test_a_gradient_outside_training_leaves_the_running_values_as_they_are() -> None:
    for flat in (True, False):
        net = network()
        out = np.empty_like(net.parameters.flat)
        _, by_name = net.gradient(X, T, out=out)
        before = {name: values.copy() for name, values in net.parameters.items()}
        net.apply(out if flat else by_name, SGD(0.1))
        for name, values in net.parameters.items():
            assert (values.tobytes() == before[name].tobytes()) == (name in COUNTED)


def test_dropout_goes_by_the_step_that_comes_next() -> None:
    net = network()
    optimizer = SGD(1e-12)
    losses = []
    for _ in range(3):
        loss, gradient = net.gradient(X, T, training=True)
        assert net.gradient(X, T, training=True)[0] == loss
        losses.append(loss)
        net.apply(gradient, optimizer)
    assert len(set(losses)) == 3
    assert net.gradient(X, T)[0] == pytest.approx(net.evaluate(X, T)["loss"], rel=1e-6)


def test_the_mean_of_two_gradients_is_that_of_all_rows() -> None:
    layers, loss = [Affine(7), Tanh(), Affine(3)], SoftmaxCrossEntropy()
    whole, parts = (Network(layers, loss, input_shape=5, engine="reference", dtype="float64") for _ in range(2))
    whole.step(X[:8], T[:8], Adam())
    out = [np.empty_like(parts.parameters.flat) for _ in range(2)]
    for half, rows in zip(out, (slice(0, 4), slice(4, 8)), strict=True):
        parts.gradient(X[rows], T[rows], training=True, out=half)
    parts.apply((out[0] + out[1]) / 2, Adam())
    np.testing.assert_allclose(parts.parameters.flat, whole.parameters.flat, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_asking_for_a_gradient_changes_nothing(engine: str) -> None:
    net = network(engine=engine)
    net.step(X, T, Adam())
    before = everything(net, Adam())
    net.gradient(X, T, training=True)
    assert everything(net, Adam()) == before


# The update ---------------------------------------------------------------------------------------------------------


def test_an_update_is_the_formula() -> None:
    net = Network([Affine(3)], MeanSquaredError(), input_shape=5, engine="reference", dtype="float64")
    before = {name: values.copy() for name, values in net.parameters.items()}
    gradient = {"0.W": numbers(3, (5, 3)), "0.b": numbers(4, (3,))}
    net.apply(gradient, SGD(0.25, weight_decay=0.5))
    np.testing.assert_allclose(
        net.parameters["0.W"], before["0.W"] - 0.25 * (gradient["0.W"] + 0.5 * before["0.W"]), rtol=1e-12
    )
    np.testing.assert_allclose(net.parameters["0.b"], before["0.b"] - 0.25 * gradient["0.b"], rtol=1e-12)


def test_what_lies_between_the_rows_is_not_read() -> None:
    plain, noisy = network(), network()
    out = np.empty_like(plain.parameters.flat)
    plain.gradient(X, T, training=True, out=out)
    plain.apply(out, Adam(clip_norm=0.1))
    between = np.ones(len(out), bool)
    for view in plain.parameters.layout.views(between).values():
        view[...] = False
    assert between.any()
    out[between] = np.nan
    noisy.apply(out, Adam(clip_norm=0.1))
    assert everything(plain, Adam(clip_norm=0.1)) == everything(noisy, Adam(clip_norm=0.1))


def test_a_gradient_in_another_type_or_order_is_taken() -> None:
    plain, other = network(), network()
    _, gradient = plain.gradient(X, T, training=True)
    plain.apply(gradient, SGD(0.1))
    other.apply({name: np.asfortranarray(g.astype("f8")) for name, g in reversed(gradient.items())}, SGD(0.1))
    assert everything(plain, SGD(0.1)) == everything(other, SGD(0.1))
    out = np.empty_like(plain.parameters.flat)
    plain.gradient(X, T, training=True, out=out)
    other.gradient(X, T, training=True, out=(same := np.empty_like(out)))
    plain.apply(out, SGD(0.1))
    other.apply(np.repeat(same.astype(">f8"), 2)[::2], SGD(0.1))
    assert everything(plain, SGD(0.1)) == everything(other, SGD(0.1))


# What is refused ----------------------------------------------------------------------------------------------------


def changed(name: str, value: Any) -> Callable[[Network], Any]:
    return lambda net: net.gradient(X, T)[1] | {name: value}


REFUSED: list[tuple[Callable[[Network], Any], str]] = [
    (lambda net: net.gradient(X, T), "gradient is a tuple; give the arrays by name that net.gradient returns beside"),
    (lambda net: None, "gradient is a NoneType; give the arrays by name"),
    (lambda net: net.parameters.flat.tolist(), "gradient is a list; give the arrays by name"),
    (lambda net: np.zeros(3), r"gradient has the shape \(3,\), but a flat one has \(\d+,\), as net.parameters.flat"),
    (lambda net: net.parameters.flat[None], r"gradient has the shape \(1, \d+\), but a flat one has"),
    (lambda net: net.parameters.flat.astype(str), "gradient has the type <U32; real numbers are expected"),
    (lambda net: net.parameters.flat + 1j, "gradient has the type complex64; real numbers are expected"),
    (lambda net: {}, "gradient lacks '0.W'; give an array for each parameter that is learned"),
    (changed("0.w", 1), "gradient has the name '0.w', which no parameter has; did you mean '0.W'"),
    (changed("0.b", np.zeros(3)), r"gradient\['0.b'\] has the shape \(3,\), but the parameter has \(7,\)"),
    (changed("0.b", ["a"] * 7), r"gradient\['0.b'\] has the type <U1; real numbers are expected"),
    (changed(COUNTED[0], np.zeros(3)), r"gradient\['1.running_mean'\] has the shape"),
]


@pytest.mark.parametrize(("make", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
def test_what_is_no_gradient_is_refused_and_changes_nothing(make: Callable[[Network], Any], said: str) -> None:
    net = network()
    net.step(X, T, Adam())
    given, before = make(net), everything(net, Adam())
    with pytest.raises(InputError, match=said):
        net.apply(given, Adam())
    assert everything(net, Adam()) == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["0.W", "4.b", *COUNTED])
@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_a_gradient_with_nan_or_infinity_is_named(optimizer: Optimizer, name: str, value: float) -> None:
    net = network()
    _, gradient = net.gradient(X, T, training=True)
    gradient[name][..., -1] = value
    before = everything(net, optimizer)
    word = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(NotFiniteError, match=f"{word} in the gradient of {name} at step 0; the parameters are unch"):
        net.apply(gradient, optimizer)
    assert everything(net, optimizer) == before


def test_numbers_too_large_for_the_networks_type_are_infinity() -> None:
    net = network()
    with pytest.raises(NotFiniteError, match=r"infinity in the gradient of 0\.b at step 0"):
        net.apply(changed("0.b", np.full(7, 1e300))(net), SGD(0.1))


def test_an_update_that_overflows_changes_nothing() -> None:
    net = network()
    _, gradient = net.gradient(X, T)
    before = everything(net, Momentum(1e30))
    with pytest.raises(NotFiniteError, match="infinity in the parameters after the update: the step was too long at s"):
        net.apply({name: 1e20 + g for name, g in gradient.items()}, Momentum(1e30))
    assert everything(net, Momentum(1e30)) == before


@pytest.mark.parametrize("wrong", [SGD, "sgd", 0.1, None])
def test_what_is_no_optimizer_is_refused(wrong: Any) -> None:
    net = network()
    _, gradient = net.gradient(X, T)
    for use in (lambda: net.apply(gradient, wrong), lambda: net.optimizer_state(wrong)):
        with pytest.raises(InputError, match=r"optimizer is .*, not an optimizer; make one, such as SGD\(0\.1\)"):
            use()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda flat: [0.0] * len(flat), "out is a list; give an array like net.parameters.flat: np.empty_like"),
        (
            lambda flat: flat[1:].copy(),
            r"out is an array of the shape \(\d+,\) and the type float32; give an array like",
        ),
        (lambda flat: flat.astype("f8"), r"out is an array of the shape \(\d+,\) and the type float64; give an array"),
        (lambda flat: np.repeat(flat, 2)[::2], "out is not contiguous; give an array like net.parameters.flat"),
        (lambda flat: np.frombuffer(flat.tobytes(), "f4"), "out cannot be written to; give an array like"),
        (lambda flat: flat, "out is the parameters' own memory; give an array of its own"),
    ],
)
def test_an_out_that_does_not_fit_is_refused(make: Any, said: str) -> None:
    net = network()
    before = net.parameters.flat.tobytes()
    with pytest.raises(InputError, match=said):
        net.gradient(X, T, out=make(net.parameters.flat))
    assert net.parameters.flat.tobytes() == before


def test_training_asks_for_the_rows_that_a_layer_needs() -> None:
    net = network()
    assert net.gradient(X[:1], T[:1])[0] > 0
    with pytest.raises(InputError, match="needs training batches of at least 2 rows, but x has only 1"):
        net.gradient(X[:1], T[:1], training=True)
