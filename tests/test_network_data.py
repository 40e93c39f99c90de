"""What a network takes as samples, targets and weights, and one clear sentence for everything else."""

from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid.errors import InputError
from pellucid.layers import Affine, Flatten
from pellucid.losses import Huber
from pellucid.optimizers import SGD
from plain import T, X, network


def with_value(array: Any, where: Any, value: float) -> Any:
    changed = np.array(array, dtype=np.float64)
    changed[where] = value
    return changed


IMAGES = network(layers=[Flatten(), Affine(3)], input_shape=(1, 2, 3))

BAD_X: dict[str, tuple[Any, str]] = {
    "too few features": (X[:, :4], "x has the shape (9, 4), but the network takes (N, 5)."),
    "one sample": (X[0], "x has the shape (5,), which is one sample; give a batch, x[None] for one."),
    "a number": (3.0, "x has the shape (), but the network takes (N, 5)."),
    "images for vectors": (np.zeros((9, 5, 1)), "x has the shape (9, 5, 1), but the network takes (N, 5); "),
    "ragged": ([[1.0, 2.0], [1.0]], "x cannot be made an array: "),
    "NaN": (with_value(X, (4, 2), np.nan), "x holds nan at [4, 2]; NaN and infinity cannot be learnt from"),
    "too large": (
        with_value(X, (4, 2), 1e39),
        "x holds 1e+39 at [4, 2], too large for a network in float32; scale it.",
    ),
    "infinity": (with_value(X, (8, 0), -np.inf), "x holds -inf at [8, 0]; NaN and infinity cannot be learnt from"),
    "float16": (X.astype(np.float16), "x has the type float16; float32, float64 or integers are expected: x.astype("),
    "longdouble": (X.astype(np.longdouble), f"x has the type {np.dtype(np.longdouble)}; float32, float64 or integers"),
    "complex": (X.astype(complex), "x has the type complex128; float32, float64 or integers are expected"),
    "objects": (X.astype(object), "x has the type object; float32, float64 or integers are expected"),
    "text": (X.astype(str), "x has the type <U32; float32, float64 or integers are expected"),
    "None": (None, "x has the type object; float32, float64 or integers are expected"),
    "dates": (np.zeros((9, 5), "M8[s]"), "x has the type datetime64[s]; float32, float64 or integers are expected"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_bad_samples_are_refused_in_one_sentence_everywhere(name: str) -> None:
    x, said = BAD_X[name]
    net = network()
    uses: list[Any] = [net.predict, net.classify, net.probabilities, lambda x: net.evaluate(x, T)]
    uses += [lambda x: net.gradient(x, T), lambda x: net.trace(x, T), lambda x: net.check_gradients(x, T)]
    uses += [lambda x: net.step(x, T, SGD(0.1))]
    for use in uses:
        with pytest.raises(InputError) as caught:
            use(x)
        assert said in str(caught.value)


def test_a_reshape_that_would_fit_is_offered() -> None:
    for x, net, offered in (
        (np.zeros((4, 6)), IMAGES, "x.reshape(-1, 1, 2, 3) would fit"),
        (np.zeros((4, 5, 1)), network(), "x.reshape(-1, 5) would fit"),
    ):
        with pytest.raises(InputError) as caught:
            net.predict(x)
        assert offered in str(caught.value)
    with pytest.raises(InputError) as caught:
        IMAGES.predict(np.zeros((4, 7)))
    assert "would fit" not in str(caught.value)


def test_one_image_instead_of_a_batch_is_recognised() -> None:
    with pytest.raises(InputError, match=r"which is one sample; give a batch, x\[None\] for one"):
        IMAGES.predict(np.zeros((1, 2, 3)))


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (T[:8], "t has 8 rows, but x has 9; one target per sample."),
        (3, "t has no rows, but x has 9; one target per sample."),
        (with_value(T, 4, 3), "t holds the class number 3, but the network has 3 outputs, for 0 to 2."),
        (with_value(T, 4, -1), "t holds the class number -1, but the network has 3 outputs, for 0 to 2."),
        (with_value(T, 4, 0.5), "t holds 0.5 among its class numbers; give whole numbers from 0 to 2, or values of "),
        (with_value(T, 4, np.nan), "t holds nan at [4]; NaN and infinity cannot be learnt from"),
        (with_value(np.eye(3)[T], (2, 1), np.inf), "t holds inf at [2, 1]; NaN and infinity cannot be learnt from"),
        (with_value(np.eye(3)[T], (2, 1), -1e300), "t holds -1e+300 at [2, 1], too large for a network in float32"),
        (np.zeros((9, 4)), "t has the shape (9, 4), but the network's outputs are (9, 3)."),
        (np.zeros((9, 3, 1)), "t has the shape (9, 3, 1), but the network's outputs are (9, 3)."),
        (np.zeros((9, 3)), "SoftmaxCrossEntropy takes rows of t that sum to 1; for labels that overlap use "),
        (
            np.full((9, 3), [2.0, -0.5, -0.5]),
            "SoftmaxCrossEntropy takes probabilities from 0 to 1 as t, got -0.5 to 2.0",
        ),
        (np.array(["a"] * 9), "t has the type <U1; float32, float64 or integers are expected"),
        (T.astype(object), "t has the type object; float32, float64 or integers are expected"),
        (T.astype(np.float16), "t has the type float16; float32, float64 or integers are expected"),
        (None, "t has the type object; float32, float64 or integers are expected"),
    ],
)
def test_bad_targets_are_refused_in_one_sentence_everywhere(t: Any, said: str) -> None:
    net = network()
    for use in (net.evaluate, net.gradient, net.trace, net.check_gradients, lambda x, t: net.step(x, t, SGD(0.1))):
        with pytest.raises(InputError) as caught:
            use(X, t)
        assert said in str(caught.value)


