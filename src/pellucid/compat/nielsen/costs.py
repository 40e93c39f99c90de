"""network2's costs, for one column or several: `fn(a, y)` the cost, `delta(z, a, y)` the output error ∂C/∂z."""

from typing import Any

import numpy as np

from pellucid.compat.nielsen.columns import sigmoid_prime
from pellucid.compat.switch import is_faithful

# Below these an activation or its distance from 1 cannot be told from 0 in float64.
_LEAST, _LEAST_FROM_ONE = float(np.finfo(np.float64).smallest_subnormal), 2.0**-54


class QuadraticCost:
    """C = ½ ‖a − y‖². Source: M. Nielsen, Neural Networks and Deep Learning, equation 6, for one sample."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """Returns the cost of output a where y is wanted."""
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """Returns the output error (a − y) σ′(z)."""
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    """C = − Σ y ln a + (1 − y) ln(1 − a). Source: the same, equation 63, for one sample."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """Returns the cost of output a where y is wanted; finite for an output that is 0 or 1 in float64.

        Where such an output is wrong, its true cost is above 37; the original gives 1.8e308 there, and infinity for
        two of them.
        """
        if is_faithful():
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))
        return np.sum(-y * np.log(np.maximum(a, _LEAST)) - (1 - y) * np.log(np.maximum(1 - a, _LEAST_FROM_ONE)))

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """Returns the output error a − y; z is not needed."""
        return a - y
