"""Checks backpropagation against numeric differentiation, in float64, for a whole network and for each of its layers.

Two checks complete each other. Through the whole network, dL/dx and dL/dp are compared with differences of the loss.
Each layer and the loss are then checked on their own, so that a wrong derivative is found where it is, and not only in
everything below it.
"""

from pellucid.gradient_check.compare import check_gradients
from pellucid.gradient_check.report import GradientReport, Row

__all__ = ["GradientReport", "Row", "check_gradients"]
