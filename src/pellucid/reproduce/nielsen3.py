"""Nielsen, Neural Networks and Deep Learning, chapter 3: cross-entropy, regularisation, initial weights, learning rate.

network2.py's λ stands in C + λ/2n Σ w²: a weight decay of λ/n, with n the number of training images.
"""

from itertools import pairwise
from typing import Any

from pellucid.initializers import Initializer, LeCun, Normal
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import SigmoidCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import SGD
from pellucid.reproduce.experiment import Experiment, Result, claim, compare, shown
from pellucid.reproduce.pictures import curves
from pellucid.reproduce.setting import Part, Setting
from pellucid.training import EarlyStopping, History

SOURCE = "Nielsen, ch. 3"
LARGE = Normal(1.0)
"""network2's large_weight_initializer; its default is LeCun(): 1/√n."""


def cross_entropy_network(hidden: int, seed: int, weights: Initializer = LARGE) -> Network:
    """Returns network2.py's network: sigmoids with the cross-entropy cost, biases from the normal distribution."""
    layers = [Affine(hidden, weights, Normal(1.0)), Sigmoid(), Affine(10, weights, Normal(1.0))]
    return Network(layers, SigmoidCrossEntropy(), input_shape=784, seed=seed)


def train(
    net: Network, part: Part, judged: Part, epochs: int, learning_rate: float, lmbda: float = 0.0, **more: Any
) -> History:
    """Trains in batches of 10 with the book's λ, and judges each epoch by another part."""
    rule = SGD(learning_rate, weight_decay=lmbda / len(part[0]))
    return net.fit(*part, epochs=epochs, batch_size=10, optimizer=rule, validation_data=judged, verbose=0, **more)


def percent(history: History, metric: str = "validation_accuracy") -> list[float]:
    """Returns an accuracy of each epoch in percent."""
    return [100 * share for share in history[metric]]


def cross_entropy(setting: Setting) -> Result:
    """Cross-entropy with 30 and 100 hidden units, learning rate 0.5, no regularisation."""
    seeds, images, epochs = setting.seeds(3), setting.images(), setting.epochs(30)
    rows, panels = [], {}
    for hidden, published in ((30, 95.49), (100, 96.82)):
        runs = {
            f"seed {s}": percent(train(cross_entropy_network(hidden, s), images.train, images.test, epochs, 0.5))
            for s in seeds
        }
        best = [max(run) for run in runs.values()]
        rows.append(compare(f"cross-entropy, {hidden} hidden, best epoch", published, best, setting))
        panels[f"{hidden} hidden: right on the test images, %"] = runs
    return Result(rows, seeds, curves(panels))


def weight_decay(setting: Setting) -> Result:
    """L2 regularisation with λ = 5 on all 50,000 images."""
    seeds, images = setting.seeds(3), setting.images()
    plans = (
        ("30 hidden, λ = 5, 30 epochs", 30, 0.5, 30, images.test, 96.49),
        ("100 hidden, λ = 5, 30 epochs (validation part)", 100, 0.5, 30, images.validation, 97.92),
        ("100 hidden, λ = 5, η = 0.1, 60 epochs (validation part)", 100, 0.1, 60, images.validation, 98.04),
    )
    rows, panels = [], {}
    for what, hidden, rate, epochs, judged, published in plans:
        runs = {
            f"seed {s}": percent(
                train(cross_entropy_network(hidden, s), images.train, judged, setting.epochs(epochs), rate, 5.0)
            )
            for s in seeds
        }
        rows.append(compare(f"{what}, best epoch", published, [max(run) for run in runs.values()], setting))
        panels[what.replace(" (validation part)", "")] = runs
    return Result(rows, seeds, curves(panels))


def overfitting(setting: Setting) -> Result:
    """1,000 training images for 400 epochs: all of them learnt by heart; λ = 0.1 helps."""
    seeds, images = setting.seeds(3), setting.images()
    few = images.train[0][:1000], images.train[1][:1000]
    found = {
        lmbda: [train(cross_entropy_network(30, s), few, images.test, setting.epochs(400), 0.5, lmbda) for s in seeds]
        for lmbda in (0.0, 0.1)
    }
    plain, decayed = found[0.0], found[0.1]
    least_cost = [int(h.best("validation_loss").epoch) for h in plain]
    train_right = [percent(h, "accuracy")[-1] for h in plain]
    rows = [
        compare("1,000 images, best epoch", 82.27, [max(percent(h)) for h in plain], setting),
        compare("1,000 images, λ = 0.1, best epoch", 87.1, [max(percent(h)) for h in decayed], setting),
        claim("right on the training images", "100 %", f"{min(train_right):.2f} %", min(train_right) > 99.9, setting),
        claim(
            "the test cost is least about epoch 15, then grows",
            "15",
            f"{min(least_cost)} to {max(least_cost)}",
            max(least_cost) < 60,
            setting,
        ),
    ]
    right = {f"λ = {lmbda:g}": percent(histories[0]) for lmbda, histories in found.items()}
    cost = {f"λ = {lmbda:g}": histories[0]["validation_loss"] for lmbda, histories in found.items()}
    return Result(rows, seeds, curves({"right on the test images, %": right, "cost on the test images": cost}))


