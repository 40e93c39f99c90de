"""The numbers that Python and C++ share: the header in core/plan is what the table says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_header_is_what_the_table_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_core_numbers.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
