"""The ops as layers call them: each looks at the kind of array it was given, and computes or records.

A NumPy array goes to the function of the same name in `reference` or `images`; a recording array appends a step to
its plan.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from pellucid.ops import images, reference
from pellucid.ops.arrays import Array
from pellucid.ops.record import Recorded, append

P = ParamSpec("P")
R = TypeVar("R")


def _op(compute: Callable[P, R]) -> Callable[P, R]:
    name = compute.__name__

    @functools.wraps(compute)
    def dispatch(*arguments: Any, **attributes: Any) -> Any:
        for argument in arguments:
            if type(argument) is Recorded:
                return append(name, *arguments, **attributes)
        return compute(*arguments, **attributes)

    return dispatch


affine = _op(reference.affine)
matmul = _op(reference.matmul)
matmul_nt = _op(reference.matmul_nt)
matmul_tn = _op(reference.matmul_tn)

add = _op(reference.add)
subtract = _op(reference.subtract)
multiply = _op(reference.multiply)
divide = _op(reference.divide)
maximum = _op(reference.maximum)
minimum = _op(reference.minimum)
greater = _op(reference.greater)
greater_equal = _op(reference.greater_equal)
where = _op(reference.where)
negative = _op(reference.negative)
absolute = _op(reference.absolute)
sign = _op(reference.sign)
square = _op(reference.square)
sqrt = _op(reference.sqrt)
exp = _op(reference.exp)
expm1 = _op(reference.expm1)
log = _op(reference.log)
log1p = _op(reference.log1p)
tanh = _op(reference.tanh)
sigmoid = _op(reference.sigmoid)
softplus = _op(reference.softplus)
erf = _op(reference.erf)

sum_rows = _op(reference.sum_rows)
sum_columns = _op(reference.sum_columns)
max_columns = _op(reference.max_columns)
sum_all = _op(reference.sum_all)

reshape = _op(reference.reshape)
one_hot = _op(reference.one_hot)
mean_weights = _op(reference.mean_weights)
dropout_mask = _op(reference.dropout_mask)

sgd_update = _op(reference.sgd_update)
momentum_update = _op(reference.momentum_update)
nesterov_update = _op(reference.nesterov_update)
adagrad_update = _op(reference.adagrad_update)
rmsprop_update = _op(reference.rmsprop_update)
adam_update = _op(reference.adam_update)
adamw_update = _op(reference.adamw_update)
running_update = _op(reference.running_update)

conv2d = _op(images.conv2d)
conv2d_input_gradient = _op(images.conv2d_input_gradient)
conv2d_weight_gradient = _op(images.conv2d_weight_gradient)
max_pool2d = _op(images.max_pool2d)
max_pool2d_places = _op(images.max_pool2d_places)
max_pool2d_backward = _op(images.max_pool2d_backward)
average_pool2d = _op(images.average_pool2d)
average_pool2d_backward = _op(images.average_pool2d_backward)
pad2d = _op(images.pad2d)
crop2d = _op(images.crop2d)
sum_channels = _op(images.sum_channels)
mean_channels = _op(images.mean_channels)
per_channel = _op(images.per_channel)
spread2d = _op(images.spread2d)
concatenate = _op(images.concatenate)
slice_channels = _op(images.slice_channels)


def softmax(u: Array) -> Array:
    """y = eᵘ / Σₖ eᵘ in each row, with the row's largest u taken off first, which changes nothing and cannot overflow.

    u (N, K), y (N, K) in [0, 1]. A composition: in a plan it appears as the steps it is made of.
    """
    e = exp(u - max_columns(u))
    return divide(e, sum_columns(e))
