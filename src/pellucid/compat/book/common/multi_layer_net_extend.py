"""The book's network with dropout and batch normalisation, 6.3 and 6.4."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compat.book.common.layers import BatchNormalization, Dropout
from pellucid.compat.book.common.multi_layer_net import MultiLayerNet
from pellucid.ops import Array


class MultiLayerNetExtend(MultiLayerNet):
    """MultiLayerNet with batch normalisation before each activation and dropout after it, each if asked for.

    use_dropout, dropout_ration (the book's spelling): the share of numbers silenced. use_batchnorm: adds params
    gamma1, beta1, ... Masks are drawn by np.random, as the book's are.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
        faithful: bool | None = None,
    ) -> None:
        self.use_dropout, self.dropout_ration, self.use_batchnorm = use_dropout, dropout_ration, use_batchnorm
        super().__init__(
            input_size, hidden_size_list, output_size, activation, weight_init_std, weight_decay_lambda, faithful
        )

    def _add_after_affine(self, number: int) -> None:
        if self.use_batchnorm:
            width = self.hidden_size_list[number - 1]
            gamma, beta = np.ones(width), np.zeros(width)
            self.params |= {f"gamma{number}": gamma, f"beta{number}": beta}
            self.layers[f"BatchNorm{number}"] = BatchNormalization(gamma, beta, faithful=self.faithful)

    def _add_after_activation(self, number: int) -> None:
        if self.use_dropout:
            self.layers[f"Dropout{number}"] = Dropout(self.dropout_ration, faithful=self.faithful)

    def predict(self, x: Any, train_flg: bool = False) -> Array:
        """Returns the outputs before the softmax, as in prediction, or with train_flg as in training."""
        return self._logits(x, train_flg)

    def loss(self, x: Any, t: Any, train_flg: bool = False) -> Any:
        """Returns the loss as in prediction, or with train_flg as in training."""
        return self._loss(x, t, train_flg)

    def _training_loss(self, x: Any, t: Any) -> Any:
        self._begin_pass()
        return self.loss(x, t, train_flg=True)

    def _outputs(self, x: Any, training: bool) -> Array:
        return self.predict(x, train_flg=training)


__all__ = ["MultiLayerNetExtend"]
