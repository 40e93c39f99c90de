"""Chapter 4: the network of two layers that is differentiated numerically."""
