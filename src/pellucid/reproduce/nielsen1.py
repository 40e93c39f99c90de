"""Nielsen, Neural Networks and Deep Learning, chapter 1: sigmoid networks by stochastic gradient descent on MNIST."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.initializers import Initializer, LeCun, Normal
from pellucid.layers import Affine, Layer, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.network import Network
from pellucid.optimizers import SGD
from pellucid.reproduce.experiment import DIFFERS, SHOWN, Experiment, Result, Row, claim, compare, shown
from pellucid.reproduce.pictures import bars, curves
from pellucid.reproduce.setting import Images, Setting

SOURCE = "Nielsen, ch. 1"
STUCK = 93.0
"""A run whose best epoch stays below this has lost at least one digit."""


def sigmoid_network(
    hidden: Sequence[int], seed: int, weights: Initializer | None = None, bias: Initializer | None = None
) -> Network:
    """Returns network.py's network: sigmoids, half the squared distance, everything from the normal distribution."""
    start = {"weights": weights or Normal(1.0), "bias": bias or Normal(1.0)}
    layers: list[Layer] = []
    for units in (*hidden, 10):
        layers += [Affine(units, **start), Sigmoid()]
    return Network(layers, MeanSquaredError(), input_shape=784, seed=seed)


def train(net: Network, images: Images, epochs: int, learning_rate: float) -> list[float]:
    """Trains in batches of 10 and returns the percentage right on the test images after each epoch."""
    history = net.fit(
        *images.train,
        epochs=epochs,
        batch_size=10,
        optimizer=SGD(learning_rate),
        validation_data=images.test,
        verbose=0,
    )
    return [100 * share for share in history["validation_accuracy"]]


def thirty_hidden(setting: Setting) -> Result:
    """784-30-10, 30 epochs, learning rate 3."""
    seeds, images = setting.seeds(5), setting.images()
    runs = {f"seed {s}": train(sigmoid_network([30], s), images, setting.epochs(30), 3.0) for s in seeds}
    best = [max(run) for run in runs.values()]
    rows = [
        compare("30 hidden, best of 30 epochs", 95.42, best, setting),
        compare("30 hidden, best of 30 epochs, the text's own run", 95.30, best, setting),
        compare("30 hidden, after the first epoch", 91.29, [run[0] for run in runs.values()], setting),
    ]
    return Result(rows, seeds, curves({"right on the test images, %": runs}))


@functools.lru_cache(maxsize=2)
def _hundred_hidden(setting: Setting) -> dict[int, tuple[Network, list[float]]]:
    """The runs with 100 hidden units, which two experiments look at."""
    images = setting.images()
    found = {}
    for seed in setting.seeds(8):
        net = sigmoid_network([100], seed)
        found[seed] = net, train(net, images, setting.epochs(30), 3.0)
    return found


def hundred_hidden(setting: Setting) -> Result:
    """784-100-10, 30 epochs, learning rate 3."""
    runs = {f"seed {seed}": run for seed, (_, run) in _hundred_hidden(setting).items()}
    best = [max(run) for run in runs.values()]
    learnt = [value for value in best if value > STUCK] or best
    stuck = [value for value in best if value <= STUCK]
    note = "of the runs that lost no digit; see nielsen1-stuck for the others"
    rows = [compare("100 hidden, best of 30 epochs", 96.59, learnt, setting, note)]
    if stuck:
        what = f"100 hidden, {len(stuck)} of {len(best)} runs stuck, as the text's own"
        rows.append(replace(shown(what, stuck, "about 9 or 10 less for each digit that is lost"), published="87.54 %"))
    return Result(rows, setting.seeds(8), curves({"right on the test images, %": runs}))


def stuck(setting: Setting) -> Result:
    """Why a run stays at 87.5: output units that are saturated from the first epoch on, for every image."""
    images = setting.images()
    runs = _hundred_hidden(setting)
    # Of the runs that lost a digit, if any, the one that is most like the text's own.
    seed = min(runs, key=lambda s: (max(runs[s][1]) > STUCK, abs(max(runs[s][1]) - 87.54)))
    net, run = runs[seed]
    recall, slope = _outputs(net, images)
    lost = [digit for digit in range(10) if recall[digit] < 50]
    mended = {s: train(sigmoid_network([100], s, LeCun()), images, setting.epochs(30), 3.0) for s in runs}
    best = [max(values) for values in mended.values()]
    dead = ", ".join(f"{digit} (mean σ′(u) {slope[digit]:.0e})" for digit in lost) or "none"
    alive = np.median([slope[digit] for digit in range(10) if digit not in lost] or [0.0])
    rows = [
        Row(
            "the run most like it, best epoch", "87.54 %", f"{max(run):.2f} % (seed {seed})", SHOWN if lost else DIFFERS
        ),
        Row("its output units that say no to their own digit", "not said", f"{dead}; others {alive:.0e}", SHOWN),
        claim("with weights of 1/√n: no run stuck", "mended", f"{min(best):.2f} % at least", min(best) > 93, setting),
    ]
    fresh_recall, fresh_slope = _outputs(_mended_net(seed, images, setting), images)
    picture = bars(
        {
            "right of each digit, %": {"N(0, 1)": recall.tolist(), "N(0, 1/n)": fresh_recall.tolist()},
            "mean slope σ′(u) on its own digit": {"N(0, 1)": slope.tolist(), "N(0, 1/n)": fresh_slope.tolist()},
        },
        "output unit",
        logarithmic=("mean slope σ′(u) on its own digit",),
    )
    return Result(rows, list(runs), picture)


