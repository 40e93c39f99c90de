"""Nielsen, Neural Networks and Deep Learning, chapter 5: how fast each hidden layer learns, at depth 2, 3 and 4."""

import numpy as np

from pellucid.initializers import LeCun, Normal
from pellucid.layers import Affine, Layer, Sigmoid
from pellucid.losses import SigmoidCrossEntropy
from pellucid.network import Network
from pellucid.reproduce.experiment import Experiment, Result, claim, compare
from pellucid.reproduce.pictures import bars
from pellucid.reproduce.setting import Part, Setting

PUBLISHED = {2: (0.07, 0.31), 3: (0.012, 0.060, 0.283), 4: (0.003, 0.017, 0.070, 0.285)}


def speeds(depth: int, seed: int, part: Part) -> list[float]:
    """Returns ‖∂C/∂b‖ of each hidden layer at the start of training: the gradient of the mean cost."""
    layers: list[Layer] = []
    for _ in range(depth):
        layers += [Affine(30, LeCun(), Normal(1.0)), Sigmoid()]
    layers.append(Affine(10, LeCun(), Normal(1.0)))
    net = Network(layers, SigmoidCrossEntropy(), input_shape=784, seed=seed)
    _, gradients = net.gradient(*part)
    return [float(np.linalg.norm(gradients[f"{2 * layer}.b"])) for layer in range(depth)]


def speed_of_learning(setting: Setting) -> Result:
    """30 units in each hidden layer, 1,000 training images, before the first step."""
    images, seeds = setting.images(), setting.seeds(20)
    few = images.train[0][:1000], images.train[1][:1000]
    rows, panels = [], {}
    for depth, published in PUBLISHED.items():
        found = np.array([speeds(depth, seed, few) for seed in seeds])
        for layer in range(depth):
            what = f"{depth} hidden layers, ‖δ‖ of layer {layer + 1}"
            rows.append(compare(what, published[layer], found[:, layer], setting, unit=""))
        mean = found.mean(axis=0)
        panels[f"{depth} hidden layers"] = {"published": published, "mean here": mean.tolist()}
        slower = float(mean[-1] / mean[0])
        rows.append(
            claim(
                f"{depth} hidden layers: the first learns slower than the last by",
                f"{published[-1] / published[0]:.0f} times",
                f"{slower:.0f} times",
                slower > 1,
                setting,
            )
        )
    return Result(rows, seeds, bars(panels, "hidden layer, from the input", logarithmic=panels))


EXPERIMENTS = (Experiment("nielsen5-speed", "Speed of learning by layer", "Nielsen, ch. 5", speed_of_learning),)
