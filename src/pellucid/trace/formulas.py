"""Which formula gave which array: read from the docstring of the layer or loss, where it is written once.

A layer of one's own shows its formulas too, if its docstring has them as `name = expression`.
The four equations of backpropagation are named where they apply (Nielsen, ch. 2):

    BP1  δᴸ = ∂C/∂y ⊙ f′(u)              the error at the output
    BP2  δˡ = (δˡ⁺¹·Wᵀ) ⊙ f′(u)          the error one layer further down
    BP3  ∂C/∂b = δ                       summed over the batch
    BP4  ∂C/∂W = xᵀ·δ
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pellucid.layers import Layer
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.trace.structure import LayerTrace, Trace, numbered

EQUATIONS = {
    "BP1": "δᴸ = ∂C/∂y ⊙ f′(u)",
    "BP2": "δˡ = (δˡ⁺¹·Wᵀ) ⊙ f′(u)",
    "BP3": "∂C/∂b = δ",
    "BP4": "∂C/∂W = xᵀ·δ",
}
_PARAMETER_EQUATIONS = {"W": "BP4", "b": "BP3"}
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}
"""How parameters of these names are written in formulas."""
_START = re.compile(r"(?:^\s*|(?<=\s\s)|(?<=, )|(?<=; ))(?:([A-Za-z]\w*(?:/d\w+)?) = |(d[xu]): )", re.MULTILINE)
_END = re.compile(r"\s{2,}|\n|[.:;,]?\s*$|\.\s+(?=[A-Z])|: |; ")


@dataclass(frozen=True)
class Entry:
    """One array as it is shown: its symbol, the formula that gave it, the equation that this is, and the numbers."""

    symbol: str
    formula: str
    equation: str
    values: Array

    @property
    def heading(self) -> str:
        return f"{self.symbol} = {self.formula}" if self.formula else self.symbol


def formulas_of(subject: Layer | Loss) -> dict[str, str]:
    """Returns {"u": "x·W + b", "dx": "du·Wᵀ", ...} as the docstring says; the first is the forward pass.

    dx and du may also be told in words, as `dx: each dy goes to ...`.
    """
    text = (type(subject).__doc__ or "").partition("Source:")[0]
    starts = list(_START.finditer(text))
    found: dict[str, str] = {}
    for index, start in enumerate(starts):
        rest = text[start.end() : starts[index + 1].start() if index + 1 < len(starts) else len(text)]
        end = _END.search(rest)
        formula = rest[: end.start() if end else len(rest)].strip()
        found.setdefault(start[1] or start[2], formula if formula.endswith(" ...") else formula.rstrip(" .,;:"))
    return found


def symbols_of(layer: Layer) -> tuple[str, str]:
    """Returns how the layer's formulas call what comes in and what goes out: ("x", "u") for Affine, ("u", "y")."""
    formulas = formulas_of(layer)
    if "u" in formulas:
        return "x", "u"
    return ("u" if "dy/du" in formulas or "du" in formulas else "x"), "y"


def forward_entries(trace: Trace, index: int) -> Iterator[Entry]:
    """Gives what a layer read and made on the way up; not what it read where that stands just above."""
    layer = trace.layers[index]
    incoming, outgoing = symbols_of(layer.layer)
    if index == 0 or layer.reads != (index,):
        for symbol, number, x in zip(numbered(incoming, len(layer.xs)), layer.reads, layer.xs, strict=True):
            yield Entry(symbol, trace.name_of(number), "", x)
    formulas = formulas_of(layer.layer)
    for name, values in layer.parameters.items():
        yield Entry(name, "", "", values)
    for name, values in layer.saved.items():
        if name in formulas and name not in (incoming, outgoing) and isinstance(values, np.ndarray):
            yield Entry(name, formulas[name], "", values)
    yield Entry(outgoing, formulas.get(outgoing, ""), "", layer.y)


def backward_entries(trace: Trace, index: int) -> Iterator[Entry]:
    """Gives what a layer was given and made on the way down, with the equations' names."""
    layer = trace.layers[index]
    formulas = formulas_of(layer.layer)
    incoming, outgoing = symbols_of(layer.layer)
    if index == len(trace) - 1:
        yield Entry(f"d{outgoing}", _loss_derivative(trace, outgoing), _name_of_last(layer, incoming), layer.delta)
    elif _added_up(trace, index):
        yield Entry(f"d{outgoing}", _added_up(trace, index), "", layer.delta)
    for name, gradient in layer.gradients.items():
        formula = formulas.get(f"d{name}", formulas.get(f"d{_GREEK.get(name, name)}", ""))
        yield Entry(f"d{name}", formula, _PARAMETER_EQUATIONS.get(name, ""), gradient)
    down = formulas.get(f"d{incoming}", "")
    if not down and "dy/du" in formulas:
        down = f"dy ⊙ dy/du,  dy/du = {formulas['dy/du']}"
    symbols = numbered(f"d{incoming}", len(layer.dxs))
    _, says_so, of_all = formulas.get(symbols[0], "").rpartition(" = ")
    for symbol, dx in zip(symbols, layer.dxs, strict=True):
        # "dx₁ = dx₂ = ... = dy" is one formula for all of them.
        own = of_all if says_so else formulas.get(symbol, down)
        yield Entry(symbol, own if len(symbols) > 1 else down, _name_of_error(trace, index, incoming), dx)


def _added_up(trace: Trace, index: int) -> str:
    """What a delta is made of, where that is not all of one reader's dx."""
    readers = trace.readers(index)
    if len(readers) == 1 and len(readers[0].reads) == 1:
        return ""
    return " + ".join(
        f"{symbol} of {reader.name}"
        for reader in readers
        for symbol, number in zip(
            numbered(f"d{symbols_of(reader.layer)[0]}", len(reader.reads)), reader.reads, strict=True
        )
        if number == index + 1
    )


def loss_formulas(trace: Trace) -> tuple[str, str]:
    """Returns the loss of one row and its derivative as formulas, "" where the docstring has none."""
    formulas = formulas_of(trace.loss_function)
    return formulas.get("l", ""), formulas.get("dl/dy", "")


def _loss_derivative(trace: Trace, outgoing: str) -> str:
    formula = loss_formulas(trace)[1]
    if not formula:
        return "dL/dy"
    rows = len(trace.weight)
    return formula if rows == 1 else f"({formula}) w / Σ w"


def _name_of_last(layer: LayerTrace, incoming: str) -> str:
    """The loss's derivative by the output is BP1 itself where no activation lies between."""
    return "BP1" if layer.parameters else ""


def _name_of_error(trace: Trace, index: int, incoming: str) -> str:
    """BP1 or BP2 for a derivative by a weighted input u; a part of BP2 for what goes down from the weights."""
    above = trace.layers[index + 1 :]
    if incoming == "u":
        return "BP2" if any(layer.parameters for layer in above) else "BP1"
    below = trace.layers[:index]
    if not trace.layers[index].parameters or not any(layer.parameters for layer in below):
        return ""
    return "BP2" if below[-1].parameters else "in BP2"
