"""A plain network on the reference engine, changed as a test needs it, and samples for it."""

from typing import Any

import numpy as np

from cases import numbers
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.network import Network


def network(**changes: Any) -> Network:
    arguments: dict[str, Any] = {"loss": SoftmaxCrossEntropy(), "input_shape": 5, "seed": 1, "engine": "reference"}
    return Network(changes.pop("layers", [Affine(7), Sigmoid(), Affine(3)]), **(arguments | changes))


X, T = numbers(1, (9, 5)), np.arange(9) % 3
