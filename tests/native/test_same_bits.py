"""The same seed gives the same bits: for any number of threads, on any processor with fused multiply-add, for good."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pellucid import _core

GOLDEN = Path(__file__).with_name("golden.py")
THREADS = ("1", "2", "3", "5", "8")


def flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}


def hashes(instruction_set: str | None, *threads: str) -> dict[str, Any]:
    environment = dict(os.environ)
    environment.pop("PELLUCID_ISA", None)
    if instruction_set is not None:
        environment["PELLUCID_ISA"] = instruction_set
    done = subprocess.run(
        [sys.executable, str(GOLDEN), *threads], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert instruction_set is None or found["instruction_set"] == instruction_set
    return found


@pytest.fixture(scope="module")
def golden() -> dict[str, str]:
    kept: dict[str, str] = json.loads(GOLDEN.with_name("golden_hashes.json").read_text(encoding="utf-8"))
    return kept


def test_any_number_of_threads_gives_the_same_bits() -> None:
    found = hashes(None, *THREADS)
    for threads in THREADS:
        assert found["hashes"][threads] == found["hashes"]["1"], f"{threads} threads"
    # The hashes say something only if steps were really shared.
    assert not Path("/proc/self/task").exists() or found["threads_started"] == 7


@pytest.mark.skipif(_core.instruction_set() == "baseline", reason="this processor has no fused multiply-add")
def test_the_bits_are_the_golden_ones(golden: dict[str, str]) -> None:
    assert hashes(None, "1")["hashes"]["1"] == golden


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="not an x86 processor")
@pytest.mark.parametrize("instruction_set, needed", [("avx2", {"avx2", "fma"}), ("avx512", {"avx512f", "avx512vl"})])
def test_every_instruction_set_gives_the_golden_bits(
    instruction_set: str, needed: set[str], golden: dict[str, str]
) -> None:
    if not needed <= flags():
        pytest.skip(f"this processor has no {instruction_set}")
    found = hashes(instruction_set, "1", "3")["hashes"]
    assert found["1"] == golden
    assert found["3"] == golden
