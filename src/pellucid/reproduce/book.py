"""Deep Learning from Scratch, chapters 2, 4 and 5: perceptrons, the two-layer net, the gradient check."""

from typing import Any

import numpy as np

from pellucid.initializers import Normal
from pellucid.layers import Affine, ReLU, Sigmoid, Step
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import SGD
from pellucid.reproduce.experiment import Experiment, Result, claim, compare, exact
from pellucid.reproduce.pictures import bars, curves
from pellucid.reproduce.setting import Setting

INPUTS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float64)
GATES = {
    "AND": ((0.5, 0.5), -0.7, (0, 0, 0, 1)),
    "NAND": ((-0.5, -0.5), 0.7, (1, 1, 1, 0)),
    "OR": ((0.5, 0.5), -0.2, (0, 1, 1, 1)),
}


def gate(name: str) -> Network:
    """Returns a perceptron with the book's weights and bias."""
    net = Network([Affine(1), Step()], input_shape=2, dtype="float64")
    weights, bias, _ = GATES[name]
    net.parameters["0.W"], net.parameters["0.b"] = np.reshape(weights, (2, 1)), [bias]
    return net


def xor_gate() -> Network:
    """Returns XOR as AND of NAND and OR: what one perceptron cannot do, two layers can."""
    net = Network([Affine(2), Step(), Affine(1), Step()], input_shape=2, dtype="float64")
    (nand, nand_bias, _), (both, or_bias, _) = GATES["NAND"], GATES["OR"]
    net.parameters["0.W"], net.parameters["0.b"] = np.column_stack([nand, both]), [nand_bias, or_bias]
    weights, bias, _ = GATES["AND"]
    net.parameters["2.W"], net.parameters["2.b"] = np.reshape(weights, (2, 1)), [bias]
    return net


def gates(setting: Setting) -> Result:
    """AND, NAND, OR by one perceptron each, XOR by two layers."""
    found = {name: gate(name).predict(INPUTS)[:, 0] for name in GATES} | {"XOR": xor_gate().predict(INPUTS)[:, 0]}
    told = {name: table for name, (_, _, table) in GATES.items()} | {"XOR": (0, 1, 1, 0)}
    rows = [exact(f"{name} of 00, 10, 01, 11", told[name], found[name], 0) for name in found]
    return Result(rows, (), bars({name: {"output": values.tolist()} for name, values in found.items()}, "00 10 01 11"))


def two_layer_net(seed: int, hidden: Any, dtype: str = "float32") -> Network:
    """Returns 784-50-10 with weights from 0.01 N(0, 1) and zero biases: sigmoid in chapter 4, ReLU in chapter 5."""
    layers = [Affine(50, Normal(0.01)), hidden, Affine(10, Normal(0.01))]
    return Network(layers, SoftmaxCrossEntropy(), input_shape=784, seed=seed, dtype=dtype)


def train_two_layer_net(setting: Setting) -> Result:
    """Batches of 100, learning rate 0.1, 9,601 steps: where the book's script of 10,000 prints for the last time.

    The book draws each batch with replacement; here each epoch takes all 60,000 images once.
    """
    seeds, images, epochs = setting.seeds(5), setting.images(), setting.epochs(16)
    rows, panels = [], {}
    plans = (
        ("ch. 4, sigmoid, test images", Sigmoid(), 94.6, "the chapter's notebook"),
        ("ch. 5, by layers, ReLU, test images", ReLU(), 96.9, ""),
    )
    for what, activation, published, note in plans:
        runs = {}
        for seed in seeds:
            net = two_layer_net(seed, activation)
            history = net.fit(
                *images.book_train, epochs=epochs, batch_size=100, optimizer=SGD(0.1), validation_data=images.test,
                verbose=0,
            )  # fmt: skip
            runs[f"seed {seed}"] = [100 * share for share in history["validation_accuracy"]]
        rows.append(compare(what, published, [run[-1] for run in runs.values()], setting, note))
        panels[what] = runs
    return Result(rows, seeds, curves(panels))


def numeric_gradient(net: Network, name: str, x: Any, t: Any, h: float = 1e-4) -> Any:
    """Returns dL/dp of one parameter by central differences (L(p + h) − L(p − h)) / 2h, entry by entry."""
    values = net.parameters[name]
    found = np.empty(values.shape)
    for place in np.ndindex(values.shape):
        before = values[place]
        sides = []
        for moved in (before + h, before - h):
            values[place] = moved
            sides.append(net.evaluate(x, t)["loss"])
        values[place] = before
        found[place] = (sides[0] - sides[1]) / (2 * h)
    return found


def gradient_check(setting: Setting) -> Result:
    """The mean difference of numeric and backpropagated gradients in float64, on three images."""
    images = setting.images()
    x, t = images.train[0][:3], images.train[1][:3]
    rows, panels = [], {}
    for label, activation in (("sigmoid", Sigmoid()), ("ReLU", ReLU())):
        net = two_layer_net(0, activation, "float64")
        _, exactly = net.gradient(x, t)
        names = [name for name in exactly if not setting.fast or name != "0.W"]
        apart = {n: float(np.mean(np.abs(numeric_gradient(net, n, x, t) - exactly[n]))) for n in names}
        largest = max(apart.values())
        rows.append(
            claim(
                f"{label}: mean difference, all parameters",
                "of order 1e-7 or below",
                f"{largest:.1e} at most",
                largest < 1e-7,
                setting,
                ", ".join(f"{name} {value:.0e}" for name, value in apart.items()),
            )
        )
        panels[label] = {"mean difference": list(apart.values())}
    return Result(rows, [0], bars(panels, "parameter: W1, b1, W2, b2", logarithmic=panels))


EXPERIMENTS = (
    Experiment("book2-gates", "AND, NAND, OR and XOR", "Deep Learning from Scratch, ch. 2", gates),
    Experiment("book4-two-layer-net", "TwoLayerNet", "Deep Learning from Scratch, ch. 4, 5", train_two_layer_net),
    Experiment("book5-gradient-check", "Gradient check", "Deep Learning from Scratch, ch. 5", gradient_check),
)
