"""A trace as one page that needs nothing else: no script, no network, no font; whatever text comes in is escaped."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from pellucid.ops import Array
from pellucid.ops.arrays import format_shape
from pellucid.trace.formulas import EQUATIONS, Entry, backward_entries, forward_entries, loss_formulas
from pellucid.trace.pixels import data_uri, ink
from pellucid.trace.structure import LayerTrace, Trace
from pellucid.trace.style import STYLE
from pellucid.trace.tables import Grid, array_as_html


@dataclass(frozen=True)
class Subject:
    """What the page is about: a title, what stands below it, class names, and the shape of an image where x is one."""

    title: str = "One pass through a network"
    subtitle: str = ""
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, int, int] | None = None
    note: str = ""

    @property
    def grid(self) -> Grid | None:
        """(height, width) of a grey image, None where x is no such thing."""
        return self.image_shape[1:] if self.image_shape is not None and self.image_shape[0] == 1 else None


def as_html(trace: Trace, subject: Subject | None = None) -> str:
    """Returns the page: the sample, then forward pass, loss, backward pass and update with all numbers."""
    subject = subject or Subject()
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(subject.title)}</title><style>{STYLE}</style></head><body><main>",
            *_head(trace, subject),
            *_forward(trace, subject),
            *_loss(trace),
            *_backward(trace, subject),
            *_update(trace, subject),
            *_foot(subject),
            "</main></body></html>\n",
        ]
    )


def _head(trace: Trace, subject: Subject) -> Iterator[str]:
    yield f"<header><h1>{escape(subject.title)}</h1><p>{escape(subject.subtitle)}</p></header>"
    yield '<section class="sample">'
    grid = subject.grid
    if grid is not None and trace.x.size == grid[0] * grid[1]:
        yield f'<img class="pixels sample" alt="the sample" src="{data_uri(ink(trace.x.reshape(grid)))}">'
    if len(trace.x) == 1:
        yield _outputs(trace, subject)
    yield f'<div class="loss"><span>loss</span><b>{trace.loss:.6g}</b><span>{escape(trace.loss_name)}</span></div>'
    yield "</section>"
    yield f'<nav class="flow">{" <i>→</i> ".join(_chip(layer) for layer in trace.layers)}</nav>'


def _outputs(trace: Trace, subject: Subject) -> str:
    """A bar for each output, as the loss reads them; the target's is marked."""
    with np.errstate(all="ignore"):
        said = np.asarray(trace.loss_function.link(trace.y))[0]
    largest = float(np.abs(said[np.isfinite(said)]).max(initial=0.0)) or 1.0
    names = subject.class_names if len(subject.class_names) == len(said) else tuple(map(str, range(len(said))))
    chosen = int(np.argmax(said))
    rows = []
    for k, (name, value) in enumerate(zip(names, said.tolist(), strict=True)):
        width = 100 * min(abs(value) / largest, 1.0) if np.isfinite(value) else 0.0
        kind = "right" if trace.t[0, k] > 0.5 else "wrong" if k == chosen and len(said) > 1 else ""
        rows.append(
            f'<tr class="{kind}"><th>{escape(name)}</th><td><div style="width:{width:.1f}%"></div></td>'
            f"<td>{value:.4f}</td></tr>"
        )
    return f'<table class="bars"><caption>outputs; the target is marked</caption>{"".join(rows)}</table>'


def _chip(layer: LayerTrace) -> str:
    return f"<span>{escape(layer.name)}<small>{escape(format_shape(layer.y.shape[1:]))}</small></span>"


def _forward(trace: Trace, subject: Subject) -> Iterator[str]:
    yield '<h2>Forward pass<span class="down">from the input to the output</span></h2>'
    for index, layer in enumerate(trace.layers):
        grid, units = _grids(trace, index, subject)
        yield from _card(layer, forward_entries(trace, index), grid, units)


def _loss(trace: Trace) -> Iterator[str]:
    formula, _ = loss_formulas(trace)
    yield f'<article class="card"><h3>loss <small>{escape(trace.loss_name)}</small></h3>'
    yield _entry(Entry("t", "the target", "", trace.t), None, None)
    yield _entry(Entry("l", formula, "", trace.row_losses), None, None)
    yield f'<p class="formula">L = Σ w l / Σ w = <b>{trace.loss:.8g}</b></p></article>'


def _backward(trace: Trace, subject: Subject) -> Iterator[str]:
    yield '<h2>Backward pass<span class="up">from the loss back to the first layer</span></h2>'
    listed = "".join(f"<li><b>{name}</b>{escape(text)}</li>" for name, text in EQUATIONS.items())
    yield f'<ul class="equations">{listed}</ul>'
    for index in reversed(range(len(trace))):
        grid, units = _grids(trace, index, subject)
        yield from _card(trace.layers[index], backward_entries(trace, index), grid, units)


def _update(trace: Trace, subject: Subject) -> Iterator[str]:
    if trace.update is None:
        return
    yield f"<h2>Update<span>{escape(str(trace.update.optimizer))}</span></h2><article class='card'>"
    for name, change in trace.update.change.items():
        _, units = _grids(trace, int(name.partition(".")[0]), subject)
        yield _entry(Entry(f"change of {name}", "", "", change), None, units if _per_pixel(change, units) else None)
    yield "</article>"


def _foot(subject: Subject) -> Iterator[str]:
    yield (
        '<footer><span class="scale"></span> blue below zero, red above, each array by its own largest number. '
        "Point at a number for all its digits. "
        f"{escape(subject.note)}</footer>"
    )


def _card(layer: LayerTrace, entries: Iterable[Entry], grid: Grid | None, units: Grid | None) -> Iterator[str]:
    yield f'<article class="card"><h3>{escape(layer.name)} <small>{escape(_short(str(layer.layer)))}</small></h3>'
    for entry in entries:
        yield _entry(entry, grid, units if _per_pixel(entry.values, units) else None)
    yield "</article>"


def _entry(entry: Entry, grid: Grid | None, units: Grid | None) -> str:
    equation = f'<b class="bp">{entry.equation}</b>' if entry.equation else ""
    formula = f" = {escape(entry.formula)}" if entry.formula else ""
    shape = escape(format_shape(entry.values.shape))
    return (
        f'<section class="entry"><p class="formula"><b>{escape(entry.symbol)}</b>{formula}{equation}'
        f"<span>{shape}{_range(entry.values)}</span></p>{array_as_html(entry.values, grid, units)}</section>"
    )


def _range(values: Array) -> str:
    return f" · {values.min():.3g} to {values.max():.3g}" if values.size > 1 else ""


def _grids(trace: Trace, index: int, subject: Subject) -> tuple[Grid | None, Grid | None]:
    """How the layer's input is laid out, and whether its weights look at the pixels of the image."""
    grid = subject.grid
    layer = trace.layers[index]
    looks = grid is not None and layer.x.shape[1:] == (grid[0] * grid[1],)
    return (grid if looks and len(layer.x) == 1 else None), (grid if looks else None)


def _per_pixel(values: Array, units: Grid | None) -> bool:
    """Whether the array has a row for each pixel, as the first layer's weights and their gradient have."""
    return units is not None and values.ndim == 2 and len(values) == units[0] * units[1]


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
