"""The book's layers, chapters 5 and 6: objects with forward and backward, each handing the maths to Pellucid's layer.

Chapter 7's are in image_layers.py, and found here too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid import layers
from pellucid.compat.book.book_layer import BookLayer
from pellucid.compat.book.common.functions import (
    cross_entropy_error,
    identity_function,
    original_cross_entropy,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
    target_rows,
)
from pellucid.compat.book.common.util import col2im, im2col
from pellucid.compat.book.image_layers import Convolution, Pooling
from pellucid.compat.book.native_layers import BatchStatistics, Scale, ScaleAndShift
from pellucid.errors import InputError
from pellucid.initializers import Zeros
from pellucid.layers.base import Layer, Mode
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.named import Named
from pellucid.ops import Array

_MODE = Mode()
_NONE = Named()
_AFFINE, _RELU, _SIGMOID = layers.Affine(1), layers.ReLU(), layers.Sigmoid()
_CROSS_ENTROPY = SoftmaxCrossEntropy()


class Relu(BookLayer):
    """y = max(x, 0),  dx = dy where x > 0, else 0. backward leaves dy as it is; the original writes into it."""

    def native(self) -> Layer:
        """Returns Pellucid's ReLU."""
        return layers.ReLU()

    @property
    def mask(self) -> Array:
        """Where x ≤ 0."""
        mask: Array = self._saved().u <= 0
        return mask

    def forward(self, x: Array) -> Array:
        """Returns y, in an array of its own."""
        y, saved = _RELU.forward(_NONE, x, _MODE)
        self._keep(saved)
        return y

    def backward(self, dout: Array) -> Array:
        """Returns dx."""
        if self.faithful:
            dout[self.mask] = 0
            return dout
        return _RELU.backward(_NONE, self._saved(), dout)[0]


class Sigmoid(BookLayer):
    """y = 1 / (1 + e⁻ˣ),  dx = dy y (1 − y)"""

    def native(self) -> Layer:
        """Returns Pellucid's Sigmoid."""
        return layers.Sigmoid()

    @property
    def out(self) -> Array:
        """y of the last forward pass."""
        y: Array = self._saved().y
        return y

    def forward(self, x: Array) -> Array:
        """Returns y."""
        if self.faithful:
            saved = Named(u=x, y=sigmoid(x))
        else:
            _, saved = _SIGMOID.forward(_NONE, x, _MODE)
        self._keep(saved)
        y: Array = saved.y
        return y

    def backward(self, dout: Array) -> Array:
        """Returns dx."""
        return _SIGMOID.backward(_NONE, self._saved(), dout)[0]


class Affine(BookLayer):
    """y = x·W + b        x (N, ...), each sample one row of I numbers   W (I, O)   b (O,)   y (N, O)

    backward leaves the gradients in dW and db, and returns dx in the shape of x.
    """

    learns = ("W", "b")

    def __init__(self, W: Array, b: Array, faithful: bool | None = None) -> None:
        super().__init__(faithful)
        self.W, self.b = W, b
        self.dW: Array | None = None
        self.db: Array | None = None
        self.original_x_shape: tuple[int, ...] | None = None

    def native(self) -> layers.Affine:
        """Returns Pellucid's Affine."""
        return layers.Affine(self.W.shape[1], weights=Zeros())

    @property
    def x(self) -> Array:
        """The last input, (N, I)."""
        x: Array = self._saved().x
        return x

    def forward(self, x: Array) -> Array:
        """Returns y."""
        self.original_x_shape = x.shape
        y, saved = _AFFINE.forward(Named(self.values()), x.reshape(len(x), -1), _MODE)
        self._keep(saved)
        return y

    def backward(self, dout: Array) -> Array:
        """Returns dx."""
        saved = self._saved()
        dx, gradients = _AFFINE.backward(Named(self.values()), saved, dout)
        self.dW, self.db = gradients.W, gradients.b
        return dx.reshape(self.original_x_shape)


class SoftmaxWithLoss(BookLayer):
    """y = softmax(x),  loss = − 1/N Σₙ Σₖ t ln y,  dx = (y − t) / N · dout        x (N, K)   t (N, K) or (N,)

    Raises:
        InputError: one output alone, whose softmax is always 1: use two, or a Sigmoid and cross_entropy_error.
    """

    def __init__(self, faithful: bool | None = None) -> None:
        super().__init__(faithful)
        self.loss: Any = None
        self.t: Any = None

    @property
    def y(self) -> Array:
        """The probabilities of the last forward pass."""
        y: Array = self._saved().p
        return y

    def forward(self, x: Array, t: Any) -> Any:
        """Returns the loss."""
        self.t = t
        if self.faithful:
            y = softmax(x)
            self._keep(Named(p=y))
            self.loss = original_cross_entropy(y, np.asarray(t))
            return self.loss
        if x.shape[1] == 1:
            raise InputError(
                "x has one output, whose softmax is always 1; use two outputs, or Sigmoid with cross_entropy_error."
            )
        errors, saved = _CROSS_ENTROPY.forward(x, target_rows(t, x.shape))
        self._keep(saved)
        self.loss = np.sum(errors) / len(x)
        return self.loss

    def backward(self, dout: Any = 1) -> Array:
        """Returns dx."""
        saved = self._saved()
        if self.faithful:
            t = np.asarray(self.t)
            rows = t if t.size == saved.p.size else target_rows(t, saved.p.shape)
            dx: Array = (saved.p - rows) / len(t)
            return dx
        dlogits: Array = _CROSS_ENTROPY.backward(saved) / len(saved.p) * dout
        return dlogits


