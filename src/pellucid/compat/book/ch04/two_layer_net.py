"""Chapter 4's network: sigmoid in the middle, probabilities at the end."""

from typing import Any

import numpy as np

from pellucid.compat.book.common.functions import cross_entropy_error, softmax
from pellucid.compat.book.common.layers import Affine, Sigmoid
from pellucid.compat.book.layered_net import LayeredNet, fully_connected
from pellucid.ops import Array


class TwoLayerNet(LayeredNet):
    """Affine, sigmoid, Affine, softmax; params W1, b1, W2, b2, with first weights weight_init_std · N(0, 1).

    Unlike chapter 5's, predict returns the probabilities, and takes one sample (I,) too. Targets may be class numbers
    as well as one-hot rows.
    """

    through = ()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        faithful: bool | None = None,
    ) -> None:
        super().__init__(faithful)
        self.params = fully_connected([input_size, hidden_size, output_size], [weight_init_std] * 2)
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"], self.faithful)
        self.layers["Sigmoid1"] = Sigmoid(self.faithful)
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"], self.faithful)
        self._finish()

    def predict(self, x: Any) -> Array:
        """Returns the probabilities (N, K), or (K,) for one sample."""
        y = softmax(self._logits(np.atleast_2d(x), False))
        return y[0] if np.ndim(x) == 1 else y

    def loss(self, x: Any, t: Any) -> Any:
        """Returns the mean cross-entropy of predict(x) against t."""
        if type(self).predict is not TwoLayerNet.predict:
            return cross_entropy_error(self.predict(x), t)
        return self._loss(np.atleast_2d(x), t, False)

    def _prepare_backward(self, x: Any, t: Any) -> None:
        self._walk(x, t, True)

    def _outputs(self, x: Any, training: bool) -> Array:
        return self._logits(x, training)


__all__ = ["TwoLayerNet"]
