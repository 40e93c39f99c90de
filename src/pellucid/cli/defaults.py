"""What is used where nothing is typed: one table, a row for each known data set, and one for any other."""

from typing import Any

from pellucid.cli.settings import Settings
from pellucid.datasets import Dataset

LEARNING_RATES = {
    "sgd": 0.1,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.02,
    "rmsprop": 0.001,
    "adam": 0.001,
    "adamw": 0.001,
}
"""Per optimizer, for where the optimizer was typed and the learning rate was not."""

_ANY: dict[str, Any] = {
    "hidden": (32,),
    "activation": "relu",
    "optimizer": "adam",
    "learning_rate": 0.005,
    "epochs": 50,
    "batch_size": 32,
}

_KNOWN: dict[str, dict[str, Any]] = {
    "digits": {"hidden": (64,), "learning_rate": 0.003, "epochs": 30},
    "mnist": {"hidden": (256,), "learning_rate": 0.001, "epochs": 10, "batch_size": 64},
    "fashion-mnist": {"hidden": (256,), "learning_rate": 0.001, "epochs": 15, "batch_size": 64},
    "xor": {"hidden": (8,), "activation": "tanh", "learning_rate": 0.05, "epochs": 200, "batch_size": 4},
    "moons": {"hidden": (16, 16), "learning_rate": 0.01},
    "spiral": {"hidden": (32, 32), "learning_rate": 0.01, "epochs": 100},
    "circles": {"hidden": (16, 16), "learning_rate": 0.01},
    "plane": {"hidden": (), "learning_rate": 0.02, "epochs": 30},
}

_INITIAL_WEIGHTS = {"sigmoid": "lecun", "tanh": "lecun", "identity": "lecun", "softplus": "lecun"}
"""Per activation; the ReLU family, which silences half of its inputs, starts from He."""


def resolve(given: dict[str, Any], data: Dataset) -> Settings:
    """Returns the settings of a run: what was given, and the defaults of the data set for the rest."""
    defaults = _ANY | _KNOWN.get(given["data"].replace("_", "-"), {})
    hidden = defaults.pop("hidden")
    if "optimizer" in given:
        defaults["learning_rate"] = LEARNING_RATES[given["optimizer"]]
    defaults["layers"] = (data.n_features, *hidden, data.n_outputs)
    defaults["loss"] = "cross-entropy" if data.task == "classification" else "mse"
    values = defaults | given
    values.setdefault("init", _INITIAL_WEIGHTS.get(values["activation"], "he"))
    if values["optimizer"] == "adamw":
        values.setdefault("weight_decay", 0.01)
    return Settings(**values)
