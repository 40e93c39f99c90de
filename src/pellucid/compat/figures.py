"""A matplotlib backend for machines without a screen: plt.show() saves figure-1.png and so on, and says so."""

from pathlib import Path
from typing import Any

from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas


def show(*_: Any, **__: Any) -> None:
    """Saves every open figure in the current folder under the next free number, and closes it as a window would be."""
    for manager in list(Gcf.get_all_fig_managers()):
        path = _next_path()
        manager.canvas.figure.savefig(path)
        print(f"There is no screen; the figure is in {path}.")
        Gcf.destroy(manager)


def _next_path() -> Path:
    number = 1
    while Path(f"figure-{number}.png").exists():
        number += 1
    return Path(f"figure-{number}.png")


__all__ = ["FigureCanvas", "show"]
