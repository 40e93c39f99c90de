"""Deep Learning from Scratch, chapter 8: DeepConvNet, its mistakes, and numbers of half the size."""

from typing import Any

import numpy as np

from pellucid.layers import Affine, Conv2D, Flatten, Layer, MaxPool2D, ReLU
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import Adam
from pellucid.reproduce.convolution import IMAGE, books_dropout, mistakes, pictured
from pellucid.reproduce.experiment import Experiment, Result, claim, compare
from pellucid.reproduce.pictures import tiles
from pellucid.reproduce.setting import Setting

SOURCE = "Deep Learning from Scratch, ch. 8"
PAIRS = ((16, 1, 1), (32, 1, 2), (64, 1, 1))
"""Channels and paddings of two convolutions, after which the largest of 2 x 2 is taken."""


def deep_conv_net(seed: int) -> Network:
    """Returns DeepConvNet: six convolutions of 3 x 3, 50 ReLUs, 10; He's initial weights, dropout 0.5 twice."""
    layers: list[Layer] = []
    for channels, *paddings in PAIRS:
        for padding in paddings:
            layers += [Conv2D(channels, 3, padding=padding), ReLU()]
        layers.append(MaxPool2D(2))
    layers += [Flatten(), Affine(50), ReLU(), *books_dropout(0.5), Affine(10), *books_dropout(0.5)]
    return Network(layers, SoftmaxCrossEntropy(), input_shape=IMAGE, seed=seed)


def in_half(values: Any) -> Any:
    """Returns numbers rounded to 16 bits, kept in 32."""
    return values.astype(np.float16).astype(np.float32)


def predict_in_half(net: Network, x: Any) -> Any:
    """Returns the outputs where parameters, input and the output of every layer are rounded to half floats."""
    x = in_half(x)
    for index, layer in enumerate(net.layers):
        alone = Network([layer], input_shape=x.shape[1:])
        for name in alone.parameters:
            alone.parameters[name] = in_half(net.parameters[f"{index}.{name.removeprefix('0.')}"])
        x = in_half(alone.predict(x))
    return x


def train_deep_conv_net(setting: Setting) -> Result:
    """Batches of 100, Adam with 0.001, 20 epochs on all 60,000 training images."""
    seeds, images = setting.seeds(1), setting.images()
    train, (x, digits) = pictured(setting.few(images.book_train)), pictured(images.test)
    net = deep_conv_net(seeds[0])
    net.fit(*train, epochs=setting.epochs(20), batch_size=100, optimizer=Adam(0.001), verbose=0)
    answers = net.classify(x)
    right, right_in_half = (
        100 * float(np.mean(said == digits)) for said in (answers, predict_in_half(net, x).argmax(axis=1))
    )
    told = f"{right_in_half:.2f} %, with floats {right:.2f} %"
    rows = [
        compare("after 20 epochs", 99.38, [right], setting),
        claim("with half floats, to within 0.1 %", "the same", told, abs(right - right_in_half) <= 0.1, setting),
    ]
    return Result(rows, seeds, tiles({"digits that are taken for others": mistakes(x, digits, answers)}, columns=5))


EXPERIMENTS = (Experiment("book8-deep-conv-net", "DeepConvNet and its mistakes", SOURCE, train_deep_conv_net),)
