"""Deep Learning from Scratch, chapter 6: optimizers, initial values, batch normalisation, overfitting, search."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pellucid import ops, philox
from pellucid.errors import NotFiniteError
from pellucid.initializers import Constant, He, Initializer, Normal, Xavier
from pellucid.layers import Affine, BatchNorm, Dropout, Layer, Mode, Named, Parameter, ReLU, Sigmoid
from pellucid.losses import Loss, SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.ops import Array
from pellucid.optimizers import SGD, AdaGrad, Adam, Momentum, Optimizer
from pellucid.reproduce.experiment import Experiment, Result, claim, compare, shown
from pellucid.reproduce.pictures import bars, curves, histograms, paths, small_curves
from pellucid.reproduce.setting import Part, Setting
from pellucid.training import Callback

SOURCE = "Deep Learning from Scratch, ch. 6"


@final
@dataclass(frozen=True)
class Position(Layer):
    """y = x ⊙ p: with x = 1, a place that the optimizer moves. dx = dy ⊙ p    dp = Σₙ x ⊙ dy"""

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, Parameter]:
        return {"p": Parameter(input_shape, Constant(0.0))}

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return x * p.p, Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * p.p, Named(p=ops.sum_rows(saved.x * dy))


@final
@dataclass(frozen=True)
class Valley(Loss):
    """l = Σₖ ½ t y², dl/dy = t y: with t = (0.1, 2), the book's x²/20 + y²."""

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        return ops.sum_columns(0.5 * (t * y * y)), Named(y=y, t=t)

    def backward(self, saved: Named) -> Array:
        slope: Array = saved.t * saved.y
        return slope


def path(optimizer: Optimizer, steps: int = 30) -> Any:
    """Returns the places (steps + 1, 2) that an optimizer comes by from (-7, 2)."""
    net = Network([Position()], Valley(), input_shape=2, dtype="float64")
    net.parameters["0.p"] = [-7.0, 2.0]
    places = [net.parameters["0.p"].copy()]
    for _ in range(steps):
        net.step(np.ones((1, 2)), np.array([[0.1, 2.0]]), optimizer)
        places.append(net.parameters["0.p"].copy())
    return np.array(places)


def optimizer_paths(setting: Setting) -> Result:
    """30 steps down the long valley x²/20 + y² from (-7, 2)."""
    rules = {"SGD": SGD(0.95), "Momentum": Momentum(0.1), "AdaGrad": AdaGrad(1.5), "Adam": Adam(0.3)}
    found = {name: path(rule) for name, rule in rules.items()}
    turns = {name: int((np.diff(np.sign(places[:, 1])) != 0).sum()) for name, places in found.items()}
    left = {name: float(np.hypot(*places[-1])) for name, places in found.items()}
    told = ", ".join(f"{name} {value:.2g}" for name, value in left.items())
    rows = [
        claim("SGD zigzags: crossings of y = 0", "all the way", f"{turns['SGD']} of 30", turns["SGD"] >= 28, setting),
        claim("the others cross less often", "less", ", ".join(f"{n} {turns[n]}" for n in turns if n != "SGD"),
              max(turns[n] for n in turns if n != "SGD") < turns["SGD"], setting),
        claim("AdaGrad comes nearest to the minimum", "efficient", told, min(left, key=left.__getitem__) == "AdaGrad",
              setting),
    ]  # fmt: skip
    return Result(rows, (), paths(found, lambda x, y: x * x / 20 + y * y))


class _Losses(Callback):
    """Keeps the mean loss of the epoch so far after every so many batches."""

    def __init__(self, interval: int) -> None:
        self.batch_interval = interval
        self.values: list[float] = []

    def on_batch_end(self, run: Any, batch: int, logs: Mapping[str, float]) -> None:
        self.values.append(logs["loss"])


def deep_network(hidden: int, weights: Initializer, seed: int, rate: float = 0.0) -> Network:
    """Returns MultiLayerNet: so many hidden layers of 100 ReLUs, with dropout after each where `rate` is above 0."""
    stack: list[Layer] = []
    for _ in range(hidden):
        stack += [Affine(100, weights), ReLU(), *([Dropout(rate)] if rate else [])]
    stack.append(Affine(10, weights))
    return Network(stack, SoftmaxCrossEntropy(), input_shape=784, seed=seed)


