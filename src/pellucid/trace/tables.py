"""Arrays as HTML: small ones as tables of numbers on the colour of their size, large ones as pictures."""

import math
from collections.abc import Iterator

import numpy as np

from pellucid.ops import Array
from pellucid.trace.pixels import data_uri, heat

MOST_CELLS = 420
MOST_PIXELS = 400
MOST_UNITS = 100
Grid = tuple[int, int]


def array_as_html(values: Array, grid: Grid | None = None, units: Grid | None = None) -> str:
    """Returns one array as HTML.

    grid: (height, width) to lay one sample's numbers out in, as an image. units: (height, width) of the image that
    each column of a matrix looks at: one picture for each column then.
    """
    if values.size == 0:
        return '<p class="note">empty</p>'
    if units is not None and values.ndim == 2:
        return "".join(_unit_pictures(values, units))
    if grid is not None and values.size == math.prod(grid):
        values = values.reshape(grid)
    if values.ndim == 4 and math.prod(values.shape[2:]) > 1:
        return "".join(_images(values))
    if values.ndim > 2 or (values.ndim == 2 and len(values) == 1):
        values = values.reshape(-1) if len(values) == 1 else values.reshape(len(values), -1)
    if values.size > MOST_CELLS:
        return _picture(np.atleast_2d(values))
    return _cells(values) if values.ndim < 2 else _table(values)


def number(value: float) -> str:
    """Returns a number in two or three digits, short enough for a cell."""
    text = f"{value:.3g}"
    if len(text) > 7:
        text = f"{value:.1e}"
    return text.replace("e-0", "e-").replace("e+0", "e")


def _cells(values: Array) -> str:
    flat = np.atleast_1d(values)
    cells = "".join(
        f'<span style="{style}" title="[{index}] {float(value):.9g}">{number(float(value))}</span>'
        for index, (value, style) in enumerate(zip(flat, _styles(flat), strict=True))
    )
    return f'<div class="cells">{cells}</div>'


def _table(values: Array, limit: float | None = None, place: tuple[int, ...] = ()) -> str:
    """A matrix as a table; `place` is where it lies in a larger array."""
    styles = iter(_styles(values, limit))
    rows = []
    for i, row in enumerate(values):
        cells = "".join(
            f'<td style="{next(styles)}" title="{[*place, i, j]} {float(value):.9g}">{number(float(value))}</td>'
            for j, value in enumerate(row)
        )
        rows.append(f"<tr>{cells}</tr>")
    return f'<div class="scroll"><table class="heat">{"".join(rows)}</table></div>'


def _styles(values: Array, limit: float | None = None) -> list[str]:
    colours = heat(values, limit).reshape(-1, 3)
    dark = colours @ np.array([0.299, 0.587, 0.114]) < 140
    return [
        f"background:#{r:02x}{g:02x}{b:02x}{';color:#fff' if on_dark else ''}"
        for (r, g, b), on_dark in zip(colours.tolist(), dark.tolist(), strict=True)
    ]


def _picture(values: Array) -> str:
    steps = [max(1, math.ceil(n / MOST_PIXELS)) for n in values.shape]
    shown = values[:: steps[0], :: steps[1]]
    height, width = shown.shape
    scale = max(1, min(12, 640 // max(width, 1), 480 // max(height, 1)))
    note = "" if max(steps) == 1 else f", every {steps[0]}th row and {steps[1]}th column"
    return (
        f'<div class="scroll"><img class="pixels" alt="heat map" width="{width * scale}" height="{height * scale}" '
        f'src="{data_uri(heat(shown))}"></div><p class="note">{len(values):,} rows, {values.shape[1]:,} columns{note}'
        "</p>"
    )


def _images(values: Array) -> Iterator[str]:
    """One table or picture for each channel of each image (N, C, H, W), or of each filter (O, C, KH, KW)."""
    count, channels, height, width = values.shape
    planes = values.reshape(-1, height, width)
    if len(planes) == 1:
        yield _picture(planes[0]) if values.size > MOST_CELLS else _table(planes[0])
        return
    limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    yield '<div class="units">'
    for number in range(min(len(planes), MOST_UNITS)):
        caption = f"{number // channels}, {number % channels}" if count > 1 else str(number)
        shown = planes[number]
        plane = (
            _table(shown, limit, (number // channels, number % channels))
            if values.size <= MOST_CELLS
            else f'<img class="pixels" alt="{caption}" src="{data_uri(heat(shown, limit))}">'
        )
        yield f"<figure>{plane}<figcaption>{caption}</figcaption></figure>"
    yield "</div>"
    more = f"; the first {MOST_UNITS} of {len(planes):,}" if len(planes) > MOST_UNITS else ""
    each = "one for each channel" if count == 1 else "one for each of the first axis and each channel"
    yield f'<p class="note">{each}, {height} by {width}{more}</p>'


def _unit_pictures(values: Array, units: Grid) -> Iterator[str]:
    limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    columns = values.shape[1]
    yield '<div class="units">'
    for unit in range(min(columns, MOST_UNITS)):
        picture = data_uri(heat(values[:, unit].reshape(units), limit))
        yield f'<figure><img class="pixels" alt="unit {unit}" src="{picture}"><figcaption>{unit}</figcaption></figure>'
    yield "</div>"
    more = f"; the first {MOST_UNITS} of {columns:,}" if columns > MOST_UNITS else ""
    yield f'<p class="note">one picture for each unit: what it is sensitive to{more}</p>'
