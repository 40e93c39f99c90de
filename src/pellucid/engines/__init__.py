"""Engines run a model: the reference engine in plain NumPy, the native engine by replaying a recorded plan."""

from pellucid.engines.data import Data, check_data, check_samples
from pellucid.engines.model import Model
from pellucid.engines.protocol import Engine, OptimizerState, Slice, Sums, Trained
from pellucid.engines.reference import ReferenceEngine

__all__ = [
    "Data",
    "Engine",
    "Model",
    "OptimizerState",
    "ReferenceEngine",
    "Slice",
    "Sums",
    "Trained",
    "check_data",
    "check_samples",
]
