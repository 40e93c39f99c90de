"""NPZ, IDX and Nielsen's pickle through load: parts, names, scaling, shapes, and what does not fit together."""

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import Dataset, load
from pellucid.errors import FormatError, InputError

_RNG = np.random.default_rng(0)
_X = _RNG.normal(size=(50, 3))
_T = np.arange(50) % 5
_IMAGES = _RNG.integers(0, 256, (50, 4, 3)).astype(np.uint8)


def _npz(tmp_path: Path, **arrays: object) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_npz_of_one_part_is_split_without_loss(tmp_path: Path, whole: Callable[[Dataset], None]) -> None:
    data = load(_npz(tmp_path, x=_X, t=_T), dtype="float64")
    whole(data)
    assert [len(t) for _, t in (data.train, data.validation, data.test)] == [30, 10, 10]
    assert [np.bincount(t).tolist() for _, t in (data.train, data.validation, data.test)] == [[6] * 5, [2] * 5, [2] * 5]
    x = np.concatenate([data.train[0], data.validation[0], data.test[0]])
    t = np.concatenate([data.train[1], data.validation[1], data.test[1]])
    back = np.argsort(x[:, 0])
    front = np.argsort(_X[:, 0])
    assert np.array_equal(x[back], _X[front]) and np.array_equal(t[back], _T[front])


def test_the_seed_decides_the_parts(tmp_path: Path) -> None:
    path = _npz(tmp_path, x=_X, t=_T)
    assert np.array_equal(load(path, seed=1).train[0], load(path, seed=1).train[0])
    assert not np.array_equal(load(path, seed=1).train[0], load(path, seed=2).train[0])


@pytest.mark.parametrize(
    "names", [("x_train", "t_train", "x_test", "t_test"), ("X_train", "y_train", "X_test", "y_test")]
)
def test_npz_with_its_own_test_part(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = dict(zip(names, (_X[:40], _T[:40], _X[40:], _T[40:]), strict=True))
    data = load(_npz(tmp_path, **arrays))
    assert np.array_equal(data.test[0], _X[40:].astype(np.float32)) and np.array_equal(data.test[1], _T[40:])
    assert len(data.train[0]) == 32 and len(data.validation[0]) == 8


def test_npz_with_all_three_parts_keeps_their_order(tmp_path: Path) -> None:
    path = _npz(tmp_path, x_train=_X, t_train=_T, x_val=_X[:5], t_val=_T[:5], x_test=_X[5:9], t_test=_T[5:9])
    data = load(path, dtype="float64")
    assert np.array_equal(data.train[0], _X) and np.array_equal(data.validation[0], _X[:5])
    assert np.array_equal(data.test[1], _T[5:9])


@pytest.mark.parametrize(
    ("x", "shape"), [(_IMAGES, (1, 4, 3)), (_IMAGES.reshape(50, 2, 2, 3), (2, 2, 3)), (_IMAGES.reshape(50, 12), None)]
)
def test_uint8_is_pixels(tmp_path: Path, x: np.ndarray, shape: tuple[int, int, int] | None) -> None:
    path = _npz(tmp_path, x=x, t=_T)
    data = load(path, test_fraction=0, validation_fraction=0)
    raw = load(path, test_fraction=0, validation_fraction=0, dtype="uint8")
    assert data.image_shape == raw.image_shape == shape and data.n_features == 12
    assert raw.train[0].dtype == np.uint8 and sorted(raw.train[0].ravel()) == sorted(_IMAGES.ravel())
    assert np.array_equal(data.train[0], raw.train[0].astype(np.float32) / np.float32(255))


def test_arrays_of_other_orders_and_types(tmp_path: Path) -> None:
    expected = load(_npz(tmp_path, x=_X, t=_T)).train[0]
    for x in (np.asfortranarray(_X), _X.astype(">f8")):
        assert np.array_equal(load(_npz(tmp_path, x=x, t=_T.astype(">i2"))).train[0], expected)


def test_kinds_of_targets(tmp_path: Path) -> None:
    assert load(_npz(tmp_path, x=_X, t=np.eye(5)[_T])).n_classes == 5
    assert load(_npz(tmp_path, x=_X, t=_T > 2)).class_names == ("0", "1")
    assert load(_npz(tmp_path, x=_X, t=_T[:, None])).n_classes == 5
    values = load(_npz(tmp_path, x=_X, t=_X[:, :2]))
    assert values.task == "regression" and values.n_outputs == 2 and values.train[1].shape == (30, 2)
    assert load(_npz(tmp_path, x=_X, t=np.eye(5)[_T]), task="regression").n_outputs == 5


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"a": _X}, "neither x and t nor x_train and t_train; it has a"),
        ({"x": _X}, "not both; it has x"),
        ({"x": _X, "t": _T[:9]}, "50 inputs but 9 targets"),
        ({"x": np.where(_X > 1, np.nan, _X), "t": _T}, "inputs that are NaN"),
        ({"x": _X, "t": np.where(_T == 2, np.inf, _T)}, "target that is NaN or infinite"),
        ({"x": _X[:0], "t": _T[:0]}, r"inputs of shape \(0, 3\)"),
        ({"x": np.float64(1), "t": np.float64(1)}, r"inputs of shape \(\)"),
        ({"x": _X, "t": np.float64(1)}, "single numbers"),
        ({"x": _X, "t": np.zeros((50, 2, 2))}, r"targets of shape \(50, 2, 2\)"),
        ({"x": _X, "t": np.zeros(50)}, "only one class"),
        ({"x": _X.astype(complex), "t": _T}, "header of another kind"),
        ({"x": _X.astype(str), "t": _T}, "header of another kind"),
        ({"x_train": _X, "t_train": _T, "x_test": _X[:, :2], "t_test": _T}, "inputs differ in shape"),
        ({"x_train": _X, "t_train": _T, "x_test": _X, "t_test": np.eye(5)[_T]}, "targets differ in shape"),
    ],
)
def test_npz_that_does_not_fit_together(tmp_path: Path, arrays: dict[str, object], match: str) -> None:
    with pytest.raises(FormatError, match=match):
        load(_npz(tmp_path, **arrays))