class Dropout(BookLayer):
    """In training y = x · mask, mask 0 with probability r = dropout_ratio, by np.random.rand; else y = x (1 − r).

    dx = dy · mask. Pellucid's own Dropout draws by address instead, and scales in training, not in prediction.
    """

    only_in_training = True

    def __init__(self, dropout_ratio: float = 0.5, faithful: bool | None = None) -> None:
        super().__init__(faithful)
        self.dropout_ratio = dropout_ratio
        self.mask: Array | None = None

    def native(self) -> Layer:
        """Returns the scaling by 1 − r."""
        return Scale(1.0 - self.dropout_ratio)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draws and returns the mask of the next pass in training, for x of that shape."""
        self.mask = np.random.rand(*shape) > self.dropout_ratio
        return self.mask

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Returns y."""
        self._keep(_NONE)
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        return x * self.draw(x.shape)

    def repeat(self, x: Array) -> Array:
        """Returns y in training with the mask that there is."""
        self._keep(_NONE)
        y: Array = x * self.mask
        return y

    def backward(self, dout: Array) -> Array:
        """Returns dx of the last pass in training."""
        if self.mask is None:
            raise InputError("Dropout has no forward pass in training to go back through; call forward(x) first.")
        return dout * self.mask


class BatchNormalization(BookLayer):
    """y = γ x̂ + β,  x̂ = (x − μ) / √(σ² + 10⁻⁶)        x (N, D), or (N, C, H, W) as (N, C·H·W)   γ, β, μ, σ² (D,)

    In training μ and σ² are the batch's, and running averages of them are kept; else these averages. With dx̂ = γ dy:
    dx = (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂)) / √(σ² + 10⁻⁶),  dγ = Σₙ dy x̂,  dβ = Σₙ dy.

    Images are normalised number by number, where `pellucid.layers.BatchNorm` takes each channel as a whole. Alone it
    is written out in NumPy, so that it rounds as the book's does; a network's passes run `BatchNorm` natively.
    Source: Ioffe and Szegedy, 2015.
    """

    learns = ("gamma", "beta")
    only_in_training = True
    EPSILON = 10e-7

    def __init__(
        self,
        gamma: Any,
        beta: Any,
        momentum: float = 0.9,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        faithful: bool | None = None,
    ) -> None:
        super().__init__(faithful)
        self.gamma, self.beta = gamma, beta
        self.momentum = momentum
        self.running_mean, self.running_var = running_mean, running_var
        self.dgamma: Array | None = None
        self.dbeta: Array | None = None

    def native(self) -> Layer:
        """Returns the scaling and shift that this is outside training."""
        return ScaleAndShift()

    def native_in_training(self) -> Layer:
        """Returns the normalisation by the batch's own mean and variance."""
        return BatchStatistics(self.EPSILON)

    def values(self) -> Mapping[str, Array]:
        """Returns γ / √(σ² + 10⁻⁶) and β − μ times that."""
        mean, variance = self._running(len(self.gamma))
        scale = self.gamma / np.sqrt(variance + self.EPSILON)
        return {"scale": scale, "shift": self.beta - mean * scale}

    def values_in_training(self) -> Mapping[str, Array]:
        """Returns γ and β."""
        return {"gamma": self.gamma, "beta": self.beta}

    def count(self, mean: Array, variance: Array) -> None:
        """Brings the running averages forward by what a batch had."""
        running_mean, running_var = self._running(len(mean))
        self.running_mean = self.momentum * running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * running_var + (1 - self.momentum) * variance

    def _running(self, width: int) -> tuple[Array, Array]:
        if self.running_mean is None or self.running_var is None:
            return np.zeros(width), np.zeros(width)
        return self.running_mean, self.running_var

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Returns y in the shape of x."""
        rows = x.reshape(len(x), -1)
        self.running_mean, self.running_var = self._running(rows.shape[1])
        self.catch_up = None
        if not train_flg:
            return self._scaled(x, (rows - self.running_mean) / np.sqrt(self.running_var + self.EPSILON))
        y, mean, variance = self._normalised(x, rows)
        self.count(mean, variance)
        return y

    def repeat(self, x: Array) -> Array:
        """Returns y in training, and leaves the running averages as they are."""
        return self._normalised(x, x.reshape(len(x), -1))[0]

    def _normalised(self, x: Array, rows: Array) -> tuple[Array, Array, Array]:
        mean = rows.mean(axis=0)
        centred = rows - mean
        variance = np.mean(centred * centred, axis=0)
        deviation = np.sqrt(variance + self.EPSILON)
        normal = centred / deviation
        self._keep(Named(normal=normal, deviation=deviation))
        return self._scaled(x, normal), mean, variance

    def _scaled(self, x: Array, normal: Array) -> Array:
        y: Array = self.gamma * normal + self.beta
        return y.reshape(x.shape)

    def backward(self, dout: Array) -> Array:
        """Returns dx of the last pass in training, in the shape of dout."""
        saved = self._saved()
        dy = dout.reshape(len(dout), -1)
        dn = self.gamma * dy
        self.dgamma, self.dbeta = np.sum(saved.normal * dy, axis=0), dy.sum(axis=0)
        dx: Array = (dn - dn.mean(axis=0) - saved.normal * np.mean(dn * saved.normal, axis=0)) / saved.deviation
        return dx.reshape(dout.shape)


__all__ = [
    "np",
    "Relu",
    "Sigmoid",
    "Affine",
    "SoftmaxWithLoss",
    "Dropout",
    "BatchNormalization",
    "Convolution",
    "Pooling",
    "identity_function",
    "step_function",
    "sigmoid",
    "sigmoid_grad",
    "relu",
    "relu_grad",
    "softmax",
    "sum_squared_error",
    "cross_entropy_error",
    "softmax_loss",
    "im2col",
    "col2im",
]
