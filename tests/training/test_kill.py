"""A run killed at any moment and resumed ends with the same bits as one that was never stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("kill_runs.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")


def kill_runs(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(kills), str(seed)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def check(result: dict[str, Any], kills: int) -> None:
    assert len(result["resumed"]) == kills
    assert [same for same in result["resumed"] if same != result["unbroken"]] == []
    assert result["early"] < kills, "no kill came after the first checkpoint, so nothing was resumed"


def test_20_killed_runs_end_with_the_bits_of_an_unbroken_one(tmp_path: Path) -> None:
    check(kill_runs(tmp_path, 20, seed=1), 20)


@pytest.mark.slow
def test_200_killed_runs_end_with_the_bits_of_an_unbroken_one(tmp_path: Path) -> None:
    result = kill_runs(tmp_path, 200, seed=2)
    check(result, 200)
    assert result["amid"] > 0, "no kill came amid the writing of a checkpoint"
