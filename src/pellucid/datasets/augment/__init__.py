"""More images from few: changed at random while training, or each moved by one pixel beforehand."""

from pellucid.datasets.augment.expansion import expanded
from pellucid.datasets.augment.rule import Augment

__all__ = ["Augment", "expanded"]
