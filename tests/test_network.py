"""The network: what it is made of, what it does, and one clear sentence for everything that cannot be."""

from typing import Any

import numpy as np
import pytest

from cases import TRAINABLE, Case, named, numbers
from pellucid.errors import InputError, NotFiniteError
from pellucid.gradient_check import GradientReport
from pellucid.initializers import Normal
from pellucid.layers import Affine, Dropout, Flatten, Layer, ReLU, Rescale, Sigmoid, Step
from pellucid.losses import Huber, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.ops.plan import Plan
from pellucid.optimizers import SGD, Adam, Momentum
from pellucid.schedules import Exponential
from pellucid.trace import Trace


def network(**changes: Any) -> Network:
    arguments: dict[str, Any] = {"loss": SoftmaxCrossEntropy(), "input_shape": 5, "seed": 1, "engine": "reference"}
    return Network(changes.pop("layers", [Affine(7), Sigmoid(), Affine(3)]), **(arguments | changes))


X, T = numbers(1, (9, 5)), np.arange(9) % 3


# Construction -------------------------------------------------------------------------------------------------------


def test_it_tells_what_it_is_made_of() -> None:
    net = network()
    assert net.layers == (Affine(7), Sigmoid(), Affine(3))
    assert net.loss == SoftmaxCrossEntropy()
    assert (net.input_shape, net.output_shape, net.seed, net.dtype) == ((5,), (3,), 1, np.dtype("float32"))
    assert {name: p.shape for name, p in net.parameters.items()} == {
        "0.W": (5, 7),
        "0.b": (7,),
        "2.W": (7, 3),
        "2.b": (3,),
    }
    assert (net.engine, net.engine_reason) == ("reference", "asked for")
    text = repr(net)
    assert text.startswith("Network on the reference engine, float32, 66 parameters")
    assert "Sigmoid()" in text and "-> (7,)" in text and "SoftmaxCrossEntropy()" in text


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    first, same, other = network(), network(), network(seed=2)
    assert first.parameters.flat.tobytes() == same.parameters.flat.tobytes()
    assert (first.parameters["0.W"] != other.parameters["0.W"]).all()
    wide = network(dtype="float64")
    np.testing.assert_array_equal(wide.parameters["0.W"].astype(np.float32), first.parameters["0.W"])


def test_layers_of_one_shape_start_from_different_values() -> None:
    net = network(layers=[Affine(5), Affine(5), Affine(5, Normal(1.0), Normal(1.0))])
    assert (net.parameters["0.W"] != net.parameters["1.W"]).all()
    assert not np.isin(net.parameters["2.b"], net.parameters["2.W"]).any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": []}, "layers is empty; a network needs at least one, such as Affine(10)."),
        ({"layers": [Affine(3), Sigmoid]}, "layer 1 is the class Sigmoid; make one: Sigmoid(...)."),
        ({"layers": [Affine(3), "relu"]}, "layer 1 is 'relu', not a layer; see pellucid.layers."),
        ({"layers": [784, 30, 10]}, "layer 0 is 784, not a layer; see pellucid.layers."),
        ({"layers": Affine}, "layer 0 is the class Affine; make one: Affine(...)."),
        ({"loss": MeanSquaredError}, "loss is the class MeanSquaredError; make one: MeanSquaredError()."),
        ({"loss": "mse"}, "loss is 'mse', not a loss; see pellucid.losses."),
        ({"input_shape": 0}, "input_shape must hold whole numbers of 1 or more, such as (784,), got 0."),
        ({"input_shape": (5, -1)}, "input_shape must hold whole numbers of 1 or more, such as (784,), got (5, -1)."),
        ({"input_shape": (5.0,)}, "input_shape must hold whole numbers of 1 or more, such as (784,), got (5.0,)."),
        ({"input_shape": ()}, "input_shape must hold whole numbers of 1 or more, such as (784,), got ()."),
        ({"input_shape": None}, "input_shape must hold whole numbers of 1 or more, such as (784,), got None."),
        ({"input_shape": True}, "input_shape must hold whole numbers of 1 or more, such as (784,), got True."),
        ({"input_shape": 5.5}, "input_shape must hold whole numbers of 1 or more, such as (784,), got 5.5."),
        ({"seed": -1}, "seed must be an integer from 0 to 2**64 - 1, got -1."),
        ({"seed": 2**64}, "seed must be an integer from 0 to 2**64 - 1, got 18446744073709551616."),
        ({"seed": 1.5}, "seed must be an integer from 0 to 2**64 - 1, got 1.5."),
        ({"seed": None}, "seed must be an integer from 0 to 2**64 - 1, got None."),
        ({"dtype": "float16"}, "dtype must be 'float32' or 'float64', got 'float16'."),
        ({"dtype": "int32"}, "dtype must be 'float32' or 'float64', got 'int32'."),
        ({"dtype": "floot32"}, "dtype must be 'float32' or 'float64', got 'floot32'."),
        ({"engine": "natiev"}, "there is no engine 'natiev'; did you mean 'native'?"),
        ({"engine": None}, "there is no engine None; "),
        ({"input_shape": (1, 28, 28)}, "takes one vector per sample, not (1, 28, 28); put a Flatten() before it."),
        (
            {"layers": [Rescale()], "input_shape": (1, 2, 2)},
            "the loss SoftmaxCrossEntropy takes one vector per sample, but the last layer, ",
        ),
    ],
)
def test_what_cannot_be_built_is_said_in_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        network(**changes)
    assert said in str(caught.value)


