"""A small network and data that train in milliseconds, shared by the tests of training and checkpoints."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import Network
from pellucid.layers import Affine, Dropout, Sigmoid
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.training import History

FEATURES, CLASSES, ROWS = 6, 3, 50
ENGINE = os.environ.get("PELLUCID_TEST_ENGINE", "auto")
"""The engine under test; PELLUCID_TEST_ENGINE=reference runs the same tests on the other one."""

TIMED = ("seconds", "samples_per_second")


def samples(rows: int = ROWS, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, FEATURES)).astype(np.float32)
    return x, np.argmax(x[:, :CLASSES], axis=1)


def network(**options: Any) -> Network:
    arguments: dict[str, Any] = {"loss": SoftmaxCrossEntropy(), "input_shape": (FEATURES,), "seed": 4, "engine": ENGINE}
    return Network([Affine(8), Sigmoid(), Dropout(0.2), Affine(CLASSES)], **arguments | options)


def bits(net: Network) -> bytes:
    return net.parameters.flat.tobytes()


def untimed(history: History) -> Mapping[str, Any]:
    """The part of a history that does not depend on the clock."""
    return {"epochs": history.epochs, **{name: values for name, values in history.items() if name not in TIMED}}
