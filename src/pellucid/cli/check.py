"""`pellucid check`: backpropagation against numeric differentiation, for a model or for a described network."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from pellucid import philox
from pellucid.cli.building import build_network, check_sizes
from pellucid.cli.cost import cost_report
from pellucid.cli.defaults import resolve
from pellucid.cli.models import Rows, column, fitting, load_model, part_of
from pellucid.cli.settings import CALL, checked
from pellucid.cli.toml import read_toml
from pellucid.datasets import Dataset, by_name
from pellucid.errors import InputError
from pellucid.network import Network

_MOST_ROWS = 1000


def check(
    model: str | None, data: str | None, rows: int, cost: bool, target: str | None, config: str | None, **described: Any
) -> bool:
    """Prints the report of the gradient check, and returns whether all gradients are right.

    With `cost`, prints instead what numeric differentiation takes beside backpropagation.
    """
    if not 1 <= rows <= _MOST_ROWS:
        raise InputError(f"rows must be a whole number from 1 to {_MOST_ROWS:,}, got {rows}; a few rows show it all.")
    given = (read_toml(Path(config)) if config else {}) | checked(described)
    given = {name: value for name, value in given.items() if name not in CALL}
    name = data if data is not None else given.get("data")
    where = column(target) if target is not None else given.get("target")
    dataset = by_name(name, target=where) if name is not None else None
    if model is not None:
        if given:
            raise InputError(f"a model file says all about its network; leave out {', '.join(sorted(given))}.")
        network, _ = load_model(model)
    else:
        network = _described_network(given, dataset)
    x, t = _random_rows(network, rows) if dataset is None else part_of(dataset, "train")
    x, t = fitting(x[:rows], network, dataset.name if dataset else "x"), t[:rows]
    if cost:
        click.echo(cost_report(network, x, t))
        return True
    report = network.check_gradients(x, t)
    click.echo(str(report))
    return bool(report.ok)


def _described_network(given: dict[str, Any], dataset: Dataset | None) -> Network:
    """The network of the options; where no data set says how many inputs and outputs, --layers must."""
    if dataset is None:
        if "layers" not in given:
            raise InputError("check needs a model file, --layers such as 64-16-10, or --data such as digits.")
        first, *_, last = given["layers"]
        none = np.zeros((0, first), np.float32), np.zeros((0, last), np.float32)
        classes = tuple(map(str, range(max(last, 2))))
        dataset = Dataset(none, none, none, "random numbers", classes)
        if last == 1:
            given = {"loss": "mse"} | given
    settings = resolve({"data": dataset.name} | given, dataset)
    if len(dataset.train[0]):
        check_sizes(settings, dataset)
    return build_network(settings, classification=dataset.task == "classification")


def _random_rows(network: Network, rows: int) -> tuple[Rows, Rows]:
    """Normal inputs, and targets that any loss takes: class numbers, or values between 0 and 1 for one output."""
    inputs, outputs = int(np.prod(network.input_shape)), network.output_shape[0]
    x = philox.normal(0, philox.DATA, 0, (rows, inputs))
    if outputs > 1:
        return x, np.arange(rows) % outputs
    return x, philox.uniform(0, philox.DATA, 1, (rows, 1))
