"""Makes src/pellucid/datasets/digits.npz from scikit-learn's digits: python tools/make_digits.py

The bytes are the same each time: the zip's dates are fixed by NumPy.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

_FILE = Path(__file__).parents[1] / "src" / "pellucid" / "datasets" / "digits.npz"


def main() -> None:
    """Writes x (1797, 64) uint8 grey levels 0..16 and t (1797,) uint8 in scikit-learn's order."""
    x, t = load_digits(return_X_y=True)
    np.savez_compressed(_FILE, x=x.astype(np.uint8), t=t.astype(np.uint8))
    print(f"{_FILE}: {_FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
