"""The books' experiments: published figures beside measured ones."""

from pellucid.reproduce.experiment import Experiment, Result, Row
from pellucid.reproduce.running import EXPERIMENTS, chosen, outcomes_of, perform
from pellucid.reproduce.setting import Setting

__all__ = ["EXPERIMENTS", "Experiment", "Result", "Row", "Setting", "chosen", "outcomes_of", "perform"]
