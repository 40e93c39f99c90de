"""Each array stands beside the formula that gave it, and the equations of backpropagation where they apply."""

from dataclasses import dataclass

import numpy as np
import pytest

from pellucid import Graph, Network, layers, losses
from pellucid.layers import (
    Add,
    Affine,
    BatchNorm,
    Conv2D,
    Dropout,
    Flatten,
    Identity,
    Layer,
    MaxPool2D,
    Named,
    Rescale,
    Sigmoid,
    Softmax,
)
from pellucid.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD
from pellucid.trace.formulas import backward_entries, formulas_of, forward_entries

ACTIVATIONS = [name for name in layers.__all__ if issubclass(getattr(layers, name), layers.activations.Activation)]
LOSSES = [name for name in losses.__all__ if name != "Loss"]


def equations(net: Network) -> dict[str, str]:
    """{"2.du": "BP1", ...} of the whole backward pass."""
    rows = np.ones((2, *net.input_shape))
    traced = net.trace(rows, np.zeros((2, *net.output_shape)) + np.eye(net.output_shape[0])[0])
    return {
        f"{index}.{entry.symbol}": entry.equation
        for index in reversed(range(len(traced)))
        for entry in backward_entries(traced, index)
    }


def test_affine_shows_its_three_gradients() -> None:
    found = formulas_of(Affine(3))
    assert found == {"u": "x·W + b", "dx": "du·Wᵀ", "dW": "xᵀ·du", "db": "Σₙ du"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_shows_function_and_derivative(name: str) -> None:
    found = formulas_of(getattr(layers, name)())
    assert list(found)[:2] == ["y", "dy/du"] and all(found.values()), found


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_shows_function_and_derivative(name: str) -> None:
    found = formulas_of(getattr(losses, name)())
    assert found["l"] and found["dl/dy"], found


def test_formulas_end_where_they_end() -> None:
    assert formulas_of(Sigmoid()) == {"y": "1 / (1 + e⁻ᵘ)", "dy/du": "y (1 − y)"}
    assert formulas_of(layers.ReLU())["dy/du"] == "1 where u > 0, else 0"
    assert formulas_of(MeanSquaredError()) == {"l": "½ Σₖ (y − t)²", "dl/dy": "y − t"}
    assert formulas_of(Softmax())["du"] == "y (dy − Σₖ dy y)"
    assert formulas_of(Dropout())["dx"] == "dy · mask"
    assert formulas_of(Rescale())["dx"] == "dy · scale"


def test_formulas_in_words_end_where_they_end() -> None:
    assert formulas_of(MaxPool2D())["dx"] == "each dy goes to the first cell that holds the largest"
    assert formulas_of(Add())["y"] == "x₁ + x₂ + ..."
    assert formulas_of(Conv2D(2, 3))["u"] == "x ∗ W + b"


def test_the_layers_of_images_show_their_formulas() -> None:
    net = Network(
        [Conv2D(2, 3), BatchNorm(), MaxPool2D(), Flatten(), Affine(3)], MeanSquaredError(), input_shape=(1, 6, 6)
    )
    traced = net.trace(np.ones((1, 1, 6, 6)), [1], SGD(0.1))
    found = {f"{i}.{e.symbol}": (e.formula, e.equation) for i in range(4) for e in backward_entries(traced, i)}
    assert found["0.dW"] == ("Σ du · x under the window", "BP4") and found["0.db"][1] == "BP3"
    assert found["1.dgamma"] == ("Σ dy z", "") and found["1.dbeta"] == ("Σ dy", "")
    assert found["2.dx"][0].startswith("each dy goes to")
    assert [e.symbol for e in forward_entries(traced, 1)] == [*net.model.own(1, net.parameters), "z", "y"]
    assert max(map(len, str(traced).splitlines())) <= 80


def test_a_join_shows_one_derivative_for_each_value() -> None:
    graph = Graph()
    graph.add(Affine(3), graph.add(Add(), graph.input, graph.input))
    traced = Network(graph, MeanSquaredError(), input_shape=2).trace(np.ones((1, 2)), [1])
    assert [(e.symbol, e.formula) for e in backward_entries(traced, 0)] == [("dx₁", "dy"), ("dx₂", "dy")]
    assert [(e.symbol, e.formula) for e in forward_entries(traced, 0)] == [
        ("x₁", "the input"),
        ("x₂", "the input"),
        ("y", "x₁ + x₂ + ..."),
    ]


def test_the_four_equations_of_a_sigmoid_network() -> None:
    net = Network([Affine(4), Sigmoid(), Affine(3), Sigmoid()], MeanSquaredError(), input_shape=5)
    assert equations(net) == {
        "3.dy": "",
        "3.du": "BP1",
        "2.dW": "BP4",
        "2.db": "BP3",
        "2.dx": "in BP2",
        "1.du": "BP2",
        "0.dW": "BP4",
        "0.db": "BP3",
        "0.dx": "",
    }


def test_on_logits_the_loss_itself_gives_the_output_error() -> None:
    net = Network([Flatten(), Affine(4), Affine(3)], SoftmaxCrossEntropy(), input_shape=(1, 2, 2))
    found = equations(net)
    assert found["2.du"] == "BP1" and found["2.dx"] == "BP2"
    assert found["1.dx"] == "" and found["0.dx"] == ""


def test_the_derivative_of_a_mean_says_that_it_is_one() -> None:
    net = Network([Affine(3)], SoftmaxCrossEntropy(), input_shape=2)
    one = next(backward_entries(net.trace(np.ones((1, 2)), [0]), 0))
    two = next(backward_entries(net.trace(np.ones((2, 2)), [0, 1]), 0))
    assert (one.formula, two.formula) == ("p − t", "(p − t) w / Σ w")


@dataclass(frozen=True)
class Doubled(Layer):
    """Doubles.

    y = 2 u    du = 2 dy
    """

    def forward(self, p: Named, x: np.ndarray, mode: object) -> tuple[np.ndarray, Named]:
        return 2.0 * x, Named()

    def backward(self, p: Named, saved: Named, dy: np.ndarray) -> tuple[np.ndarray, Named]:
        return 2.0 * dy, Named()


class Silent(Identity.__mro__[1]):  # type: ignore[misc, name-defined]
    forward, backward = Doubled.forward, Doubled.backward


@dataclass(frozen=True)
class Bare(Loss):
    def forward(self, y: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, Named]:
        return MeanSquaredError().forward(y, t)

    def backward(self, saved: Named) -> np.ndarray:
        return MeanSquaredError().backward(saved)


def test_a_layer_of_ones_own_shows_its_own_formulas_and_none_is_no_fault() -> None:
    net = Network([Affine(2), Doubled(), Silent()], Bare(), input_shape=2)
    traced = net.trace(np.ones((1, 2)), np.zeros((1, 2)), SGD(0.1))
    assert [(entry.symbol, entry.formula) for entry in forward_entries(traced, 1)] == [("y", "2 u")]
    assert [(entry.symbol, entry.formula) for entry in backward_entries(traced, 1)] == [("du", "2 dy")]
    assert "*** y ***" in str(traced)
