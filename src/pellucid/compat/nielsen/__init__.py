"""The modules of Nielsen's repository and of DeepLearningPython35: `from pellucid.compat.nielsen import network`."""

import functools
import sys
from pathlib import Path

from pellucid.compat.book.recognise import digest

_HERE = "pellucid.compat.nielsen"
_NETWORKS = ("network", "network2", "network3")

MODULES = {
    name: f"{_HERE}.{name}"
    for name in (*_NETWORKS, "mnist_loader", "expand_mnist", "mnist_average_darkness", "mnist_svm", "cPickle", "theano")
}

NOT_PROVIDED: dict[str, str] = {}

# Names of Python 2 with which Nielsen's scripts are Python 3 as well, as far as they have no print statement.
NAMES = {"raw_input": input, "reduce": functools.reduce, "xrange": range}

# The beginnings of the digests of network.py, network2.py and network3.py as the two repositories have them.
_ORIGINALS = {
    "1a042dd2de718bd0",
    "ad5721d8b7451b7b",
    "23140f17f319eb24",
    "cdc34dbd1793473b",
    "dd1ced4e660deb89",
    "c9aa117e2f6f05d0",
}
_MAX_FILE = 2**20


def beside(script: Path) -> dict[str, str]:
    """Says so where a changed network.py lies beside the script, since Pellucid's is taken in its place."""
    for name in _NETWORKS:
        path = script.resolve().parent / f"{name}.py"
        if path == script.resolve() or not path.is_file() or path.stat().st_size > _MAX_FILE:
            continue
        if digest(path.read_bytes())[:16] not in _ORIGINALS:
            print(f"{path.name} beside the script is not the original; Pellucid takes its own.", file=sys.stderr)
    return {}
