"""Chapter 8: the network with six convolutions."""
