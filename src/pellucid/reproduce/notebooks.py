"""The second text's notebooks: forward and backward pass by numbers, a regression, and vanishing gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pellucid import ops, philox
from pellucid.initializers import He, Initializer, Normal, Xavier
from pellucid.layers import Affine, Identity, Layer, Mode, Named, ReLU, Sigmoid
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.ops import Array
from pellucid.optimizers import SGD
from pellucid.reproduce.experiment import Experiment, Result, claim, exact, shown
from pellucid.reproduce.pictures import bars, curves
from pellucid.reproduce.setting import Setting

SOURCE = "the second text"


def forward_pass(setting: Setting) -> Result:
    """One layer of three units, as printed."""
    net = Network([Affine(3), Sigmoid()], MeanSquaredError(), input_shape=4, dtype="float64")
    net.parameters["0.W"] = [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0.3, 0.4, 0.5], [0.4, 0.5, 0.6]]
    net.parameters["0.b"] = [0.1, 0.2, 0.3]
    traced = net.trace([[1.0, 5.0, 2.0, -1.0]], np.zeros((1, 3)))
    rows = [
        exact("total input u", [1.4, 2.2, 3.0], traced[0].u[0], 8),
        exact("output z", [0.80218389, 0.90024951, 0.95257413], traced[1].y[0], 8),
    ]
    return Result(rows, (), bars({"one layer": {"u": traced[0].u[0].tolist(), "z": traced.y[0].tolist()}}, "unit"))


def classifier() -> Network:
    """Returns the text's classifier: two inputs, three ReLUs, two classes, with its weights."""
    net = Network([Affine(3), ReLU(), Affine(2)], SoftmaxCrossEntropy(), input_shape=2, dtype="float64")
    net.parameters["0.W"], net.parameters["0.b"] = [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], [0.1, 0.2, 0.3]
    net.parameters["2.W"], net.parameters["2.b"] = [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [0.1, 0.2]
    return net


def backward_pass(setting: Setting) -> Result:
    """Two layers, one sample of the second class: every number of the backward pass, as printed."""
    net = classifier()
    traced = net.trace([[1.0, 5.0]], [[0.0, 1.0]])
    y = traced.loss_function.link(traced.y)[0]
    delta = -0.02611973
    rows = [
        exact("u1", [1.2, 2.5, 3.8], traced[0].u[0], 8),
        exact("u2", [1.86, 4.21], traced[2].u[0], 8),
        exact("y", [0.08706577, 0.91293423], y, 8),
        exact("delta2", [0.08706577, -0.08706577], traced[2].delta[0], 8),
        exact("delta1", [delta] * 3, traced[0].delta[0], 8),
        exact("dW1", [[delta] * 3, [-0.13059866] * 3], traced[0].gradients.W, 8),
    ]
    picture = bars(
        {"backward pass": {"delta2": traced[2].delta[0].tolist(), "delta1": traced[0].delta[0].tolist()}}, "unit"
    )
    return Result(rows, (), picture)


def plane(rows: int) -> tuple[Array, Array]:
    """Returns samples of y = 3 x₀ + 2 x₁ with x from 0 to 1."""
    x = philox.uniform(0, philox.DATA, 21, (rows, 2))
    return x, x @ np.array([[3.0], [2.0]])


def regression_network(activation: Layer, seed: int = 0) -> Network:
    """Returns two inputs, ten units, one output, everything from the normal distribution."""
    start = Normal(1.0)
    layers = [Affine(10, start, start), activation, Affine(1, start, start), Identity()]
    return Network(layers, MeanSquaredError(), input_shape=2, seed=seed, dtype="float64")


def regression(setting: Setting) -> Result:
    """y = 3 x₀ + 2 x₁ with learning rate 0.07: online, in batches of 20, and all 1,000 rows at once."""
    x, t = plane(1000)
    rows, losses = [], {}
    for name, size in (("online", 1), ("mini-batch of 20", 20), ("batch", 1000)):
        net = regression_network(ReLU())
        before = net.evaluate(x, t)["loss"]
        values = []
        for step in range(1000):
            first = step * size % 1000
            values.append(net.step(x[first : first + size], t[first : first + size], SGD(0.07)))
        after = net.evaluate(x, t)["loss"]
        told = f"from {before:.3g} to {after:.2g} in 1,000 steps"
        rows.append(claim(f"{name}: the loss falls towards 0", "falls", told, after < before / 100, setting))
        losses[name] = values
    return Result(rows, [0], curves({"loss at each step": losses}, "step", log=True))


@final
@dataclass(frozen=True)
class MixedUp(Layer):
    """y = max(u, 0) forward, but du = dy z (1 − z) with z = σ(y) backward: the mistake in the text's regression."""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        y = ops.maximum(x, 0.0)
        return y, Named(y=y)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        z = ops.sigmoid(saved.y)
        return dy * (z * (1 - z)), Named()


def mixed_up_derivative(setting: Setting) -> Result:
    """The gradient check on the text's regression as written, and as meant."""
    x, t = plane(20)
    wrong = regression_network(MixedUp()).check_gradients(x, t)
    right = regression_network(ReLU()).check_gradients(x, t)
    faults = ", ".join(f"{row.name}" for row in wrong.faults) or "none"
    rows = [
        claim("ReLU forward, sigmoid's derivative backward", "a fault of the text", f"wrong: {faults}",
              [row.name for row in wrong.faults] == ["layer 1 (MixedUp): dx"], setting),
        claim("ReLU in both", "right", f"largest relative error {right.worst.error:.0e}", right.ok, setting),
    ]  # fmt: skip
    errors = {"mixed up": wrong, "ReLU in both": right}
    panels = {k: {"relative error": [max(row.error, 1e-17) for row in r.rows.values()]} for k, r in errors.items()}
    return Result(rows, [0], bars(panels, "gradient", logarithmic=panels))


def vanishing_gradients(setting: Setting) -> Result:
    """784-40-20-10 on MNIST: sigmoid and ReLU under three initial values, batches of 100, 2,000 steps of SGD at 0.1."""
    images = setting.images()
    epochs, seeds = setting.epochs(4), setting.seeds(3)
    starts: dict[str, Initializer] = {"Gauss 0.01": Normal(0.01), "Xavier": Xavier(), "He": He()}
    kinds: dict[str, Callable[[], Layer]] = {"sigmoid": Sigmoid, "ReLU": ReLU}
    rows, panels, speeds = [], {}, {}
    for kind, make in kinds.items():
        for label, start in starts.items():
            runs, ratio = [], []
            for seed in seeds:
                net = _deep(make, start, seed)
                ratio.append(_first_against_last(net, images.train))
                history = net.fit(*images.train, epochs=epochs, batch_size=100, optimizer=SGD(0.1), verbose=0,
                                  validation_data=images.test)  # fmt: skip
                runs.append([100 * a for a in history["validation_accuracy"]])
            rows.append(shown(f"{kind}, {label}: right on the test images", [run[-1] for run in runs],
                              f"‖δ‖ of the first layer / of the last: {np.mean(ratio):.1e}"))  # fmt: skip
            panels[f"{kind}, {label}"] = runs[0]
            speeds[f"{kind}, {label}"] = (min(run[-1] for run in runs), max(run[-1] for run in runs))
    dead = speeds["sigmoid, Gauss 0.01"][1]
    rows += [
        claim("sigmoid with Gauss 0.01 does not learn", "about 11 %", f"{dead:.2f} % at most", dead < 20, setting),
        claim("ReLU with He learns", "learns", f"{speeds['ReLU, He'][0]:.2f} %", speeds["ReLU, He"][0] > 90, setting),
    ]
    return Result(rows, seeds, curves({"right on the test images, %": panels}))


def _deep(make: Callable[[], Layer], start: Initializer, seed: int) -> Network:
    layers = [Affine(40, start), make(), Affine(20, start), make(), Affine(10, start)]
    return Network(layers, SoftmaxCrossEntropy(), input_shape=784, seed=seed)


def _first_against_last(net: Network, part: Any) -> float:
    """How much slower the first layer starts to learn than the last: the ratio of the bias gradients' lengths."""
    _, gradients = net.gradient(part[0][:1000], part[1][:1000])
    return float(np.linalg.norm(gradients["0.b"]) / np.linalg.norm(gradients["4.b"]))


EXPERIMENTS = (
    Experiment("notebooks-forward", "Forward pass of one layer", SOURCE, forward_pass),
    Experiment("notebooks-backward", "Backward pass of a classifier", SOURCE, backward_pass),
    Experiment("notebooks-regression", "y = 3 x₀ + 2 x₁", SOURCE, regression),
    Experiment("notebooks-mixed-up", "The mixed-up derivative", SOURCE, mixed_up_derivative),
    Experiment("notebooks-vanishing", "Vanishing gradients", SOURCE, vanishing_gradients),
)
