"""The floor: how fast this core multiplies and adds, measured between the rounds by a small C program."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from benchmarks import pinning

SOURCE = Path(__file__).with_name("peak.c")
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast")


class Peak:
    """Keeps the highest FLOP per second seen; `missing` says why there is none. A context manager."""

    def __init__(self) -> None:
        self.flop_per_second: float | None = None
        self.missing: str | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="pellucid-peak-")
        self._program = Path(self._folder.name) / "peak"
        self._build()

    def __enter__(self) -> "Peak":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._folder.cleanup()

    def _build(self) -> None:
        compiler = os.environ.get("CC") or next((name for name in ("gcc", "clang", "cc") if shutil.which(name)), None)
        if compiler is None:
            self.missing = "no C compiler was found"
            return
        command = [*compiler.split(), *FLAGS, str(SOURCE), "-o", str(self._program)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.missing = f"{compiler} could not compile it: {done.stderr.strip().splitlines()[-1:]}"

    def measure(self) -> None:
        """Takes one more measurement, some tens of milliseconds on one core."""
        if self.missing:
            return
        done = subprocess.run(
            [str(self._program)], capture_output=True, text=True, check=True, preexec_fn=lambda: pinning.restrict(1)
        )
        self.flop_per_second = max(self.flop_per_second or 0.0, float(done.stdout))

    def floor(self, flop: int) -> float | None:
        """Returns the seconds that so many FLOP take at the peak, or None where it could not be measured."""
        return flop / self.flop_per_second if self.flop_per_second else None
