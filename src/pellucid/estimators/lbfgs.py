"""The solver "lbfgs": SciPy's L-BFGS-B with the engine's gradient, over all rows at once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from pellucid.engines import Data
from pellucid.estimators.rows import SparseRows, data_part, data_rows, rows_at_once
from pellucid.network import Network

Vector = NDArray[np.float64]
ROWS_AT_ONCE = 8192
"""How many rows the engine takes at once, so that the activations of all rows need not be kept."""


class Objective:
    """Σₙ wₙ lₙ / Σₙ wₙ + ½ α ‖W‖² / Σₙ wₙ as a function of all parameters in one vector, with its gradient."""

    def __init__(self, network: Network, data: Data, alpha: float) -> None:
        self.network, self.weights = network, [name for name in network.parameters if name.endswith(".W")]
        self.total = float(data.rows if data.weight is None else data.weight.sum())
        self.decay = alpha / self.total
        self.parts, self._sparse = [*_parts(data)], isinstance(data.x, SparseRows)

    @property
    def vector(self) -> Vector:
        """The parameters as one vector."""
        return np.concatenate([np.ravel(values) for values in self.network.parameters.values()]).astype(np.float64)

    def put(self, vector: Vector) -> None:
        """Puts the numbers of a vector into the network."""
        start = 0
        for values in self.network.parameters.values():
            values[...] = vector[start : start + values.size].reshape(values.shape)
            start += values.size

    def __call__(self, vector: Vector) -> tuple[float, Vector]:
        self.put(vector)
        loss, gradients = 0.0, {name: np.zeros(p.shape) for name, p in self.network.parameters.items()}
        for part in self.parts:
            share = float(part.rows if part.weight is None else part.weight.sum()) / self.total
            if share == 0:
                continue
            part_loss, part_gradients = self.network.session.gradient(
                data_rows(part, slice(None)) if self._sparse else part
            )
            loss += share * part_loss
            for name, gradient in part_gradients.items():
                gradients[name] += share * gradient
        loss += self.penalty()
        for name in self.weights:
            gradients[name] += self.decay * self.network.parameters[name]
        return loss, np.concatenate([np.ravel(gradient) for gradient in gradients.values()])

    def penalty(self) -> float:
        """½ α ‖W‖² / Σₙ wₙ"""
        return 0.5 * self.decay * sum(float(np.square(self.network.parameters[name]).sum()) for name in self.weights)


def minimize(objective: Objective, *, max_iter: int, max_fun: int, tol: float, curve: list[float]) -> Any:
    """Returns SciPy's result; `curve` gets the objective after each iteration.

    Numbers so large that the objective overflows give no direction; SciPy then stops where it is.
    """

    def after(intermediate_result: Any) -> None:
        curve.append(float(intermediate_result.fun))

    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    with np.errstate(all="ignore"):
        result = optimize.minimize(
            objective, objective.vector, method="L-BFGS-B", jac=True, options=options, callback=after
        )
    objective.put(result.x)
    return result


def _parts(data: Data) -> Iterator[Data]:
    rows = min(ROWS_AT_ONCE, rows_at_once(data.x)) if isinstance(data.x, SparseRows) else ROWS_AT_ONCE
    for start in range(0, data.rows, rows):
        yield data_part(data, slice(start, start + rows))
