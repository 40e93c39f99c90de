"""The layers of network3: what they hold, their first values, and the layers of Pellucid that they stand for.

Here w and b are shared variables that scripts read and set. Theano's convolution turns the kernel by half a turn, which
no training notices; so that a kernel shows what the original's would, `to_native` and `from_native` turn it too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from pellucid import ops
from pellucid.checks import is_finite
from pellucid.compat.nielsen.columns import sigmoid
from pellucid.compat.nielsen.shared import FLOAT, Shared
from pellucid.errors import InputError
from pellucid.initializers import Zeros
from pellucid.layers import Affine, Conv2D, Flatten, Layer, MaxPool2D, Sigmoid, Tanh
from pellucid.layers import ReLU as NativeReLU
from pellucid.layers.base import Mode, Shape
from pellucid.named import Named
from pellucid.ops import Array

Activation = Callable[[Any], Any]


def linear(z: Any) -> Any:
    """z itself."""
    return z


def ReLU(z: Any) -> Any:
    """max(0, z), elementwise."""
    return np.maximum(0.0, z)


def tanh(z: Any) -> Any:
    """The hyperbolic tangent, elementwise."""
    return np.tanh(z)


_NATIVE: dict[Activation, list[Layer]] = {sigmoid: [Sigmoid()], tanh: [Tanh()], ReLU: [NativeReLU()], linear: []}


@final
@dataclass(frozen=True)
class InputDropout(Layer):
    """y = x · mask in training, y = (1 − rate) x otherwise; mask is 0 with probability rate, else 1.

    dx = dy · mask: dropout as network3 has it, scaled in prediction, where `pellucid.layers.Dropout` is in training.
    """

    rate: float

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        kept = 1.0 - self.rate
        if not mode.training:
            return x * kept, Named()
        mask = ops.dropout_mask(x, rate=self.rate, seed=mode.seed, layer=mode.layer, step=mode.step) * kept
        return x * mask, Named(mask=mask)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return (dy * saved.mask if "mask" in saved else dy * (1.0 - self.rate)), Named()


class ScriptLayer:
    """What the layers share: w and b, and both in `params`."""

    learning: ClassVar[type[Layer]] = Affine
    """The layer of Pellucid that holds w and b."""

    def __init__(self, w: Any, b: Any) -> None:
        self.w, self.b = Shared(np.asarray(w, FLOAT), "w"), Shared(np.asarray(b, FLOAT), "b")
        self.params = [self.w, self.b]

    def native(self, shape: Shape) -> list[Layer]:
        """Returns the layers of Pellucid that this one stands for, given the shape of one sample.

        Raises:
            InputError: samples of that shape do not fit.
        """
        raise NotImplementedError

    def to_native(self, w: NDArray[Any]) -> NDArray[Any]:
        """Returns w as Pellucid has it."""
        return w

    from_native = to_native


class ConvPoolLayer(ScriptLayer):
    """a ← f(max-pool(w ∗ a) + b)        a (m, C, H, W)   w (O, C, KH, KW)   b (O,)

    filter_shape (O, C, KH, KW). image_shape (m, C, H, W), with m the mini-batch's size. poolsize (rows, columns); what
    does not fill a pool at the bottom and on the right is left out. activation_fn: sigmoid, tanh, ReLU or linear. w is
    drawn by np.random from N(0, rows·columns / (O·KH·KW)), b from N(0, 1).

    Raises:
        InputError: sizes that do not fit, or another activation.
    """

    learning = Conv2D

    def __init__(
        self,
        filter_shape: Sequence[int],
        image_shape: Sequence[int],
        poolsize: Sequence[int] = (2, 2),
        activation_fn: Activation = sigmoid,
    ) -> None:
        self.filter_shape = _whole("filter_shape", filter_shape, 4)
        self.image_shape = _whole("image_shape", image_shape, 4)
        self.poolsize = _whole("poolsize", poolsize, 2)
        if self.filter_shape[1] != self.image_shape[1]:
            raise InputError(
                f"filter_shape {self.filter_shape} takes {self.filter_shape[1]} feature maps, but image_shape "
                f"{self.image_shape} has {self.image_shape[1]}; their second numbers must be equal."
            )
        self.activation_fn = _known(activation_fn)
        maps, _, high, wide = self.filter_shape
        n_out = maps * high * wide / math.prod(self.poolsize)
        super().__init__(
            np.random.normal(loc=0, scale=np.sqrt(1.0 / n_out), size=self.filter_shape),
            np.random.normal(loc=0, scale=1.0, size=(maps,)),
        )

    def native(self, shape: Shape) -> list[Layer]:
        if shape != self.image_shape[1:]:
            raise InputError(
                f"a ConvPoolLayer has the image_shape {self.image_shape}, but is given samples of the shape {shape}; "
                f"(mini_batch_size, {', '.join(map(str, shape))}) fits."
            )
        maps, _, high, wide = self.filter_shape
        pool = (self.poolsize[0], self.poolsize[1])
        # The bias before the pooling and the activation after it: the same as in the original, and fewer numbers.
        pooling = [] if pool == (1, 1) else [MaxPool2D(pool)]
        return [Conv2D(maps, (high, wide), weights=Zeros()), *pooling, *_NATIVE[self.activation_fn]]

    def to_native(self, w: NDArray[Any]) -> NDArray[Any]:
        return w[:, :, ::-1, ::-1]

    from_native = to_native


class _Dense(ScriptLayer):
    """What the two fully connected layers share."""

    def __init__(self, n_in: int, n_out: int, p_dropout: float, w: Any, b: Any) -> None:
        super().__init__(w, b)
        self.n_in, self.n_out, self.p_dropout = n_in, n_out, p_dropout

    def native(self, shape: Shape) -> list[Layer]:
        if math.prod(shape) != self.n_in:
            raise InputError(
                f"a {type(self).__name__} has n_in={self.n_in}, but is given samples of the shape {shape}; "
                f"n_in={math.prod(shape)} fits."
            )
        flat: list[Layer] = [Flatten()] if len(shape) > 1 else []
        silenced: list[Layer] = [InputDropout(self.p_dropout)] if self.p_dropout else []
        return [*flat, *silenced, Affine(self.n_out, weights=Zeros())]


class FullyConnectedLayer(_Dense):
    """a ← f(a·w + b)        a (m, n_in)   w (n_in, n_out)   b (n_out,)

    activation_fn: sigmoid, tanh, ReLU or linear. p_dropout, in [0, 1): in training each input is 0 with that
    probability, in prediction a·w is taken times 1 − p_dropout. w is drawn by np.random from N(0, 1 / n_out), b from
    N(0, 1).

    Raises:
        InputError: sizes that are no whole numbers, a probability out of range, or another activation.
    """

    def __init__(self, n_in: int, n_out: int, activation_fn: Activation = sigmoid, p_dropout: float = 0.0) -> None:
        _check_dense(n_in, n_out, p_dropout)
        self.activation_fn = _known(activation_fn)
        w = np.random.normal(loc=0.0, scale=np.sqrt(1.0 / n_out), size=(n_in, n_out))
        super().__init__(n_in, n_out, p_dropout, w, np.random.normal(loc=0.0, scale=1.0, size=(n_out,)))

    def native(self, shape: Shape) -> list[Layer]:
        return super().native(shape) + _NATIVE[self.activation_fn]


class SoftmaxLayer(_Dense):
    """a ← softmax(a·w + b), with the log-likelihood cost        a (m, n_in)   w (n_in, n_out)   b (n_out,)

    p_dropout as of FullyConnectedLayer. w and b start at 0.

    Raises:
        InputError: sizes that are no whole numbers, or a probability out of range.
    """

    def __init__(self, n_in: int, n_out: int, p_dropout: float = 0.0) -> None:
        _check_dense(n_in, n_out, p_dropout)
        super().__init__(n_in, n_out, p_dropout, np.zeros((n_in, n_out)), np.zeros(n_out))


def dropout_layer(layer: Any, p_dropout: float) -> NDArray[Any]:
    """Returns an array in which each number is 0 with probability p_dropout, by np.random; the others stay."""
    values: NDArray[Any] = np.array(layer)
    values[np.random.random_sample(values.shape) < p_dropout] = 0
    return values


def _known(activation_fn: Any) -> Activation:
    if activation_fn not in _NATIVE:
        names = ", ".join(activation.__name__ for activation in _NATIVE)
        raise InputError(
            f"activation_fn is {getattr(activation_fn, '__name__', activation_fn)!r}, which network3 cannot "
            f"differentiate; take one of its own ({names}), or pellucid.Network with a layer of your own."
        )
    activation: Activation = activation_fn
    return activation


def _whole(name: str, numbers: Any, count: int) -> tuple[int, ...]:
    listed = tuple(numbers) if hasattr(numbers, "__iter__") else ()
    if len(listed) != count or not all(hasattr(n, "__index__") and n >= 1 for n in listed):
        raise InputError(f"{name} must hold {count} whole numbers of 1 or more, got {numbers!r}.")
    return tuple(int(n) for n in listed)


def _check_dense(n_in: Any, n_out: Any, p_dropout: Any) -> None:
    _whole("(n_in, n_out)", (n_in, n_out), 2)
    if not is_finite(p_dropout) or not 0 <= p_dropout < 1:
        raise InputError(f"p_dropout must be at least 0 and below 1, got {p_dropout!r}.")
