"""The harness is a package of the repository's root; its workers import it by that path too."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Workers find the harness, the planted contenders, and the same pellucid as this process."""
    monkeypatch.syspath_prepend(str(ROOT))
    folders = [str(ROOT), str(Path(__file__).parent), *(path for path in sys.path if path)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
