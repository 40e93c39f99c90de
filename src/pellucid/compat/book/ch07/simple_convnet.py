"""Chapter 7's network: one convolution with pooling, and two affine layers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.compat.book.common.layers import Affine, Pooling, Relu
from pellucid.compat.book.conv_net import ConvNet, checked_sizes, convolution, filters, shape_after

_CONV = {"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1}


class SimpleConvNet(ConvNet):
    """Conv, ReLU, pooling 2 by 2, Affine, ReLU, Affine, softmax; params W1, b1, W2, b2, W3, b3.

    input_dim (C, H, W). conv_param: filter_num, filter_size, pad and stride. First weights are weight_init_std ·
    N(0, 1), by np.random.

    Raises:
        InputError: sizes that do not fit.
    """

    def __init__(
        self,
        input_dim: Sequence[int] = (1, 28, 28),
        conv_param: Mapping[str, int] = _CONV,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float = 0.01,
        faithful: bool | None = None,
    ) -> None:
        super().__init__(faithful)
        shape = checked_sizes(input_dim, conv_param)
        params = self.params
        params["W1"] = weight_init_std * filters(shape[0], conv_param)
        params["b1"] = np.zeros(conv_param["filter_num"])
        self.layers["Conv1"] = convolution(params["W1"], params["b1"], conv_param, self.faithful)
        self.layers["Relu1"] = Relu(self.faithful)
        self.layers["Pool1"] = Pooling(2, 2, stride=2, faithful=self.faithful)
        width = math.prod(shape_after(shape, list(self.layers.values())))
        for number, (inputs, outputs) in enumerate(((width, hidden_size), (hidden_size, output_size)), 2):
            params[f"W{number}"] = weight_init_std * np.random.randn(inputs, outputs)
            params[f"b{number}"] = np.zeros(outputs)
        self.layers["Affine1"] = Affine(params["W2"], params["b2"], self.faithful)
        self.layers["Relu2"] = Relu(self.faithful)
        self.layers["Affine2"] = Affine(params["W3"], params["b3"], self.faithful)
        self._finish(*shape)


__all__ = ["SimpleConvNet"]
