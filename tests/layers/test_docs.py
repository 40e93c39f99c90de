"""docs/layers.md: its blocks run, and every layer stands in its table."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import layers

PAGE = (Path(__file__).parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")
NOT_FOR_LISTS = {"Join", "Layer", "Mode", "Named", "Parameter"}


def test_every_layer_stands_in_the_table() -> None:
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)[`(]", table.replace("`Graph`", ""))) == set(layers.__all__) - NOT_FOR_LISTS


def test_the_blocks_run_one_after_the_other() -> None:
    names: dict[str, Any] = {}
    images, columns = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(images, "layers.md, images", "exec"), names)
    assert names["net"].evaluate(*names["test"])["accuracy"] > 0.9
    exec(compile(columns, "layers.md, columns", "exec"), names)
    np.testing.assert_allclose(names["net"].parameters["0.mean"], names["x"].mean(axis=0), rtol=1e-6)
