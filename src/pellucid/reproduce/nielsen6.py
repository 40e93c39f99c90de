"""Nielsen, Neural Networks and Deep Learning, chapter 6: convolution, ReLU, more data, dropout, a vote.

Accuracies are those on the test images at the epoch that is best on the validation images (the last of equals), as
network3.py prints them. Its λ stands in C + λ/2m Σ w² with m the number of batches: a weight decay of λ/m.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.errors import InputError
from pellucid.initializers import Normal, Zeros
from pellucid.layers import Affine, Conv2D, Flatten, Layer, MaxPool2D, ReLU, Sigmoid
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import SGD
from pellucid.reproduce.convolution import IMAGE, books_dropout, pictured
from pellucid.reproduce.experiment import Experiment, Result, claim, compare
from pellucid.reproduce.pictures import curves
from pellucid.reproduce.setting import Part, Setting
from pellucid.training import Callback

SOURCE = "Nielsen, ch. 6"
BATCH = 10


def connected(units: int, activation: Layer) -> list[Layer]:
    """Returns FullyConnectedLayer: weights from N(0, 1/units), by outputs and not by inputs; biases from N(0, 1)."""
    return [Affine(units, Normal(math.sqrt(1 / units)), Normal(1.0)), activation]


def pooled_convolution(channels: int, activation: Layer) -> list[Layer]:
    """Returns ConvPoolLayer: kernels of 5 x 5, the largest of 2 x 2, then the activation."""
    weights = Normal(math.sqrt(4 / (channels * 25)))
    return [Conv2D(channels, 5, weights=weights, bias=Normal(1.0)), MaxPool2D(2), activation]


def readout() -> list[Layer]:
    """Returns SoftmaxLayer: all zeros; the softmax is part of the loss."""
    return [Affine(10, Zeros(), Zeros())]


def shallow() -> list[Layer]:
    """784-100-10."""
    return [Flatten(), *connected(100, Sigmoid()), *readout()]


def one_convolution() -> list[Layer]:
    """20 channels, then 100 units."""
    return [*pooled_convolution(20, Sigmoid()), Flatten(), *connected(100, Sigmoid()), *readout()]


def two_convolutions(activation: Layer, connected_layers: int = 1) -> list[Layer]:
    """20 channels, 40 channels, then layers of 100 units."""
    stack = [*pooled_convolution(20, activation), *pooled_convolution(40, activation), Flatten()]
    for _ in range(connected_layers):
        stack += connected(100, activation)
    return [*stack, *readout()]


def with_dropout() -> list[Layer]:
    """20 channels, 40 channels, two layers of 1,000 ReLUs; half of what each connected layer reads is dropped."""
    stack = [*pooled_convolution(20, ReLU()), *pooled_convolution(40, ReLU()), Flatten()]
    for units in (1000, 1000):
        stack += [*books_dropout(0.5), *connected(units, ReLU())]
    return [*stack, *books_dropout(0.5), *readout()]


class _Judge(Callback):
    """Keeps what the network says of the test images at the best epoch on the validation images."""

    def __init__(self, test: Part) -> None:
        self.test = test
        self.best = -1.0
        self.answers: Any = None

    def on_epoch_end(self, run: Any, epoch: int, logs: Mapping[str, float]) -> None:
        if logs["validation_accuracy"] >= self.best:
            self.best = logs["validation_accuracy"]
            self.answers = run.network.classify(self.test[0])

    @property
    def right(self) -> float:
        """How many of the test images are recognised, in percent."""
        return 100 * float(np.mean(self.answers == self.test[1]))


@dataclass(frozen=True)
class _Run:
    """One training run: right on the validation images by epoch, and the answers to the test images."""

    right: float
    answers: Any
    validation: list[float]

    def values(self, digits: Any) -> dict[str, Any]:
        """Returns the run as plain values; of the answers, those that are wrong."""
        wrong = {str(image): int(self.answers[image]) for image in np.flatnonzero(self.answers != digits)}
        return {"right": self.right, "wrong": wrong, "validation": self.validation}

    @classmethod
    def of(cls, values: Mapping[str, Any], digits: Any) -> "_Run":
        """Returns the run of these values; InputError where they are not those of one."""
        try:
            answers = np.array(digits)
            for image, answer in values["wrong"].items():
                answers[int(image)] = answer
            return cls(float(values["right"]), answers, [float(share) for share in values["validation"]])
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"a part of an experiment is damaged ({error!r}); remove its file, and it runs again."
            ) from None


@dataclass(frozen=True)
class _Plan:
    """A network and how it is trained: images are those of the book, or five times as many, each moved by a pixel."""

    layers: Sequence[Layer]
    epochs: int
    learning_rate: float
    lmbda: float = 0.0
    expanded: bool = field(default=False, kw_only=True)

    def run(self, setting: Setting, seed: int) -> _Run:
        images = setting.images()
        train = pictured(setting.expanded(images.train) if self.expanded else setting.few(images.train))
        rule = SGD(self.learning_rate, weight_decay=self.lmbda * BATCH / len(train[0]))
        net = Network(self.layers, SoftmaxCrossEntropy(), input_shape=IMAGE, seed=seed)
        judge = _Judge(pictured(images.test))
        history = net.fit(
            *train, epochs=setting.epochs(self.epochs), batch_size=BATCH, optimizer=rule, callbacks=[judge],
            validation_data=pictured(images.validation), verbose=0,
        )  # fmt: skip
        return _Run(judge.right, judge.answers, [100 * share for share in history["validation_accuracy"]])

    def run_once(self, name: str, setting: Setting, seed: int) -> _Run:
        """Returns the run; of one that was stopped, the networks that were finished are not trained again."""
        digits = setting.images().test[1]
        return _Run.of(setting.once(f"{name}-seed-{seed}", lambda: self.run(setting, seed).values(digits)), digits)


def _result(what: str, published: float, plan: _Plan, setting: Setting, seeds: range) -> Result:
    runs = {f"seed {seed}": plan.run(setting, seed) for seed in seeds}
    rows = [compare(what, published, [run.right for run in runs.values()], setting)]
    return Result(rows, seeds, _picture(runs))


def _picture(runs: Mapping[str, _Run]) -> Any:
    return curves({"right on the validation images, %": {name: run.validation for name, run in runs.items()}})


def shallow_network(setting: Setting) -> Result:
    """The baseline: one hidden layer of 100, learning rate 0.1, 60 epochs."""
    return _result("100 hidden", 97.80, _Plan(shallow(), 60, 0.1), setting, setting.seeds(3))


def convolution(setting: Setting) -> Result:
    """One convolution with pooling before the 100 units, learning rate 0.1, 60 epochs."""
    plan = _Plan(one_convolution(), 60, 0.1)
    return _result("convolution of 20, then 100", 98.78, plan, setting, setting.seeds(3))


def second_convolution(setting: Setting) -> Result:
    """Two convolutions with pooling, learning rate 0.1, 60 epochs."""
    plan = _Plan(two_convolutions(Sigmoid()), 60, 0.1)
    return _result("convolutions of 20 and 40, then 100", 99.06, plan, setting, setting.seeds(1))


def rectified(setting: Setting) -> Result:
    """ReLU in place of the sigmoid, learning rate 0.03, λ = 0.1, 60 epochs."""
    plan = _Plan(two_convolutions(ReLU()), 60, 0.03, 0.1)
    return _result("two convolutions, ReLU, λ = 0.1", 99.23, plan, setting, setting.seeds(1))


def more_data(setting: Setting) -> Result:
    """The same on 250,000 images: each also moved by one pixel down, up, right and left."""
    plan = _Plan(two_convolutions(ReLU()), 60, 0.03, 0.1, expanded=True)
    return _result("250,000 images, one layer of 100", 99.37, plan, setting, setting.seeds(1))


def another_layer(setting: Setting) -> Result:
    """A second layer of 100 units, on 250,000 images."""
    plan = _Plan(two_convolutions(ReLU(), 2), 60, 0.03, 0.1, expanded=True)
    return _result("250,000 images, two layers of 100", 99.43, plan, setting, setting.seeds(1))


def vote(answers: Iterable[Any]) -> Any:
    """Returns the digit (N,) that most networks say; among equals that of the network which comes first."""
    return np.array([Counter(said).most_common(1)[0][0] for said in np.stack(list(answers), axis=1).tolist()])


def dropout(setting: Setting) -> Result:
    """Two layers of 1,000 with dropout of one half, on 250,000 images, learning rate 0.03, 40 epochs; five of them."""
    seeds, digits = setting.seeds(5), setting.images().test[1]
    plan = _Plan(with_dropout(), 40, 0.03, expanded=True)
    runs = {f"seed {seed}": plan.run_once("nielsen6-dropout", setting, seed) for seed in seeds}
    together = 100 * float(np.mean(vote(run.answers for run in runs.values()) == digits))
    rights = [run.right for run in runs.values()]
    told = f"{together:.2f} %, alone {np.mean(rights):.2f} % on average"
    rows = [
        compare("two layers of 1,000, dropout 0.5", 99.60, rights, setting),
        compare("the vote of five", 99.67, [together], setting),
        claim("the vote is better than one alone", "better", told, together > float(np.mean(rights)), setting),
    ]
    return Result(rows, seeds, _picture(runs))


EXPERIMENTS = (
    Experiment("nielsen6-shallow", "One hidden layer, the baseline", SOURCE, shallow_network),
    Experiment("nielsen6-convolution", "A convolution with pooling", SOURCE, convolution),
    Experiment("nielsen6-two-convolutions", "Two convolutions with pooling", SOURCE, second_convolution),
    Experiment("nielsen6-relu", "ReLU and L2 regularisation", SOURCE, rectified),
    Experiment("nielsen6-expanded", "Five times the images", SOURCE, more_data),
    Experiment("nielsen6-two-layers", "Two connected layers", SOURCE, another_layer),
    Experiment("nielsen6-dropout", "Dropout, and the vote of five", SOURCE, dropout),
)
