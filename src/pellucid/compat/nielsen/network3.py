"""Chapter 6's network3.py, which needs convolution: not in this version, and says so when it is imported."""

from pellucid.compat.switch import NotProvided

raise NotProvided(
    "network3 (convolution, pooling, ReLU and softmax layers) comes with version 0.2 of Pellucid; for fully connected "
    "layers use network2, or pellucid.Network with Affine, ReLU, Dropout and SoftmaxCrossEntropy.",
    name="network3",
)
