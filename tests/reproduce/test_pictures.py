"""Each kind of picture is drawn as a PNG; without matplotlib nothing is, and nothing fails."""

import sys

import numpy as np
import pytest

from pellucid.reproduce.pictures import bars, curves, draw, histograms, paths, small_curves, tiles

SERIES = {"left": {"a": [1.0, 2.0, 4.0], "b": [3.0, 1.0]}, "right": {"c": [1.0, 0.5]}}
KINDS = {
    "curves": curves(SERIES),
    "curves, logarithmic": curves(SERIES, "step", log=True),
    "bars": bars(SERIES, "unit"),
    "bars, logarithmic": bars(SERIES, "unit", logarithmic=["right"]),
    "histograms": histograms({"one": [np.ones(5), np.zeros(5)], "two": [np.eye(3)]}, (0.0, 1.0)),
    "paths": paths({"SGD": np.array([[-7.0, 2.0], [0.0, 0.0]]), "Adam": np.zeros((1, 2))}, lambda x, y: x * x + y * y),
    "tiles": tiles({"before": {"0": np.eye(5), "1": np.ones((5, 5))}, "after": {"0": np.zeros((5, 5))}}, columns=2),
    "tiles, none": tiles({"mistakes": {}}, columns=5),
    "small curves": small_curves({**SERIES, "empty": {"with": []}}, 2, (0.0, 100.0)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_drawn(kind, tmp_path):
    pytest.importorskip("matplotlib")
    assert draw(KINDS[kind], tmp_path / "a.png", kind)
    data = (tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 5000


def test_without_matplotlib_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not draw(KINDS["bars"], tmp_path / "a.png", "bars")
    assert not list(tmp_path.iterdir())
