"""Chapter 5: the same network made of layers, and the two layers of the apple shop."""
