"""Layers: each a forward and a backward pass on one screen, written in ops."""

from pellucid.layers import (
    activations,
    affine,
    base,
    batch_norm,
    conv2d,
    dropout,
    joining,
    layer_norm,
    pooling,
    shaping,
    standardize,
)
from pellucid.layers.activations import *
from pellucid.layers.affine import *
from pellucid.layers.base import *
from pellucid.layers.batch_norm import *
from pellucid.layers.conv2d import *
from pellucid.layers.dropout import *
from pellucid.layers.joining import *
from pellucid.layers.layer_norm import *
from pellucid.layers.pooling import *
from pellucid.layers.shaping import *
from pellucid.layers.standardize import *
from pellucid.named import Named

__all__ = ["Named"]
__all__ += activations.__all__
__all__ += affine.__all__
__all__ += base.__all__
__all__ += batch_norm.__all__
__all__ += conv2d.__all__
__all__ += dropout.__all__
__all__ += joining.__all__
__all__ += layer_norm.__all__
__all__ += pooling.__all__
__all__ += shaping.__all__
__all__ += standardize.__all__


def __dir__() -> list[str]:
    return sorted(__all__)
