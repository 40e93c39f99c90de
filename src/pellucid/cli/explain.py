"""`pellucid explain`: every number of one sample's pass through a model, in the terminal and as a page."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from pellucid import optimizers
from pellucid.cli.models import column, fitting, load_model, part_of
from pellucid.cli.names import printable
from pellucid.datasets import Dataset, by_name
from pellucid.errors import InputError
from pellucid.files import write_atomically
from pellucid.network import Network
from pellucid.trace import Trace
from pellucid.trace.html import Subject, as_html


def explain(
    model: str,
    data: str,
    sample: int,
    part: str,
    html: str | None,
    learning_rate: float,
    target: str | None,
    engine: str | None,
    threads: int | None,
) -> None:
    """Prints the trace of one sample, and writes it as a page where `html` names a file."""
    network, described = load_model(model, engine, threads)
    dataset = by_name(data, target=column(target))
    x, t = part_of(dataset, part)
    if not 0 <= sample < len(x):
        raise InputError(f"sample must be from 0 to {len(x) - 1:,}, as {data} has so many in its {part} part.")
    if network.loss is None:
        raise InputError(f"the model {model!r} has no loss, so that there is no backward pass to explain.")
    one, wanted = fitting(x[sample : sample + 1], network, data), t[sample : sample + 1]
    traced = network.trace(one, wanted, optimizers.SGD(learning_rate))
    names = described.class_names or dataset.class_names or ()
    agreement = _agreement(network, traced, one, wanted)
    click.echo(f"{printable(data)}, {part} part, sample {sample}: {_verdict(traced, wanted, names)}\n")
    click.echo(str(traced))
    click.echo(agreement)
    if html is not None:
        page = as_html(traced, _subject(model, data, sample, part, dataset, names, agreement)).encode()
        write_atomically(Path(html), lambda stream: stream.write(page))
        click.echo(f"page: {html}")


def _verdict(traced: Trace, wanted: Any, names: tuple[str, ...]) -> str:
    outputs = traced.y.shape[1]
    if outputs == 1 or wanted.ndim > 1:
        return f"output {_few(traced.y[0])}, target {_few(np.atleast_1d(wanted[0]))}"
    said, right = int(np.argmax(traced.y[0])), int(wanted[0])
    named = tuple(map(printable, names)) if len(names) == outputs else tuple(map(str, range(outputs)))
    return f"says {named[said]}, {'which is right' if said == right else f'but it is {named[right]}'}"


def _few(values: Any) -> str:
    return ", ".join(f"{value:.5g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")


def _agreement(network: Network, traced: Trace, x: Any, t: Any) -> str:
    """What the engine that runs the network says about the same sample, beside the numbers shown."""
    _, gradients = network.gradient(x, t)
    largest = max((float(np.abs(g).max(initial=0.0)) for g in traced.gradients.values()), default=0.0)
    apart = max((float(np.abs(gradients[n] - g).max(initial=0.0)) for n, g in traced.gradients.items()), default=0.0)
    share = apart / largest if largest else apart
    return f"Gradients of the {network.engine} engine differ by at most {share:.1e} of the largest."


def _subject(
    model: str, data: str, sample: int, part: str, dataset: Dataset, names: tuple[str, ...], agreement: str
) -> Subject:
    return Subject(
        title=f"Sample {sample} of {data}, number by number",
        subtitle=f"{part} part, model {model}",
        class_names=tuple(names),
        image_shape=dataset.image_shape,
        note=agreement,
    )
