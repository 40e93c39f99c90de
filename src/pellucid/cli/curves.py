"""The picture of a run: loss and accuracy over the epochs."""

import io
from pathlib import Path
from typing import Any

from pellucid.files import write_atomically

MISSING = "curves.png is drawn where matplotlib is installed: pip install 'pellucid[plot]'."


def draw_curves(path: Path, metrics: list[dict[str, Any]]) -> bool:
    """Writes a PNG with one panel for the loss and one for the accuracy; returns False where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    panels = [name for name in ("loss", "accuracy") if any(name in row for row in metrics)]
    figure = Figure(figsize=(5 * max(len(panels), 1), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for position, name in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), position, title=name, xlabel="epoch")
        for key, label in ((name, "training"), (f"validation_{name}", "validation")):
            points = [(row["epoch"], row[key]) for row in metrics if row.get(key) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 40 else None)
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(path, lambda stream: stream.write(content.getvalue()))
    return True
