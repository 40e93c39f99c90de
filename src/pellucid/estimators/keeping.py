"""A network inside a pickled estimator: its layers, its numbers and its optimizer's memory, without the engine."""

from typing import Any

import numpy as np

from pellucid.engines import OptimizerState
from pellucid.network import Network


def frozen(network: Network, state: OptimizerState | None) -> dict[str, Any]:
    """Returns what `thawed` makes the network of again."""
    kept: dict[str, Any] = {
        "layers": network.layers,
        "loss": network.loss,
        "input_shape": network.input_shape,
        "seed": network.seed,
        "dtype": network.dtype.name,
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
    made = {name: kept[name] for name in ("layers", "loss", "input_shape", "seed", "dtype")}
    network = Network(**made, threads=threads)
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
