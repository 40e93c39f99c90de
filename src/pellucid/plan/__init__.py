"""The plan: the one description of a network, that the engines, the exports and people read."""

from pellucid.plan.ir import Buffer, Plan, Step
from pellucid.plan.serialise import from_json, to_json

__all__ = ["Buffer", "Plan", "Step", "from_json", "to_json"]
