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
from pellucid.layers.batch_norm import BatchNorm
from pellucid.layers.conv2d import Conv2D
from pellucid.layers.dropout import Dropout, Dropout2D
from pellucid.layers.joining import Add, Concatenate
from pellucid.layers.layer_norm import LayerNorm
from pellucid.layers.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from pellucid.layers.shaping import Flatten, Rescale, ZeroPad2D
from pellucid.layers.standardize import Standardize
from pellucid.named import Named

__all__ = [
    "ELU",
    "GELU",
    "Add",
    "Affine",
    "AveragePool2D",
    "BatchNorm",
    "Concatenate",
    "Conv2D",
    "Dropout",
    "Dropout2D",
    "Flatten",
    "GlobalAveragePool2D",
    "Identity",
    "Join",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "Mode",
    "Named",
    "Parameter",
    "ReLU",
    "Rescale",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Standardize",
    "Step",
    "Tanh",
    "ZeroPad2D",
]
