"""The network: what it is made of, what it does, and one clear sentence for what it cannot be."""

from typing import Any

import numpy as np
import pytest

from cases import TRAINABLE, Case, named, numbers
from pellucid.errors import InputError, NotFiniteError
from pellucid.gradient_check import GradientReport
from pellucid.initializers import Normal
from pellucid.layers import Affine, Dropout, Layer, ReLU, Rescale, Sigmoid, Step
from pellucid.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import SGD, Adam, Momentum
from pellucid.plan.ir import Plan
from pellucid.schedules import Exponential
from pellucid.trace import Trace
from plain import T, X, network

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
    assert "0.W, new" in str(net.plan(optimizer=Adam())) and "root_correction" in str(net.plan(optimizer=Adam()))
    report = net.check_gradients(X, T, entries=3)
    assert isinstance(report, GradientReport)
    assert report.ok


def test_optimizers_that_are_none_are_refused() -> None:
    for wrong in (SGD, "sgd", 0.1, None):
        with pytest.raises(InputError, match=r"optimizer is .*, not an optimizer; make one, such as SGD\(0\.1\)"):
            network().step(X, T, wrong)  # type: ignore[arg-type]


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
