"""One network beside Nielsen's best single one (99.60 %), by what was learned since; its epoch chosen on validation."""

from collections.abc import Callable

import numpy as np

from pellucid.datasets import Augment, Dataset, fashion_mnist
from pellucid.errors import InputError
from pellucid.layers import Affine, BatchNorm, Conv2D, Dropout, Flatten, Layer, MaxPool2D, ReLU
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import Adam
from pellucid.reproduce.convolution import IMAGE, mistakes, pictured
from pellucid.reproduce.experiment import NOT_YET, Experiment, Result, Row, claim, shown
from pellucid.reproduce.pictures import tiles
from pellucid.reproduce.setting import Images, Setting
from pellucid.schedules import Cosine
from pellucid.training import EarlyStopping

SOURCE = "Nielsen, ch. 6, and since"
EPOCHS = 30


def network(seed: int) -> Network:
    """Returns two pairs of 3 x 3 convolutions, 32 and 64 channels, and 128 units, all with batch normalisation."""
    layers: list[Layer] = []
    for channels in (32, 64):
        for _ in range(2):
            layers += [Conv2D(channels, 3, padding="same"), BatchNorm(), ReLU()]
        layers += [MaxPool2D(2), Dropout(0.3)]
    layers += [Flatten(), Affine(128), BatchNorm(), ReLU(), Dropout(0.5), Affine(10)]
    return Network(layers, SoftmaxCrossEntropy(), input_shape=IMAGE, seed=seed)


def trained(images: Images, change: Augment, setting: Setting, seed: int) -> Network:
    """Returns the network with the weights of the epoch that was best on the validation images."""
    net, epochs = network(seed), setting.epochs(EPOCHS)
    net.fit(
        *pictured(setting.few(images.train)), epochs=epochs, batch_size=100, optimizer=Adam(Cosine(0.002, epochs)),
        augment=change, validation_data=pictured(images.validation), verbose=0,
        callbacks=[EarlyStopping("validation_accuracy", patience=epochs)],
    )  # fmt: skip
    return net


def digits(setting: Setting) -> Result:
    """Batches of 100, Adam from 0.002 down to 0 by a cosine, images shifted, turned, scaled and bent by a little."""
    seeds, images = setting.seeds(1), setting.images()
    net = trained(images, Augment(shift=2, rotate=12.0, scale=0.12, elastic=3.0), setting, seeds[0])
    x, t = pictured(images.test)
    answers = net.classify(x)
    right = 100 * float(np.mean(answers == t))
    rows = [claim("one network, its epoch chosen on the validation images", "99.60 %", f"{right:.2f} %",
                  right >= 99.6, setting)]  # fmt: skip
    return Result(rows, seeds, tiles({"digits that are taken for others": mistakes(x, t, answers)}, columns=5))


def clothes(setting: Setting, load: Callable[[], Dataset] = fashion_mnist) -> Result:
    """The same on Fashion-MNIST, whose images are also mirrored and may not be turned."""
    seeds = setting.seeds(1)
    try:
        images = setting.images() if setting.fast else Images.of(load())
    except InputError as error:
        return Result([Row("Fashion-MNIST", "no figure", "", NOT_YET, str(error))], seeds)
    net = trained(images, Augment(shift=2, scale=0.1, flip=True, cutout=8), setting, seeds[0])
    x, t = pictured(images.test)
    right = 100 * float(np.mean(net.classify(x) == t))
    return Result([shown("the same recipe on Fashion-MNIST", [right])], seeds)


EXPERIMENTS = (
    Experiment("single-network", "One network of today, chosen on validation", SOURCE, digits),
    Experiment("single-network-fashion", "The same on Fashion-MNIST", SOURCE, clothes),
)
