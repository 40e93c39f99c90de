"""Deep Learning from Scratch, chapter 7: SimpleConvNet, and what its first layer looks for."""

from typing import Any

from pellucid.initializers import Normal
from pellucid.layers import Affine, Conv2D, Flatten, MaxPool2D, ReLU
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network
from pellucid.optimizers import Adam
from pellucid.reproduce.convolution import IMAGE, pictured
from pellucid.reproduce.experiment import Experiment, Result, claim, compare, shown
from pellucid.reproduce.pictures import tiles
from pellucid.reproduce.setting import Setting

SOURCE = "Deep Learning from Scratch, ch. 7"


def simple_conv_net(seed: int) -> Network:
    """Returns SimpleConvNet: 30 kernels of 5 x 5, ReLU, pooling, 100 ReLUs, 10; weights from 0.01 N(0, 1)."""
    small = Normal(0.01)
    layers = [
        Conv2D(30, 5, weights=small), ReLU(), MaxPool2D(2), Flatten(), Affine(100, small), ReLU(), Affine(10, small)
    ]  # fmt: skip
    return Network(layers, SoftmaxCrossEntropy(), input_shape=IMAGE, seed=seed)


def filters(net: Network) -> dict[str, Any]:
    """Returns the kernels of the first layer by number."""
    return {str(number): kernel[0].copy() for number, kernel in enumerate(net.parameters["0.W"])}


def train_simple_conv_net(setting: Setting) -> Result:
    """Batches of 100, Adam with 0.001, 20 epochs on all 60,000 training images."""
    seeds, images = setting.seeds(3), setting.images()
    train, test = pictured(setting.few(images.book_train)), pictured(images.test)
    few = test[0][:1000], test[1][:1000]
    right, right_of_few = [], []
    panels: dict[str, dict[str, Any]] = {}
    for seed in seeds:
        net = simple_conv_net(seed)
        before = filters(net)
        net.fit(*train, epochs=setting.epochs(20), batch_size=100, optimizer=Adam(0.001), verbose=0)
        right.append(100 * net.evaluate(*test)["accuracy"])
        right_of_few.append(100 * net.evaluate(*few)["accuracy"])
        panels = panels or {"before": before, "after": filters(net)}
    spread = {name: max(float(kernel.std()) for kernel in kernels.values()) for name, kernels in panels.items()}
    told = f"{spread['before']:.3f} before, {spread['after']:.3f} after"
    rows = [
        compare("after 20 epochs", 98.96, right, setting),
        shown("after 20 epochs, the first 1,000 test images", right_of_few),
        claim("the filters find structure: largest deviation within one", "edges and blobs", told,
              spread["after"] > 2 * spread["before"], setting),
    ]  # fmt: skip
    return Result(rows, seeds, tiles(panels, columns=6))


EXPERIMENTS = (Experiment("book7-simple-conv-net", "SimpleConvNet and its filters", SOURCE, train_simple_conv_net),)
