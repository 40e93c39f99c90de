"""A trace as text within 80 columns: every array with its formula, its shape and its numbers."""

from collections.abc import Iterable, Iterator

import numpy as np

from pellucid.ops import Array
from pellucid.ops.arrays import format_shape
from pellucid.trace.formulas import EQUATIONS, Entry, backward_entries, forward_entries, loss_formulas
from pellucid.trace.structure import LayerTrace, Trace

WIDTH = 80
SHOWN_WHOLE = 64
"""Arrays of more numbers than this are summarised: their range and their corners."""


def as_text(trace: Trace) -> str:
    """Returns the forward pass, the loss, the backward pass and the update, in the order of computation."""
    return "\n".join(_lines(trace))


def layer_as_text(layer: LayerTrace) -> str:
    """Returns all arrays of one layer by their names."""
    return "\n".join([layer.name, "", *_blocks(Entry(name, "", "", values) for name, values in layer.arrays())])


def _lines(trace: Trace) -> Iterator[str]:
    yield from (_title("forward pass"), "")
    for index, layer in enumerate(trace.layers):
        yield from (_layer_line(layer), "")
        yield from _blocks(forward_entries(trace, index))
    loss, _ = loss_formulas(trace)
    yield from (_title("loss"), "")
    yield from _blocks([Entry("t", "the target", "", trace.t)])
    yield from _blocks([Entry("l", loss, "", trace.row_losses)])
    mean = "Σ w l / Σ w" if len(trace.row_losses) > 1 else "l"
    yield from (f"*** L = {mean}   {trace.loss_name} ***", f"{trace.loss:.8g}", "")
    yield from (_title("backward pass"), "")
    for index in reversed(range(len(trace))):
        yield from (_layer_line(trace.layers[index]), "")
        yield from _blocks(backward_entries(trace, index))
    if trace.update is not None:
        yield from (_title("update"), "", *_wrapped(str(trace.update.optimizer)), "")
        yield from _blocks(Entry(f"change of {name}", "", "", v) for name, v in trace.update.change.items())
    yield from (f"{name}  {equation}" for name, equation in EQUATIONS.items())


def _title(text: str) -> str:
    return f"===== {text} ".ljust(WIDTH, "=")


def _layer_line(layer: LayerTrace) -> str:
    return _cut(f"--- {layer.name}")


def _blocks(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield from _block(entry)


def _block(entry: Entry) -> Iterator[str]:
    shape = format_shape(entry.values.shape)
    equation = f"   ({entry.equation})" if entry.equation else ""
    heading = f"*** {entry.heading}{equation} ***"
    if len(heading) + len(shape) + 2 <= WIDTH:
        yield f"{heading:<{WIDTH - len(shape)}}{shape}"
    else:
        yield from (*_wrapped(heading), shape.rjust(WIDTH))
    yield from numbers(entry.values)
    yield ""


def numbers(values: Array) -> list[str]:
    """Returns the numbers as NumPy writes them; of a large array the range, the mean, and the corners."""
    if values.size <= SHOWN_WHOLE:
        return np.array2string(values, max_line_width=WIDTH, precision=8, threshold=SHOWN_WHOLE).splitlines()
    corners = np.array2string(values, max_line_width=WIDTH, precision=4, threshold=0, edgeitems=3)
    lines = [line for line in corners.splitlines() if line.strip()]
    if len(lines) > 12:
        lines = [*lines[:11], " ..."]
    return [f"{values.min():.4g} to {values.max():.4g}, mean {values.mean():.4g}", *map(_cut, lines)]


def _wrapped(text: str) -> list[str]:
    """The text in lines of the width, broken between words where that is possible."""
    lines = [""]
    for word in text.split(" "):
        while len(word) > WIDTH:
            lines, word = [*lines, word[:WIDTH]], word[WIDTH:]
        if len(lines[-1]) + len(word) + 1 > WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return [line for line in lines if line]


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