def test_class_numbers_beyond_any_integer_are_named() -> None:
    for huge in (1e30, 2.0**63, -(2.0**70)):
        with pytest.raises(InputError, match=r"t holds the class number -?[0-9]+, but the network has 3 outputs"):
            network().evaluate(X, with_value(T, 4, huge))
    with pytest.raises(InputError, match="t holds the class number 18446744073709551615"):
        network().evaluate(X, np.full(9, 2**64 - 1, np.uint64))


def test_empty_data_is_refused_for_learning() -> None:
    net = network()
    for use in (net.evaluate, net.gradient, lambda x, t: net.step(x, t, SGD(0.1))):
        with pytest.raises(InputError, match="x has no rows; at least one sample is needed"):
            use(X[:0], T[:0])
    with pytest.raises(InputError, match=r"x has the shape \(0,\), but the network takes \(N, 5\)"):
        net.predict([])


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (np.ones(8), "sample_weight has the shape (8,), expected (9,): one number per sample."),
        (np.ones((9, 1)), "sample_weight has the shape (9, 1), expected (9,): one number per sample."),
        (np.zeros(9), "sample_weight must hold numbers of 0 or more, and not only zeros."),
        (-np.ones(9), "sample_weight must hold numbers of 0 or more, and not only zeros."),
        (with_value(np.ones(9), 3, np.nan), "sample_weight holds nan at [3]"),
        (with_value(np.ones(9), 3, 1e39), "sample_weight holds 1e+39 at [3], too large for a network in float32"),
        (["1"] * 9, "sample_weight has the type <U1"),
    ],
)
def test_bad_weights_are_refused(weight: Any, said: str) -> None:
    net = network()
    for use in (net.evaluate, net.gradient):
        with pytest.raises(InputError) as caught:
            use(X, T, sample_weight=weight)
        assert said in str(caught.value)


def test_kinds_of_arrays_that_are_taken_give_the_same_numbers() -> None:
    net = network()
    x = np.arange(45).reshape(9, 5) % 7
    expected = net.predict(x.astype(np.float32))
    forms: list[Any] = [x.astype(kind) for kind in ("u1", "i1", "i8", "f8", ">f4", ">i2", "u8")]
    forms += [x.tolist(), np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x[::-1][::-1]]
    for form in forms:
        np.testing.assert_array_equal(net.predict(form), expected)
    frozen = x.astype(np.float32)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(net.predict(frozen), expected)
    for labels in (T.tolist(), T.astype("u1"), T.astype("f8"), np.eye(3)[T], np.eye(3, dtype=bool)[T]):
        assert net.evaluate(x, labels) == net.evaluate(x, T)


def test_a_wide_network_takes_what_is_too_large_for_a_narrow_one() -> None:
    x = with_value(X, (4, 2), 1e39)
    assert np.isfinite(network(dtype="float64").predict(x)).all()
    assert np.isfinite(network().predict(with_value(X, (4, 2), 3e38))).all()


def test_data_is_never_changed() -> None:
    net = network()
    x, t = X.copy(), np.eye(3)[T]
    net.step(x, t, SGD(0.5))
    net.check_gradients(x, t)
    net.trace(x, t)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(t, np.eye(3)[T])


def test_a_regression_takes_a_vector_for_one_output() -> None:
    net = network(layers=[Affine(1)], loss=Huber())
    t = numbers(2, (9,))
    assert net.evaluate(X, t) == net.evaluate(X, t[:, None])
    with pytest.raises(InputError, match=r"t has the shape \(9, 2\), but the network's outputs are \(9, 1\)"):
        net.evaluate(X, numbers(2, (9, 2)))


def test_what_came_is_quoted_at_80_characters_at_most() -> None:
    long = "a" * 1000
    uses: list[Any] = [
        lambda: network(input_shape=long),
        lambda: network(seed=long),
        lambda: network(loss=long),
        lambda: network(engine=long),
        lambda: network().step(X, T, long),  # type: ignore[arg-type]
        lambda: network().apply({long: X}, SGD(0.1)),
        lambda: network().apply({"0.W": long}, SGD(0.1)),
        lambda: network().predict(np.zeros((9, 5), [(f"field {n}", "f4") for n in range(100)])),
    ]
    uses += [
        lambda name=name: network().fit(X, T, **{name: long})
        for name in ("epochs", "batch_size", "optimizer", "validation_fraction", "augment", "verbose", "class_weight")
    ]
    uses += [lambda: network().fit(X, T, class_weight={long: 1.0}), lambda: network().fit(X, T, callbacks=[long])]
    for use in uses:
        with pytest.raises(InputError) as caught:
            use()
        assert len(str(caught.value)) < 300, caught.value
