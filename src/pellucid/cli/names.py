"""What can be typed on the command line, and the class that each name stands for.

Text only, so that `pellucid --help` need not import NumPy.
"""

from collections.abc import Iterable

ACTIVATIONS = {
    "identity": "Identity",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "leaky-relu": "LeakyReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "softplus": "Softplus",
}

LOSSES = {
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "huber": "Huber",
    "cross-entropy": "SoftmaxCrossEntropy",
    "sigmoid-cross-entropy": "SigmoidCrossEntropy",
}

OPTIMIZERS = {
    "sgd": "SGD",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
}

INITIALIZERS = {
    "normal": "Normal",
    "lecun": "LeCun",
    "xavier": "Xavier",
    "he": "He",
}

ENGINES = ("auto", "native", "reference")
DTYPES = ("float32", "float64")
PARTS = ("train", "validation", "test")


def listed(names: Iterable[str]) -> str:
    """Returns the names as they stand in a help text."""
    return ", ".join(names)


def printable(text: str) -> str:
    """Returns the text with ? for what a terminal would obey instead of show: texts of files are not trusted."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
