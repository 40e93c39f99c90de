"""Time per step over the width of the hidden layer, for all contenders, as a PNG."""

from pathlib import Path
from typing import Any

# In an order that stays, so that a contender keeps its colour; distinguishable without colour vision (Okabe and Ito).
STYLES = {
    "Pellucid": ("#D55E00", "o"),
    "NumPy": ("#0072B2", "s"),
    "PyTorch": ("#CC79A7", "^"),
    "JAX": ("#009E73", "D"),
    "scikit-learn": ("#56B4E9", "v"),
}


def width_plot(tasks: list[dict[str, Any]], path: Path) -> str | None:
    """Writes the plot; returns why not, where matplotlib is missing or there are no points."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        return "matplotlib is not installed"
    if len(tasks) < 2:
        return "there are fewer than two widths"
    figure, axes = plt.subplots(figsize=(7.5, 4.8), dpi=150, layout="constrained")
    for name, (colour, marker) in STYLES.items():
        points = [
            (task["sizes"][1], 1e6 * one["median"])
            for task in tasks
            for one in task["contestants"]
            if one["name"] == name and "median" in one
        ]
        if points:
            width = 2.4 if name == "Pellucid" else 1.4
            x, y = zip(*points, strict=True)
            axes.plot(x, y, label=name, color=colour, marker=marker, markersize=4, linewidth=width)
    floors = [(task["sizes"][1], 1e6 * task["floor"]) for task in tasks if task.get("floor")]
    if floors:
        axes.plot(*zip(*floors, strict=True), label="floor (FLOP / peak)", color="0.4", linestyle="--", linewidth=1.2)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([task["sizes"][1] for task in tasks], [str(task["sizes"][1]) for task in tasks])
    axes.set(xlabel="units of the hidden layer, W", ylabel="time per step, µs")
    axes.set_title("784-W-10, ReLU, softmax cross-entropy, SGD, batch 32, one core, float32", fontsize=10)
    axes.grid(True, which="major", color="0.9")
    axes.legend(frameon=False, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without dates and versions, so that the same figures give the same file.
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return None
