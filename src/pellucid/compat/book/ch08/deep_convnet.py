"""Chapter 8's network: six convolutions, which find over 99 % of MNIST's test digits."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.compat.book.common.layers import Affine, Dropout, Pooling, Relu
from pellucid.compat.book.conv_net import ConvNet, checked_sizes, convolution, filters, shape_after
from pellucid.ops import Array


def _conv(filter_num: int, pad: int = 1) -> dict[str, int]:
    return {"filter_num": filter_num, "filter_size": 3, "pad": pad, "stride": 1}


class DeepConvNet(ConvNet):
    """Three times conv, ReLU, conv, ReLU, pooling; then Affine, ReLU, dropout, Affine, dropout, softmax.

    params W1, b1, ..., W8, b8; `layers` is a list. input_dim (C, H, W). conv_param_1 to conv_param_6: filter_num,
    filter_size, pad and stride. First weights are √(2 / inputs of a unit) · N(0, 1), by np.random (He). As in the
    book, `loss` is the training loss, with dropout.

    Raises:
        InputError: sizes that do not fit.
    """

    def __init__(
        self,
        input_dim: Sequence[int] = (1, 28, 28),
        conv_param_1: Mapping[str, int] = _conv(16),
        conv_param_2: Mapping[str, int] = _conv(16),
        conv_param_3: Mapping[str, int] = _conv(32),
        conv_param_4: Mapping[str, int] = _conv(32, pad=2),
        conv_param_5: Mapping[str, int] = _conv(64),
        conv_param_6: Mapping[str, int] = _conv(64),
        hidden_size: int = 50,
        output_size: int = 10,
        faithful: bool | None = None,
    ) -> None:
        super().__init__(faithful)
        conv_params = (conv_param_1, conv_param_2, conv_param_3, conv_param_4, conv_param_5, conv_param_6)
        shape = checked_sizes(input_dim, *conv_params)
        self.layers = []
        channels = shape[0]
        for number, conv_param in enumerate(conv_params, 1):
            W = filters(channels, conv_param)
            W, b = self._learnt(number, W, W[0].size)
            self.layers += [convolution(W, b, conv_param, self.faithful), Relu(self.faithful)]
            if number % 2 == 0:
                self.layers.append(Pooling(2, 2, stride=2, faithful=self.faithful))
            channels = conv_param["filter_num"]
        width = math.prod(shape_after(shape, self.layers))
        W, b = self._learnt(7, np.random.randn(width, hidden_size), width)
        self.layers += [Affine(W, b, self.faithful), Relu(self.faithful), Dropout(0.5, self.faithful)]
        W, b = self._learnt(8, np.random.randn(hidden_size, output_size), hidden_size)
        self.layers += [Affine(W, b, self.faithful), Dropout(0.5, self.faithful)]
        self._finish(*shape)

    def _learnt(self, number: int, drawn: Array, inputs: int) -> tuple[Array, Array]:
        """Returns a layer's W and b, and puts them among params."""
        W = np.sqrt(2.0 / inputs) * drawn
        b = np.zeros(len(W) if W.ndim == 4 else W.shape[1])
        self.params |= {f"W{number}": W, f"b{number}": b}
        return W, b

    def predict(self, x: Any, train_flg: bool = False) -> Array:
        """Returns the outputs before the softmax, as in prediction, or with train_flg as in training."""
        return self._logits(x, train_flg)

    def loss(self, x: Any, t: Any) -> Any:
        """Returns the loss as in training, with dropout."""
        return self._loss(x, t, True)

    def _outputs(self, x: Any, training: bool) -> Array:
        return self.predict(x, train_flg=training)


__all__ = ["DeepConvNet"]