def test_shapes_that_do_not_chain_name_the_layer_and_both_shapes() -> None:
    with pytest.raises(InputError) as caught:
        network(layers=[Rescale(), ReLU(), Affine(3)], input_shape=(2, 4))
    said = str(caught.value)
    assert "layer 2, Affine(3)" in said
    assert "(2, 4)" in said
    assert "one vector per sample" in said


# Use ----------------------------------------------------------------------------------------------------------------


def test_predictions_probabilities_and_classes_agree() -> None:
    net = network()
    y = net.predict(X)
    assert (y.shape, y.dtype) == ((9, 3), np.float32)
    np.testing.assert_allclose(net.probabilities(X).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(net.classify(X), y.argmax(axis=1))
    assert net.predict(X[:0]).shape == (0, 3)


def test_many_rows_are_predicted_as_few_are() -> None:
    net = network(dtype="float64")
    x = numbers(3, (2500, 5))
    np.testing.assert_allclose(net.predict(x)[1020:1030], net.predict(x[1020:1030]), rtol=1e-12)


def test_evaluation_counts_and_averages() -> None:
    net = network(dtype="float64")
    p = net.probabilities(X)
    found = net.evaluate(X, T)
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(9), T]).mean(), rel=1e-12)
    assert found["accuracy"] == (p.argmax(axis=1) == T).mean()
    weight = np.arange(9.0)
    weighted = net.evaluate(X, T, sample_weight=weight)
    assert weighted["loss"] == pytest.approx(np.average(-np.log(p[np.arange(9), T]), weights=weight), rel=1e-12)
    assert net.evaluate(X, np.eye(3)[T]) == found
    assert "accuracy" not in network(loss=MeanSquaredError()).evaluate(X, numbers(2, (9, 3)))


def test_a_weight_of_two_counts_like_the_sample_twice() -> None:
    net = network(dtype="float64")
    loss, gradients = net.gradient(X, T, sample_weight=[2.0] + [1.0] * 8)
    twice, expected = net.gradient(np.concatenate([X[:1], X]), np.concatenate([T[:1], T]))
    assert loss == pytest.approx(twice, rel=1e-13)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-11, atol=1e-15)


def test_a_network_with_one_output_tells_two_classes_apart() -> None:
    net = network(layers=[Affine(1)], loss=SigmoidCrossEntropy())
    t = np.arange(9) % 2
    found = net.evaluate(X, t)
    assert found["accuracy"] == (net.classify(X) == t).mean()
    assert found == net.evaluate(X, t[:, None])


def test_a_network_without_a_loss_predicts_and_says_what_it_cannot() -> None:
    net = network(loss=None)
    assert net.classify(X).shape == (9,)
    np.testing.assert_array_equal(net.probabilities(X), net.predict(X))
    for use in (net.evaluate, net.gradient, net.trace, net.check_gradients, lambda x, t: net.step(x, t, SGD())):
        with pytest.raises(InputError, match="this network has no loss; give one, such as loss="):
            use(X, T)
    with pytest.raises(InputError, match="this network has no loss"):
        net.plan()


def test_images_have_no_classes_where_outputs_are_no_vectors() -> None:
    net = network(layers=[Rescale()], loss=None, input_shape=(2, 3))
    with pytest.raises(
        InputError, match=r"classify needs one vector of outputs per sample, this network gives \(2, 3\)"
    ):
        net.classify(np.zeros((4, 2, 3)))


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_a_gradient_has_the_names_and_shapes_of_the_parameters(case: Case) -> None:
    net = Network(case.layers, case.loss, input_shape=case.input_shape, engine="reference")
    loss, gradients = net.gradient(case.x(7), case.t(7), sample_weight=case.weight(7))
    assert isinstance(loss, float)
    learned = {name: net.parameters[name].shape for name in net.model.learned}
    assert {name: g.shape for name, g in gradients.items()} == learned


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(0.1, weight_decay=0.01), Adam(0.01)], ids=str)
def test_steps_make_the_loss_smaller_and_keep_the_optimizers_memory(optimizer: Any) -> None:
    net, at_once = network(), network()
    losses = [net.step(X, T, optimizer) for _ in range(20)]
    assert losses[0] == pytest.approx(at_once.evaluate(X, T)["loss"], rel=1e-6)
    assert losses[-1] < losses[0]
    assert net.optimizer_state(optimizer).step == 20
    other = type(optimizer)(0.2)
    net.step(X, T, other)
    assert net.optimizer_state(other).step == 1


