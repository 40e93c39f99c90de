"""Layers: each a forward and a backward pass on one screen, written in ops."""

from pellucid.layers.activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Step,
    Tanh,
)
from pellucid.layers.affine import Affine
from pellucid.layers.base import Join, Layer, Mode, Parameter
from pellucid.layers.dropout import Dropout
from pellucid.layers.shaping import Flatten, Rescale
from pellucid.named import Named

__all__ = [
    "ELU",
    "GELU",
    "Affine",
    "Dropout",
    "Flatten",
    "Identity",
    "Join",
    "Layer",
    "LeakyReLU",
    "Mode",
    "Named",
    "Parameter",
    "ReLU",
    "Rescale",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Step",
    "Tanh",
]