def losses_of(net: Network, part: Part, optimizer: Optimizer, steps: int) -> list[float]:
    """Returns the mean loss of the epoch so far every 20 steps; batches of 128 for so many steps."""
    per_epoch = -(-len(part[0]) // 128)
    keeper = _Losses(20)
    net.fit(*part, epochs=max(1, round(steps / per_epoch)), batch_size=128, optimizer=optimizer, verbose=0,
            callbacks=[keeper])  # fmt: skip
    return keeper.values


def optimizer_comparison(setting: Setting) -> Result:
    """SGD, Momentum, AdaGrad and Adam on four hidden layers of 100: four epochs, for the book's 2,000 steps."""
    part = setting.images().book_train
    rules: dict[str, Optimizer] = {
        "SGD": SGD(0.01), "Momentum": Momentum(0.01), "AdaGrad": AdaGrad(0.01), "Adam": Adam(0.001)
    }  # fmt: skip
    steps = setting.epochs(2000)
    runs = {name: losses_of(deep_network(4, He(), 0), part, rule, steps) for name, rule in rules.items()}
    last = {name: values[-1] for name, values in runs.items()}
    slowest = max(last, key=lambda name: last[name])
    told = ", ".join(f"{name} {value:.3f}" for name, value in last.items())
    row = claim("loss after four epochs: SGD learns slowest", "SGD", f"{slowest}: {told}", slowest == "SGD", setting)
    return Result([row], [0], curves({"mean loss of the epoch so far": runs}, "20 steps", log=True))


def activations(activation: Layer, weights: Initializer, seed: int = 0) -> list[Any]:
    """Returns the outputs (1000, 100) of five layers of 100 for normal inputs."""
    net = Network([layer for _ in range(5) for layer in (Affine(100, weights), activation)], input_shape=100, seed=seed)
    found, x = [], philox.normal(seed, philox.DATA, 7, (1000, 100)).astype(np.float32)
    for depth in range(1, 6):
        part = Network(net.layers[: 2 * depth], input_shape=100, seed=seed)
        found.append(part.predict(x))
    return found


def activation_histograms(setting: Setting) -> Result:
    """How the activations of five layers spread under different initial weights."""
    sigmoid = {
        "σ, std 1": activations(Sigmoid(), Normal(1.0)),
        "σ, std 0.01": activations(Sigmoid(), Normal(0.01)),
        "σ, Xavier": activations(Sigmoid(), Xavier()),
    }
    relu = {
        "ReLU, std 0.01": activations(ReLU(), Normal(0.01)),
        "ReLU, Xavier": activations(ReLU(), Xavier()),
        "ReLU, He": activations(ReLU(), He()),
    }
    extreme = float(np.mean(np.abs(sigmoid["σ, std 1"][-1] - 0.5) > 0.4))
    narrow, spread = float(np.std(sigmoid["σ, std 0.01"][-1])), float(np.std(sigmoid["σ, Xavier"][-1]))
    kept = {name: float(np.std(found[-1]) / np.std(found[0])) for name, found in relu.items()}
    told = ", ".join(f"{name[6:]} {value:.2g}" for name, value in kept.items())
    rows = [
        claim("σ, std 1: outputs near 0 and 1", "most", f"{100 * extreme:.0f} % below 0.1 or above 0.9", extreme > 0.5,
              setting),
        claim("σ, std 0.01: all about 0.5", "all alike", f"std {narrow:.3f}", narrow < 0.02, setting),
        claim("σ, Xavier: spread wider", "wider", f"std {spread:.3f}", spread > 3 * narrow, setting),
        claim("ReLU: spread of layer 5 against layer 1", "0.01 gone, He kept", told,
              kept["ReLU, std 0.01"] < 0.01 < 0.5 < kept["ReLU, He"], setting),
    ]  # fmt: skip
    shapes = {name: [np.clip(layer, 0, 1) for layer in found] for name, found in (sigmoid | relu).items()}
    return Result(rows, [0], histograms(shapes, (0.0, 1.0)))


def initial_values(setting: Setting) -> Result:
    """0.01 sigma, Xavier and He on four hidden layers of 100 ReLUs, SGD with 0.01, four epochs."""
    part, steps = setting.images().book_train, setting.epochs(2000)
    starts: dict[str, Initializer] = {"std 0.01": Normal(0.01), "Xavier": Xavier(), "He": He()}
    runs = {name: losses_of(deep_network(4, start, 0), part, SGD(0.01), steps) for name, start in starts.items()}
    last = {name: values[-1] for name, values in runs.items()}
    rows = [
        claim("std 0.01 does not learn", "2.3", f"{last['std 0.01']:.3f}", last["std 0.01"] > 2.29, setting),
        claim("He is ahead of Xavier", "lower", f"{last['He']:.3f}, Xavier {last['Xavier']:.3f}",
              last["He"] < last["Xavier"], setting),
    ]  # fmt: skip
    return Result(rows, [0], curves({"mean loss of the epoch so far": runs}, "20 steps"))


class _Right(Callback):
    """Keeps the percentage right of some images after each epoch, as in prediction: without dropout."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.values: list[float] = []

    def on_epoch_end(self, run: Any, epoch: int, logs: Mapping[str, float]) -> None:
        self.values.append(100 * run.network.evaluate(*self.part)["accuracy"])


def normalised_network(hidden: int, weights: Initializer, seed: int) -> Network:
    """Returns MultiLayerNetExtend: as deep_network, with batch normalisation (the book's epsilon) before each ReLU."""
    stack: list[Layer] = []
    for _ in range(hidden):
        stack += [Affine(100, weights), BatchNorm(epsilon=10e-7), ReLU()]
    stack.append(Affine(10, weights))
    return Network(stack, SoftmaxCrossEntropy(), input_shape=784, seed=seed)


def _learning(net: Network, part: Part, epochs: int) -> list[float]:
    """Returns the percentage right of the training images after each epoch, up to one that is not finite."""
    judge = _Right(part)
    with contextlib.suppress(NotFiniteError):
        net.fit(*part, epochs=epochs, batch_size=100, optimizer=SGD(0.01), verbose=0, callbacks=[judge])
    return judge.values


def batch_normalisation(setting: Setting) -> Result:
    """Five layers of 100 on 1,000 images for 20 epochs, with 16 initial deviations from 1 to 0.0001.

    A network has learnt where it recognises more than half of the training images in the end.
    """
    (x, digits), epochs = setting.few(setting.images().train), setting.epochs(20)
    part = x[:1000], digits[:1000]
    found = {}
    for deviation in np.logspace(0, -4, num=16).tolist():
        weights = Normal(deviation)
        found[f"std {deviation:.2g}"] = {
            "with": _learning(normalised_network(5, weights, 0), part, epochs),
            "without": _learning(deep_network(5, weights, 0), part, epochs),
        }
    last = {kind: [runs[kind][-1] if len(runs[kind]) == epochs else 0.0 for runs in found.values()]
            for kind in ("with", "without")}  # fmt: skip
    learnt = {kind: sum(right > 50 for right in rights) for kind, rights in last.items()}
    ahead = sum(a > b for a, b in zip(last["with"], last["without"], strict=True))
    rows = [
        claim("initial deviations, of 16, with which it learns", "nearly all; without, few",
              f"{learnt['with']} with, {learnt['without']} without", learnt["with"] > 2 * learnt["without"], setting,
              "more than half of the training images right after 20 epochs"),
        claim("ahead with batch normalisation", "almost always", f"{ahead} of 16", ahead >= 12, setting),
    ]  # fmt: skip
    return Result(rows, [0], small_curves(found, 4, (0.0, 100.0)))


def batch_norm_gradient_check(setting: Setting) -> Result:
    """Backpropagation through batch normalisation, each row of which depends on all: batches of 2 and 100 images."""
    images = setting.images()
    rows, panels = [], {}
    for count in (2, setting.epochs(100)):
        net = normalised_network(2, He(), 0)
        report = net.check_gradients(images.train[0][:count], images.train[1][:count])
        rows.append(
            claim(f"batch of {count}: largest relative error, float64", "small", f"{report.worst.error:.1e}", report.ok,
                  setting, f"{len(report.rows)} gradients; 1e-6 is taken for wrong")
        )  # fmt: skip
        panels[f"batch of {count}"] = {"relative error": [row.error for row in report.rows.values()]}
    return Result(rows, [0], bars(panels, "gradient", logarithmic=panels))


def _few_images(setting: Setting, net: Network, optimizer: Optimizer, epochs: int) -> dict[str, list[float]]:
    images = setting.images()
    few = images.train[0][:300], images.train[1][:300]
    judge = _Right(few)
    history = net.fit(*few, epochs=epochs, batch_size=100, optimizer=optimizer, validation_data=images.test, verbose=0,
                      callbacks=[judge])  # fmt: skip
    return {
        "training": judge.values,
        "test": [100 * a for a in history["validation_accuracy"]],
    }


def overfitting(setting: Setting) -> Result:
    """Seven layers, 300 images: nothing, weight decay 0.1, or dropout 0.2."""
    epochs = setting.epochs(200)
    found = {
        "nothing": _few_images(setting, deep_network(6, He(), 0), SGD(0.01), epochs),
        "weight decay 0.1": _few_images(setting, deep_network(6, He(), 0), SGD(0.01, weight_decay=0.1), epochs),
        "dropout 0.2": _few_images(setting, deep_network(6, He(), 0, 0.2), SGD(0.01), setting.epochs(300)),
    }
    gap = {name: runs["training"][-1] - runs["test"][-1] for name, runs in found.items()}
    plain = found["nothing"]
    rows = [
        compare("nothing: right on the training images", 100.0, [plain["training"][-1]], setting),
        shown("nothing: right on the test images", [plain["test"][-1]]),
    ]
    for name in ("weight decay 0.1", "dropout 0.2"):
        told = f"{gap[name]:.1f} against {gap['nothing']:.1f}"
        rows.append(claim(f"{name}: gap of training to test, %", "smaller", told, gap[name] < gap["nothing"], setting))
        trained = found[name]["training"][-1]
        rows.append(claim(f"{name}: training images not all learnt", "below 100 %", f"{trained:.2f} %", trained < 100,
                          setting))  # fmt: skip
    return Result(rows, [0], curves(found))


@dataclass(frozen=True)
class _Trial:
    """One draw of a random search, and how it went on the validation images."""

    rate: float
    decay: float
    right: list[float]


def _search(part: Part, seed: int, trials: int, epochs: int) -> list[_Trial]:
    """Returns the trials of one search, best first: 100 of the 500 images, drawn by the seed, judge."""
    order = philox.permutation(seed, philox.DATA, 12, 500)
    judges, rest = order[:100], order[100:]
    found = []
    for trial, (first, second) in enumerate(philox.uniform(seed, philox.DATA, 11, (trials, 2)).tolist()):
        rate, decay = 10 ** (-6 + 4 * first), 10 ** (-8 + 4 * second)
        history = deep_network(6, He(), 1000 * seed + trial).fit(
            part[0][rest],
            part[1][rest],
            epochs=epochs,
            batch_size=100,
            optimizer=SGD(rate, weight_decay=decay),
            validation_data=(part[0][judges], part[1][judges]),
            verbose=0,
        )
        found.append(_Trial(rate, decay, [100 * share for share in history["validation_accuracy"]]))
    return sorted(found, key=lambda one: -one.right[-1])


def random_search(setting: Setting) -> Result:
    """100 trials of learning rate 10^[-6, -2] and weight decay 10^[-8, -4] on 500 images; searched five times."""
    part, seeds = setting.images().train, setting.seeds(5)
    found = [_search(part, seed, setting.epochs(100), setting.epochs(50)) for seed in seeds]
    rates = [trial.rate for search in found for trial in search[:5]]
    note = "100 images judge: one standard deviation of chance alone is 4 %"
    rows = [
        compare("best of 100 trials, validation", 83.0, [search[0].right[-1] for search in found], setting, note),
        claim("learning rates of the five best", "0.001 to 0.01", f"{min(rates):.4f} to {max(rates):.4f}",
              min(rates) > 0.001, setting),
    ]  # fmt: skip
    runs = {f"η {trial.rate:.4f}": trial.right for trial in found[0][:5]}
    return Result(rows, seeds, curves({"right on the validation images, %: the five best trials": runs}))


EXPERIMENTS = (
    Experiment("book6-optimizer-paths", "Optimizers on x²/20 + y²", SOURCE, optimizer_paths),
    Experiment("book6-optimizers", "Optimizers on MNIST", SOURCE, optimizer_comparison),
    Experiment("book6-activations", "Histograms of activations", SOURCE, activation_histograms),
    Experiment("book6-initial-values", "Initial values on MNIST", SOURCE, initial_values),
    Experiment("book6-batch-normalisation", "Batch normalisation", SOURCE, batch_normalisation),
    Experiment("book6-batch-norm-gradients", "Gradients of batch normalisation", SOURCE, batch_norm_gradient_check),
    Experiment("book6-overfitting", "Weight decay and dropout on 300 images", SOURCE, overfitting),
    Experiment("book6-random-search", "Random search of 100 trials", SOURCE, random_search),
)
