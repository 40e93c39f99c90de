"""The book's network of many affine layers, chapter 6."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compat.book.common.layers import Affine, Relu, Sigmoid
from pellucid.compat.book.layered_net import LayeredNet, fully_connected
from pellucid.errors import InputError, suggest

_ACTIVATIONS = {"sigmoid": Sigmoid, "relu": Relu}


class MultiLayerNet(LayeredNet):
    """Affine, activation, ..., Affine, softmax; params W1, b1, W2, b2, ...

    activation: "relu" or "sigmoid". weight_init_std: the first weights' standard deviation; "relu" or "he" for
    √(2 / inputs), "sigmoid" or "xavier" for √(1 / inputs). weight_decay_lambda λ: adds ½ λ Σ W² to the loss.

    Raises:
        InputError: another activation or name of first weights.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
        faithful: bool | None = None,
    ) -> None:
        super().__init__(faithful)
        self.input_size, self.output_size = input_size, output_size
        self.hidden_size_list = list(hidden_size_list)
        self.hidden_layer_num = len(self.hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        if activation not in _ACTIVATIONS:
            raise InputError(f"there is no activation {activation!r} here; {suggest(activation, _ACTIVATIONS)}")
        sizes = [input_size, *self.hidden_size_list, output_size]
        self.params = fully_connected(sizes, [_scale(weight_init_std, inputs) for inputs in sizes])
        for number in range(1, self.hidden_layer_num + 1):
            self._add_affine(number)
            self._add_after_affine(number)
            self.layers[f"Activation_function{number}"] = _ACTIVATIONS[activation](faithful=self.faithful)
            self._add_after_activation(number)
        self._add_affine(self.hidden_layer_num + 1)
        self._finish()

    def _add_affine(self, number: int) -> None:
        self.layers[f"Affine{number}"] = Affine(self.params[f"W{number}"], self.params[f"b{number}"], self.faithful)

    def _add_after_affine(self, number: int) -> None:
        """For a network with more than these layers."""

    def _add_after_activation(self, number: int) -> None:
        """For a network with more than these layers."""


def _scale(weight_init_std: Any, inputs: int) -> float:
    match str(weight_init_std).lower():
        case "relu" | "he":
            return float(np.sqrt(2.0 / inputs))
        case "sigmoid" | "xavier":
            return float(np.sqrt(1.0 / inputs))
    if isinstance(weight_init_std, str):
        known = ("relu", "he", "sigmoid", "xavier")
        raise InputError(f"there are no first weights {weight_init_std!r}; {suggest(weight_init_std, known)}")
    return float(weight_init_std)


__all__ = ["MultiLayerNet"]