def initial_weights(setting: Setting) -> Result:
    """Weights from N(0, 1) against N(0, 1/n), judged on the validation part."""
    seeds, images, epochs = setting.seeds(3), setting.images(), setting.epochs(30)
    rows, panels = [], {}
    for hidden in (30, 100):
        runs = {
            label: [
                percent(train(cross_entropy_network(hidden, s, w), images.train, images.validation, epochs, 0.1, 5.0))
                for s in seeds
            ]
            for label, w in (("N(0, 1)", LARGE), ("N(0, 1/n)", LeCun()))
        }
        if hidden == 30:
            first = {label: [run[0] for run in found] for label, found in runs.items()}
            rows.append(compare("N(0, 1), 30 hidden, first epoch", 87.0, first["N(0, 1)"], setting, "read: under 87"))
            rows.append(compare("N(0, 1/n), first epoch", 93.0, first["N(0, 1/n)"], setting, "read: almost 93"))
        apart = max(max(run) for run in runs["N(0, 1/n)"]) - max(max(run) for run in runs["N(0, 1)"])
        same, told = ("the same", abs(apart) < 0.5) if hidden == 30 else ("1/√n is better", apart > 0)
        rows.append(claim(f"{hidden} hidden, in the end", same, f"{apart:+.2f} % with 1/√n", told, setting))
        panels[f"{hidden} hidden: right on the validation images, %"] = {k: found[0] for k, found in runs.items()}
    return Result(rows, seeds, curves(panels))


def early_stopping(setting: Setting) -> Result:
    """No improvement in ten epochs, as the exercise asks; the best parameters come back."""
    seeds, images = setting.seeds(3), setting.images()
    right, lasted, runs = [], [], {}
    for seed in seeds:
        net = cross_entropy_network(30, seed, LeCun())
        stop = EarlyStopping("validation_accuracy", patience=10)
        history = train(net, images.train, images.validation, setting.epochs(200), 0.5, 5.0, callbacks=[stop])
        right.append(100 * net.evaluate(*images.test)["accuracy"])
        lasted.append(float(len(history.epochs)))
        runs[f"seed {seed}"] = percent(history)
    rows = [
        shown("30 hidden, λ = 5, none better in ten: epochs run", lasted, unit=""),
        shown("on the test images, with the best epoch's weights", right),
    ]
    return Result(rows, seeds, curves({"right on the validation images, %": runs}))


def learning_rates(setting: Setting) -> Result:
    """The cost on the training images with learning rates 0.025, 0.25 and 2.5."""
    images, epochs = setting.images(), setting.epochs(30)
    cost = {}
    for rate in (0.025, 0.25, 2.5):
        net = cross_entropy_network(30, 0, LeCun())
        cost[rate] = train(net, images.train, images.train, epochs, rate, 5.0)["validation_loss"]
    ups = {rate: sum(b > a for a, b in pairwise(values)) for rate, values in cost.items()}
    rows = [
        claim("0.025 falls smoothly", "to the last epoch", f"rises {ups[0.025]} times of {epochs - 1}",
              ups[0.025] < 5, setting),
        claim("0.25 is lower in the end", "lower", f"{cost[0.25][-1]:.3f}, 0.025: {cost[0.025][-1]:.3f}",
              cost[0.25][-1] < cost[0.025][-1], setting),
        claim("2.5 swings from the start", "oscillates", f"rises {ups[2.5]} times, ends at {cost[2.5][-1]:.3f}",
              ups[2.5] > ups[0.025] and cost[2.5][-1] > cost[0.25][-1], setting),
    ]  # fmt: skip
    return Result(rows, [0], curves({"cost on the training images": {f"η = {r:g}": v for r, v in cost.items()}}))


EXPERIMENTS = (
    Experiment("nielsen3-cross-entropy", "Cross-entropy", SOURCE, cross_entropy),
    Experiment("nielsen3-l2", "L2 regularisation", SOURCE, weight_decay),
    Experiment("nielsen3-overfitting", "Overfitting on 1,000 images", SOURCE, overfitting),
    Experiment("nielsen3-initial-weights", "Initial weights", SOURCE, initial_weights),
    Experiment("nielsen3-early-stopping", "Early stopping", SOURCE, early_stopping),
    Experiment("nielsen3-learning-rates", "Learning rates compared", SOURCE, learning_rates),
)