def test_a_step_is_the_formula() -> None:
    net = network(dtype="float64")
    _, gradients = net.gradient(X, T)
    before = {name: p.copy() for name, p in net.parameters.items()}
    net.step(X, T, SGD(0.25))
    for name, p in net.parameters.items():
        np.testing.assert_allclose(p, before[name] - 0.25 * gradients[name], rtol=1e-13)


def test_a_schedule_moves_on_with_every_step() -> None:
    net = network(dtype="float64")
    for rate in (0.5, 0.25, 0.125):
        before, (_, gradients) = net.parameters["2.b"].copy(), net.gradient(X, T)
        net.step(X, T, SGD(Exponential(0.5, factor=0.5)))
        np.testing.assert_allclose(net.parameters["2.b"], before - rate * gradients["2.b"], rtol=1e-12)


def test_dropout_works_in_steps_and_not_in_gradients() -> None:
    net = network(layers=[Affine(50), Dropout(0.5), Affine(3)])
    assert net.gradient(X, T)[0] == net.gradient(X, T)[0] == pytest.approx(net.evaluate(X, T)["loss"], rel=1e-6)
    assert net.step(X, T, SGD(1e-9)) != net.step(X, T, SGD(1e-9))


def test_the_same_steps_give_the_same_bits() -> None:
    first, second = network(layers=[Affine(9), Dropout(), Affine(3)]), network(layers=[Affine(9), Dropout(), Affine(3)])
    for _ in range(5):
        first.step(X, T, Adam())
        second.step(X, T, Adam())
    assert first.parameters.flat.tobytes() == second.parameters.flat.tobytes()


def test_a_step_too_long_changes_nothing_and_is_named() -> None:
    net = network(layers=[Affine(3)], loss=MeanSquaredError())
    before = net.parameters.flat.copy()
    with pytest.raises(NotFiniteError, match=r"at step 0; the parameters are unchanged, try a smaller learning_rate"):
        net.step(1e30 * X, T, SGD(1e30))
    np.testing.assert_array_equal(net.parameters.flat, before)


def test_a_parameter_set_to_nan_is_named() -> None:
    net = network()
    net.parameters["2.W"][1, 2] = np.nan
    with pytest.raises(NotFiniteError, match=r"NaN in parameter 2\.W of layer 2 \(Affine\) at step 0"):
        net.step(X, T, SGD(0.1))


def test_step_says_that_it_cannot_be_trained_through() -> None:
    net = network(layers=[Affine(3), Step()], loss=MeanSquaredError())
    assert set(np.unique(net.predict(X))) <= {0.0, 1.0}
    assert "loss" in net.evaluate(X, T)
    with pytest.raises(InputError, match=r"Step cannot be trained through: .*; use Sigmoid\(\) while training"):
        net.step(X, T, SGD(0.1))


def test_it_can_be_seen_through() -> None:
    net = network()
    assert isinstance(net.trace(X, T), Trace)
    assert isinstance(net.plan(), Plan)
    assert "adam_update" in str(net.plan(Adam()))
    report = net.check_gradients(X, T, entries=3)
    assert isinstance(report, GradientReport)
    assert report.ok


def test_optimizers_that_are_none_are_refused() -> None:
    for wrong in (SGD, "sgd", 0.1, None):
        with pytest.raises(InputError, match=r"optimizer is .*, not an optimizer; make one, such as SGD\(0\.1\)"):
            network().step(X, T, wrong)  # type: ignore[arg-type]


# Bad data -----------------------------------------------------------------------------------------------------------


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


def test_layers_of_ones_own_need_nothing_but_forward_and_backward() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Cube(Layer):
        def forward(self, p: Any, x: Any, mode: Any) -> Any:
            return x * x * x, type(p)(x=x)

        def backward(self, p: Any, saved: Any, dy: Any) -> Any:
            return 3.0 * saved.x * saved.x * dy, type(p)()

    net = network(layers=[Affine(4), Cube(), Affine(3)])
    assert net.check_gradients(X, T).ok
