"""A network inside a pickled estimator: its description, its numbers and its optimizer's memory, as plain values."""

from typing import Any

import numpy as np

from pellucid.checkpoint import describe_model, known_classes
from pellucid.description import build
from pellucid.engines import OptimizerState
from pellucid.network import Network


def frozen(network: Network, state: OptimizerState | None) -> dict[str, Any]:
    """Returns what `thawed` makes the network of again."""
    kept: dict[str, Any] = {
        "model": describe_model(network.model),
        "parameters": {name: np.array(values) for name, values in network.parameters.items()},
    }
    if state is not None:
        kept["optimizer"] = state.optimizer
        kept["steps"] = (state.step, state.start)
        kept["memory"] = {
            slot: {name: np.array(values) for name, values in views.items()} for slot, views in state.views().items()
        }
    return kept


def thawed(kept: dict[str, Any], threads: int | None) -> tuple[Network, OptimizerState | None]:
    """Returns the network and the memory that `frozen` kept."""
    model, known = kept["model"], known_classes()
    network = Network(
        [build(layer, known) for layer in model["layers"]],
        build(model["loss"], known),
        input_shape=model["input_shape"],
        seed=model["seed"],
        dtype=model["dtype"],
        threads=threads,
    )
    for name, values in kept["parameters"].items():
        network.parameters[name] = values
    if "optimizer" not in kept:
        return network, None
    state = network.optimizer_state(kept["optimizer"])
    state.step, state.start = kept["steps"]
    for slot, views in state.views().items():
        for name, view in views.items():
            view[...] = kept["memory"][slot][name]
    return network, state
