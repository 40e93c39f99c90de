"""The first text's network, which ends with a ReLU before the softmax."""

from pellucid.compat.book.common.layers import Affine, Relu
from pellucid.compat.book.layered_net import LayeredNet, fully_connected


class LayerNet(LayeredNet):
    """Affine, ReLU, Affine, ReLU, softmax; params W1, b1, W2, b2, as the text has it.

    The second ReLU cuts every logit below 0 to 0. No class can then be given less than 1 / (K eᵐ) with m the largest
    logit, and where a logit is cut, dL/du is 0: an output unit that is below 0 for every sample learns no more, and its
    class is never found again. The book's TwoLayerNet leaves that ReLU out, and so should new networks.
    """

    last_name = "lastLayer"

    def __init__(
        self,
        input_size: int,
        hiden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        faithful: bool | None = None,
    ) -> None:
        super().__init__(faithful)
        self.params = fully_connected([input_size, hiden_size, output_size], [weight_init_std] * 2)
        for number in (1, 2):
            weights, biases = self.params[f"W{number}"], self.params[f"b{number}"]
            self.layers[f"Affine{number}"] = Affine(weights, biases, self.faithful)
            self.layers[f"Relu{number}"] = Relu(self.faithful)
        self._finish()


__all__ = ["LayerNet"]
