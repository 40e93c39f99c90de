"""The kinds of picture that the experiments draw, each a function that draws into a matplotlib Figure."""

import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.files import write_atomically
from pellucid.reproduce.experiment import Picture

MISSING = "Pictures are drawn where matplotlib is installed: pip install 'pellucid[plot]'."
Series = Mapping[str, Sequence[float]]


def draw(picture: Picture, path: Path, title: str) -> bool:
    """Writes the picture as a PNG; returns False where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    picture(figure)
    figure.suptitle(title, fontsize=11)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_atomically(path, lambda stream: stream.write(content.getvalue()))
    return True


def curves(panels: Mapping[str, Series], x_label: str = "epoch", start: int = 0, log: bool = False) -> Picture:
    """Lines over epochs or steps, a panel for each entry."""

    def picture(figure: Any) -> None:
        for place, (title, series) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), place, title=title, xlabel=x_label)
            for label, values in series.items():
                axes.plot(range(start, start + len(values)), values, label=label, linewidth=1.2)
            if log:
                axes.set_yscale("log")
            axes.grid(alpha=0.3)
            if len(series) <= 12:
                axes.legend(fontsize=8)

    return picture


def bars(panels: Mapping[str, Series], x_label: str, logarithmic: Collection[str] = ()) -> Picture:
    """Groups of bars, a panel for each entry and a colour for each series; the panels named are logarithmic."""

    def picture(figure: Any) -> None:
        for place, (title, series) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), place, title=title, xlabel=x_label)
            width = 0.8 / len(series)
            for number, (label, values) in enumerate(series.items()):
                axes.bar(np.arange(len(values)) + (number - (len(series) - 1) / 2) * width, values, width, label=label)
            axes.set_xticks(range(max(map(len, series.values()))))
            if title in logarithmic:
                axes.set_yscale("log")
            axes.grid(alpha=0.3, axis="y")
            axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=len(series))

    return picture


def histograms(rows: Mapping[str, Sequence[Any]], limits: tuple[float, float]) -> Picture:
    """Histograms of activations: a row for each entry, a column for each layer."""

    def picture(figure: Any) -> None:
        columns = max(map(len, rows.values()))
        for i, (title, layers) in enumerate(rows.items()):
            for j, values in enumerate(layers):
                axes = figure.add_subplot(len(rows), columns, i * columns + j + 1)
                axes.hist(np.ravel(values), 30, range=limits)
                axes.set_title(f"{title}, layer {j + 1}", fontsize=6)
                axes.tick_params(labelsize=5)
                axes.set_yticks([])

    return picture


def paths(found: Mapping[str, Any], height: Any) -> Picture:
    """Paths (steps, 2) over the contours of a function of two numbers."""

    def picture(figure: Any) -> None:
        x, y = np.meshgrid(np.linspace(-10, 10, 201), np.linspace(-5, 5, 101))
        for place, (title, points) in enumerate(found.items(), start=1):
            axes = figure.add_subplot(2, (len(found) + 1) // 2, place, title=title, xlim=(-10, 10), ylim=(-5, 5))
            axes.contour(x, y, height(x, y), levels=[0.2, 1, 2, 4, 7, 12, 20], colors="0.8", linewidths=0.8)
            axes.plot(points[:, 0], points[:, 1], "o-", markersize=2.5, linewidth=1, color="C3")
            axes.plot(0, 0, "+", color="k")

    return picture


def tiles(panels: Mapping[str, Mapping[str, Any]], columns: int) -> Picture:
    """Small grey images with a title each, in a grid of so many columns for each entry; dark is large."""

    def picture(figure: Any) -> None:
        for part, (title, images) in zip(
            figure.subfigures(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            part.suptitle(title, fontsize=9)
            for place, (name, image) in enumerate(images.items(), start=1):
                axes = part.add_subplot(-(-len(images) // columns), columns, place)
                axes.imshow(image, cmap="gray_r")
                axes.set_title(name, fontsize=6)
                axes.set_axis_off()

    return picture


def small_curves(panels: Mapping[str, Series], columns: int, limits: tuple[float, float]) -> Picture:
    """Lines over epochs in a grid of so many columns, all of one scale; the first panel has the legend."""

    def picture(figure: Any) -> None:
        for place, (title, series) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(-(-len(panels) // columns), columns, place, ylim=limits)
            for label, values in series.items():
                axes.plot(values, label=label, linewidth=1.2)
            axes.set_title(title, fontsize=7)
            axes.tick_params(labelsize=5)
            axes.grid(alpha=0.3)
            if place == 1:
                axes.legend(fontsize=5)

    return picture
