"""The real command line in a folder of its own: what `pellucid ...` prints, and its exit code."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pellucid.cli.app import run


class Said(NamedTuple):
    """What one command ended with."""

    code: int
    out: str
    err: str


Pellucid = Callable[..., Said]


@pytest.fixture
def pellucid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pellucid:
    """Runs a command line, given as one text or in words, below an empty folder."""
    monkeypatch.chdir(tmp_path)
    # Importing matplotlib takes longer than most of these commands; tests of the picture put it back.
    monkeypatch.setattr("pellucid.cli.train.draw_curves", lambda path, metrics: True)

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = run(words[0].split() if len(words) == 1 else words)
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def trained(pellucid: Pellucid) -> Pellucid:
    """The same, with a small network for the digits in runs/small."""
    said = pellucid("train digits --layers 64-8-10 --epochs 2 --quiet --out runs/small")
    assert said == (0, "", "")
    return pellucid
