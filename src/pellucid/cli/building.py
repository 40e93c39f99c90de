"""From settings to the objects that they name: layers, loss, network, optimizer."""

from pellucid import initializers, layers, losses, optimizers
from pellucid.cli.names import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS
from pellucid.cli.settings import Settings
from pellucid.datasets import Dataset
from pellucid.errors import InputError
from pellucid.initializers import Initializer
from pellucid.layers import Affine, Dropout, Layer, Sigmoid, Standardize
from pellucid.losses import Loss
from pellucid.network import Network
from pellucid.optimizers import Optimizer


def build_network(settings: Settings, *, classification: bool) -> Network:
    """Returns the untrained network: Affine and activation in turn, dropout after each hidden activation.

    The last layer is linear, but for classes under a loss of plain differences (mse, mae, huber): their targets are
    0 and 1, so a sigmoid ends the network, as in Nielsen's.
    """
    loss = build_loss(settings)
    return Network(
        [*_layers(settings), *([Sigmoid()] if classification and loss.probabilities is None else [])],
        loss=loss,
        input_shape=settings.layers[0],
        seed=settings.seed,
        dtype=settings.dtype,
        engine=settings.engine,
        threads=settings.threads,
    )


def build_loss(settings: Settings) -> Loss:
    """Returns the loss that the settings name."""
    loss: Loss = getattr(losses, LOSSES[settings.loss])()
    return loss


def build_optimizer(settings: Settings) -> Optimizer:
    """Returns the optimizer that the settings name."""
    kind: type[Optimizer] = getattr(optimizers, OPTIMIZERS[settings.optimizer])
    return kind(learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)


def _layers(settings: Settings) -> list[Layer]:
    weights: type[Initializer] = getattr(initializers, INITIALIZERS[settings.init])
    activation: type[Layer] = getattr(layers, ACTIVATIONS[settings.activation])
    found: list[Layer] = [Standardize()] if settings.standardize else []
    for units in settings.layers[1:-1]:
        found += [Affine(units, weights=weights()), activation()]
        if settings.dropout:
            found.append(Dropout(settings.dropout))
    return [*found, Affine(settings.layers[-1], weights=weights())]


def measure_columns(network: Network, data: Dataset) -> None:
    """Gives the first layer, Standardize, the mean and deviation of each column of the training part.

    Raises InputError where a deviation is too large for the network's dtype.
    """
    for name, values in Standardize.measure(data.train[0]).items():
        network.parameters[f"0.{name}"] = values


def check_sizes(settings: Settings, data: Dataset) -> None:
    """Raises InputError where the layers' first or last size, or the loss, does not fit the data set."""
    first, *_, last = settings.layers
    written = "-".join(map(str, settings.layers))
    if first != data.n_features:
        raise InputError(
            f"layers {written} take {first} inputs, but {data.name} has {data.n_features} features; "
            f"begin with {data.n_features}."
        )
    one_for_two = data.n_classes == 2 and last == 1 and settings.loss == "sigmoid-cross-entropy"
    if last != data.n_outputs and not one_for_two:
        what = f"{data.n_classes} classes" if data.n_classes else f"{data.n_outputs} target value(s)"
        raise InputError(
            f"layers {written} give {last} outputs, but {data.name} has {what}; end with {data.n_outputs}."
        )
    if data.task == "regression" and build_loss(settings).probabilities is not None:
        raise InputError(
            f"the loss {settings.loss} is for classes, but {data.name} has values to learn; use mse, mae or huber."
        )
