"""`pellucid evaluate`: the loss and accuracy of a model on one part of a data set."""

import click

from pellucid.cli.models import column, fitting, load_model, part_of
from pellucid.cli.report import sentence
from pellucid.datasets import by_name


def evaluate(model: str, data: str, part: str, target: str | None, engine: str | None, threads: int | None) -> None:
    """Prints the loss, and the accuracy where the targets are classes."""
    network, _ = load_model(model, engine, threads)
    dataset = by_name(data, target=column(target))
    x, t = part_of(dataset, part)
    measured = network.evaluate(fitting(x, network, dataset.name), t)
    click.echo(f"{dataset.name}, {part} part, {len(x):,} rows")
    click.echo(sentence(measured, len(x)))
