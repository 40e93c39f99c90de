"""`pellucid evaluate`: the loss and accuracy of a model on one part of a data set."""

import click

from pellucid.cli.models import column, fitting, load_model, part_of
from pellucid.datasets import by_name


def evaluate(model: str, data: str, part: str, target: str | None, engine: str | None, threads: int | None) -> None:
    """Prints the loss, and the accuracy where the targets are classes."""
    network, _ = load_model(model, engine, threads)
    dataset = by_name(data, target=column(target))
    x, t = part_of(dataset, part)
    measured = network.evaluate(fitting(x, network, dataset.name), t)
    click.echo(f"{dataset.name}, {part} part, {len(x):,} rows")
    click.echo(sentence(measured, len(x)))


def sentence(measured: dict[str, float], rows: int) -> str:
    """Returns "loss 0.0873, accuracy 97.33 % (292 of 300 right)"; the loss alone where there is no accuracy."""
    said = f"loss {measured['loss']:.4g}"
    if "accuracy" in measured:
        right = round(measured["accuracy"] * rows)
        said += f", accuracy {percent(measured['accuracy'])} ({right:,} of {rows:,} right)"
    return said


def percent(share: float) -> str:
    """Returns "97.33 %" for 0.9733."""
    return f"{100 * share:.2f} %"
