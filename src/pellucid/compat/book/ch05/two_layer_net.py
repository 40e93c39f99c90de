"""Chapter 5's network: two affine layers with a ReLU between them, and layers that scripts can reach."""

from pellucid.compat.book.common.layers import Affine, Relu
from pellucid.compat.book.layered_net import LayeredNet, fully_connected


class TwoLayerNet(LayeredNet):
    """Affine, ReLU, Affine, softmax; params W1, b1, W2, b2, with first weights weight_init_std · N(0, 1)."""

    last_name = "lastLayer"

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
        self.layers["Relu1"] = Relu(self.faithful)
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"], self.faithful)
        self._finish()


__all__ = ["TwoLayerNet"]
