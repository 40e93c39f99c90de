"""Makers of small valid files of each format, and the check that a data set is whole."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import Dataset

FOUR_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_bytes(array: np.ndarray) -> bytes:
    """The IDX file of an array of uint8."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def check_whole(data: Dataset) -> None:
    """Fails unless shapes, types, ranges and names of the parts agree."""
    for x, t in (data.train, data.validation, data.test):
        assert x.ndim == 2 and x.shape[1] == data.n_features and len(x) == len(t)
        assert x.dtype in (np.float32, np.float64, np.uint8) and np.isfinite(x).all()
        if data.class_names is None:
            assert t.ndim == 2 and t.dtype.kind == "f" and np.isfinite(t).all()
        else:
            assert t.dtype == np.int64 and t.ndim == 1
            assert ((t >= 0) & (t < len(data.class_names))).all()
    assert len(data.train[0]) > 0
    if data.feature_names is not None:
        assert len(data.feature_names) == data.n_features
    if data.image_shape is not None:
        assert np.prod(data.image_shape) == data.n_features
    assert repr(data)


@pytest.fixture
def whole() -> Callable[[Dataset], None]:
    return check_whole


@pytest.fixture
def as_idx() -> Callable[[np.ndarray], bytes]:
    return idx_bytes


@pytest.fixture
def made_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the four files of a small image set into a folder of a made PELLUCID_DATA, plain or .gz."""

    def make(folder: str, *, compressed: bool, train: int = 60, test: int = 20) -> Path:
        place = tmp_path / folder
        place.mkdir()
        rng = np.random.default_rng(0)
        for name in FOUR_FILES:
            count = train if name.startswith("train") else test
            shape = (count, 4, 4) if "images" in name else (count,)
            top = 256 if "images" in name else 10
            content = idx_bytes(rng.integers(0, top, shape).astype(np.uint8))
            if compressed:
                (place / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (place / name).write_bytes(content)
        monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
        return place

    return make