@pytest.mark.parametrize(("images", "labels"), [("", ""), (".gz", ".gz"), ("", ".gz"), (".gz", "")])
def test_idx_finds_its_labels(tmp_path: Path, as_idx: Callable[[np.ndarray], bytes], images: str, labels: str) -> None:
    for name, ending, array in (("images-idx3", images, _IMAGES), ("labels-idx1", labels, _T.astype(np.uint8))):
        content = as_idx(array)
        path = tmp_path / f"train-{name}-ubyte{ending}"
        path.write_bytes(gzip.compress(content) if ending else content)
    data = load(tmp_path / f"train-images-idx3-ubyte{images}", dtype="uint8", validation_fraction=0, test_fraction=0)
    assert data.image_shape == (1, 4, 3) and data.n_classes == 5
    row = int(np.flatnonzero((data.train[0] == _IMAGES[7].ravel()).all(axis=1))[0])
    assert data.train[1][row] == _T[7]
    with pytest.raises(InputError, match="file of the labels"):
        load(tmp_path / f"train-labels-idx1-ubyte{labels}")


@pytest.mark.parametrize(("code", "dtype"), [(9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_idx_of_other_types(tmp_path: Path, as_idx: Callable[[np.ndarray], bytes], code: int, dtype: str) -> None:
    values = (np.arange(16).reshape(8, 2) - 5).astype(dtype)
    content = bytearray(as_idx(values))
    content[2] = code
    (tmp_path / "images-idx2-ubyte").write_bytes(content)
    (tmp_path / "labels-idx1-ubyte").write_bytes(as_idx((np.arange(8) % 2).astype(np.uint8)))
    data = load(tmp_path / "images-idx2-ubyte", validation_fraction=0, test_fraction=0)
    assert sorted(data.train[0].ravel()) == list(range(-5, 11))


def test_idx_without_labels(tmp_path: Path, as_idx: Callable[[np.ndarray], bytes]) -> None:
    (tmp_path / "images-idx3-ubyte").write_bytes(as_idx(_IMAGES))
    with pytest.raises(InputError, match=r"no file of labels beside it; labels-idx1-ubyte or labels-idx1-ubyte\.gz"):
        load(tmp_path / "images-idx3-ubyte")


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_nielsens_pickle_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    x = _X.astype(np.float32)
    parts = ((x, _T), (x[:7], _T[:7]), [np.asfortranarray(x[7:9]), _T[7:9]])
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(parts, protocol)))
    data = load(path)
    for (x_read, t_read), (x_made, t_made) in zip((data.train, data.validation, data.test), parts, strict=True):
        assert np.array_equal(x_read, x_made) and np.array_equal(t_read, t_made)
    assert data.train[0].dtype == np.float32 and data.train[1].dtype == np.int64
