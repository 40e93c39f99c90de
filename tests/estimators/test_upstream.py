"""scikit-learn's own tests of its perceptrons, from the installed package, run against Pellucid's."""

import os
import re
import subprocess
import sys
from pathlib import Path

from estimators.swapped_names import REACHES_INSIDE

HERE = Path(__file__).parent


def test_scikit_learns_own_tests_pass(tmp_path: Path) -> None:
    paths = [str(HERE), *sys.path]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "swapped_names", "-p", "no:cacheprovider", "-c", os.devnull]
    run = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "--pyargs", "sklearn.neural_network.tests.test_mlp"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    summary = run.stdout.strip().splitlines()[-1]
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    counted = {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|xfailed|skipped|xpassed)", summary)}
    assert counted["xfailed"] == len(REACHES_INSIDE), summary
    assert counted["passed"] >= 53, summary  # of scikit-learn 1.6; later ones have more
    assert "xpassed" not in counted, summary
