"""The vocabulary: functions with the field's own names, in which layers, losses and optimizers are written."""

from pellucid.ops.arrays import ROWS, Array, Scalar
from pellucid.ops.elementwise import *
from pellucid.ops.elementwise import clip
from pellucid.ops.images import *
from pellucid.ops.op import OPS
from pellucid.ops.products import *
from pellucid.ops.random import *
from pellucid.ops.reductions import *
from pellucid.ops.shaping import *

__all__ = ["ROWS", "Array", "Scalar", "clip", "softmax", *OPS]


def __dir__() -> list[str]:
    return __all__
