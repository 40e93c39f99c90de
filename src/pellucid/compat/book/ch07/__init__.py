"""Chapter 7: the network with one convolution."""
