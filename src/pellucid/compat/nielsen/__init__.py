"""The modules of Nielsen's repository and of DeepLearningPython35: `from pellucid.compat.nielsen import network`."""

_HERE = "pellucid.compat.nielsen"

MODULES = {
    name: f"{_HERE}.{name}"
    for name in (
        "network",
        "network2",
        "network3",
        "mnist_loader",
        "expand_mnist",
        "mnist_average_darkness",
        "mnist_svm",
        "cPickle",
    )
}

NOT_PROVIDED = {
    "conv": "it needs network3, which comes with convolution; use network2, or pellucid.Network",
    "theano": "network3's layers come with version 0.2, on Pellucid's own engine; use network2, or pellucid.Network",
}
