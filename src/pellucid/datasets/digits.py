"""The 1,797 handwritten digits of 8 x 8 pixels that come with Pellucid: real data without a download."""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.pixels import check_dtype, scale_pixels
from pellucid.datasets.split import split_rows

_FILE = Path(__file__).with_name("digits.npz")
_HELD_OUT = 300 / 1797


def digits(*, dtype: DTypeLike = "float32") -> Dataset:
    """Real handwritten digits of 8 x 8 pixels, split 1,197 / 300 / 300, always the same rows.

    x (N, 64): grey level / 16 in [0, 1], or the raw levels 0..16 for dtype "uint8"; t (N,) int64, the digit.
    The split is stratified and shuffled by seed 0 (`split.split_rows`), so that each part has every digit alike.
    The file is made by tools/make_digits.py from scikit-learn's copy.
    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits (the test set of 1998),
    UCI Machine Learning Repository, CC BY 4.0.
    """
    check_dtype(dtype)
    from pellucid.datasets.npz import read_npz  # Here, not above: `import pellucid` must not pay for it.

    arrays = read_npz(_FILE)
    x, t = scale_pixels(arrays["x"], 16, dtype), arrays["t"].astype(np.int64)
    parts = split_rows(len(t), classes=t, validation_fraction=_HELD_OUT, test_fraction=_HELD_OUT, seed=0)
    train, validation, test = ((x[rows], t[rows]) for rows in parts)
    return Dataset(train, validation, test, "digits", tuple("0123456789"), image_shape=(1, 8, 8))