def _mended_net(seed: int, images: Images, setting: Setting) -> Network:
    net = sigmoid_network([100], seed, LeCun())
    train(net, images, min(setting.epochs(30), 3), 3.0)
    return net


def _outputs(net: Network, images: Images) -> tuple[Any, Any]:
    """Per output unit, on the test images of its own digit: the percentage right, and the mean of σ′(u) = y (1 − y)."""
    x, t = images.test
    y = net.predict(x).astype(np.float64)
    said = np.argmax(y, axis=1)
    recall = np.array([100 * np.mean(said[t == digit] == digit) for digit in range(10)])
    slope = np.array([np.mean((y * (1 - y))[t == digit, digit]) for digit in range(10)])
    return recall, slope


def no_hidden_layer(setting: Setting) -> Result:
    """784-10: the exercise that leaves out the hidden layer."""
    seeds, images = setting.seeds(3), setting.images()
    runs = {f"seed {s}": train(sigmoid_network([], s), images, setting.epochs(30), 3.0) for s in seeds}
    mended = {f"seed {s}": train(sigmoid_network([], s, LeCun()), images, setting.epochs(30), 3.0) for s in seeds}
    rows = [
        shown("no hidden layer, best of 30 epochs", [max(run) for run in runs.values()], "an exercise of the book"),
        shown(
            "no hidden layer, weights of 1/√n", [max(run) for run in mended.values()], "no digit is lost at the start"
        ),
    ]
    return Result(rows, seeds, curves({"N(0, 1): right on the test images, %": runs, "N(0, 1/n)": mended}))


def learning_rates(setting: Setting) -> Result:
    """Too small and too large a learning rate."""
    seeds, images = setting.seeds(5), setting.images()
    small = {f"seed {s}": train(sigmoid_network([100], s), images, setting.epochs(30), 0.001) for s in seeds}
    large = {f"seed {s}": train(sigmoid_network([30], s), images, setting.epochs(30), 100.0) for s in seeds}
    rows = [
        compare("100 hidden, learning rate 0.001, last epoch", 21.42, [run[-1] for run in small.values()], setting),
        compare("30 hidden, learning rate 100, last epoch", 9.82, [run[-1] for run in large.values()], setting),
    ]
    return Result(rows, seeds, curves({"learning rate 0.001, % right": small, "learning rate 100, % right": large}))


def darkness(setting: Setting) -> Result:
    """The baseline that guesses the digit whose mean darkness is nearest."""
    images = setting.images()
    x, t = images.train
    dark = x.sum(axis=1, dtype=np.float64)
    means = np.array([dark[t == digit].mean() for digit in range(10)])
    said = np.abs(images.test[0].sum(axis=1, dtype=np.float64)[:, None] - means).argmin(axis=1)
    right = 100 * float(np.mean(said == images.test[1]))
    row = compare("guess by mean darkness", 22.25, [right], setting)
    return Result([row], (), bars({"mean darkness of each digit": {"training images": means.tolist()}}, "digit"))


def svm(setting: Setting) -> Result:
    """The support vector machine of scikit-learn, as it comes and with two settings chosen."""
    from sklearn.svm import SVC

    images = setting.images()
    right = []
    # gamma="auto" is 1 / features: what scikit-learn did by default when the book was written.
    for machine in (SVC(gamma="auto", cache_size=1000), SVC(C=5, gamma=0.05, cache_size=1000)):
        machine.fit(*images.train)
        right.append(100 * float(machine.score(*images.test)))
    rows = [
        compare("SVM as it came (C=1, gamma=1/784)", 94.35, right[:1], setting),
        compare("SVM with C=5, gamma=0.05", 98.50, right[1:], setting, "the book names no settings"),
    ]
    told = {"published": [94.35, 98.5], "measured": right}
    return Result(rows, (), bars({"right on the test images, %": told}, "as it came, and with settings chosen"))


EXPERIMENTS = (
    Experiment("nielsen1-30-hidden", "30 hidden units", SOURCE, thirty_hidden),
    Experiment("nielsen1-100-hidden", "100 hidden units", SOURCE, hundred_hidden),
    Experiment("nielsen1-stuck", "Why the text's own run stays at 87.5 %", SOURCE, stuck),
    Experiment("nielsen1-no-hidden", "No hidden layer", SOURCE, no_hidden_layer),
    Experiment("nielsen1-learning-rates", "Learning rates 0.001 and 100", SOURCE, learning_rates),
    Experiment("nielsen1-darkness", "Mean darkness", SOURCE, darkness),
    Experiment("nielsen1-svm", "Support vector machines", SOURCE, svm, needs="sklearn"),
)
