"""The network that an estimator's arguments describe, with scikit-learn's first weights."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.errors import InputError
from pellucid.initializers import Xavier
from pellucid.layers import (
    ELU,
    GELU,
    Affine,
    BatchNorm,
    Dropout,
    Identity,
    Layer,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from pellucid.losses import Loss
from pellucid.network import Network
from pellucid.ops import Array

ACTIVATIONS: dict[str, Layer] = {
    "identity": Identity(),
    "logistic": Sigmoid(),
    "tanh": Tanh(),
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "elu": ELU(),
    "gelu": GELU(),
    "silu": SiLU(),
    "softplus": Softplus(),
}


def hidden_sizes(given: Any) -> list[int]:
    """Returns hidden_layer_sizes as a list; a single number means one hidden layer."""
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def per_layer(name: str, given: Any, count: int) -> list[Any]:
    """Returns one value per hidden layer, out of one for all of them or a list."""
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise InputError(f"{name} has {len(given)} entries, but there are {count} hidden layers; give one for each.")
    return list(given)


def make_layers(
    sizes: Sequence[int],
    activations: Sequence[str],
    dropout: Sequence[float],
    batch_norm: Sequence[bool],
    outputs: int,
) -> list[Layer]:
    """Returns affine layers, with batch normalisation, activation and dropout behind each, and the output layer."""
    layers: list[Layer] = []
    for size, activation, rate, normalised in zip(sizes, activations, dropout, batch_norm, strict=True):
        if activation not in ACTIVATIONS:
            raise InputError(f"activation has {activation!r}; known names: {', '.join(ACTIVATIONS)}.")
        layers += [Affine(size, weights=Xavier("uniform"))]
        layers += [BatchNorm()] if normalised else []
        layers += [ACTIVATIONS[activation]]
        layers += [Dropout(rate)] if rate else []
    return [*layers, Affine(outputs, weights=Xavier("uniform"))]


def make_network(layers: list[Layer], loss: Loss, features: int, dtype: Any, seed: int) -> Network:
    """Returns a network with as many threads as this process may use."""
    return Network(layers, loss, input_shape=features, seed=seed, dtype=dtype, threads=threads())


def affine_numbers(network: Network) -> list[int]:
    """Returns the numbers of the affine layers, first to last."""
    return [index for index, layer in enumerate(network.layers) if isinstance(layer, Affine)]


def unregularized(network: Network) -> list[Array]:
    """Returns all parameters that α leaves alone: all but the weight matrices."""
    weights = {f"{index}.W" for index in affine_numbers(network)}
    return [values for name, values in network.parameters.items() if name not in weights]


def draw_first_weights(network: Network, activations: Sequence[str], random_state: np.random.RandomState) -> None:
    """Draws weights and biases from ± √(f / (fan in + fan out)), f = 2 for logistic, else 6, as scikit-learn does.

    The output layer goes by the last hidden layer's activation. Source: Glorot and Bengio, 2010.
    """
    names = [*activations, activations[-1] if activations else "identity"]
    for index, activation in zip(affine_numbers(network), names, strict=True):
        inputs, outputs = network.parameters[f"{index}.W"].shape
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (inputs + outputs))
        network.parameters[f"{index}.W"] = random_state.uniform(-bound, bound, (inputs, outputs))
        network.parameters[f"{index}.b"] = random_state.uniform(-bound, bound, outputs)


def threads() -> int | None:
    """Returns how many threads a network may use: no more than joblib, threadpoolctl or OMP_NUM_THREADS leave it.

    In a process of GridSearchCV(n_jobs=...) joblib has set the limit, so that workers times threads fit the machine;
    one of its threads gets no further ones. None, where PELLUCID_NUM_THREADS decides.
    """
    if os.environ.get("PELLUCID_NUM_THREADS"):
        return None
    if threading.current_thread() is not threading.main_thread() and _among_joblibs_threads():
        return 1
    try:
        from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
    except ImportError:
        return None
    return max(1, int(_openmp_effective_n_threads()))


def _among_joblibs_threads() -> bool:
    from joblib.parallel import get_active_backend

    return bool(getattr(get_active_backend()[0], "nesting_level", 0))
