"""The modules that the second text's notebooks import: `from common import functions`.

The text's scripts take up names from cells before them; `NAMES` are those that a script may use without an import.
"""

import numpy as np

from pellucid.compat.notebooks.common import functions
from pellucid.compat.notebooks.common.functions import print_vec

_HERE = "pellucid.compat.notebooks"

MODULES = {"common": f"{_HERE}.common", "google": f"{_HERE}.google", "data": "pellucid.compat.book.dataset"}

NOT_PROVIDED = {
    **{
        f"common.{name}": f"the kind 'book' has a common.{name}, whose functions take y before the wanted output"
        for name in ("optimizer", "gradient", "trainer", "util", "multi_layer_net")
    },
    "multi_layer_net": "the kind 'book' has common.multi_layer_net",
}

NAMES = {"np": np, "functions": functions, "print_vec": print_vec}

__all__ = ["MODULES", "NAMES", "NOT_PROVIDED", "functions", "print_vec"]
