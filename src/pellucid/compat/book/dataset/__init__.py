"""The package `dataset` of Deep Learning from Scratch: MNIST."""
