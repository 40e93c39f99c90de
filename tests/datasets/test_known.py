"""The known data sets: MNIST and Fashion-MNIST by their sources, digits, and the command line's by_name."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pellucid.datasets
from pellucid.datasets import Dataset, by_name, digits, fashion_mnist, mnist
from pellucid.errors import FormatError, InputError

_REAL = Path(os.environ.get("PELLUCID_DATA", "missing")) / "mnist" / "train-images-idx3-ubyte.gz"


@pytest.mark.skipif(not _REAL.exists(), reason="the real MNIST is not on this machine")
def test_real_mnist(whole: Callable[[Dataset], None]) -> None:
    data = mnist()
    whole(data)
    assert [len(t) for _, t in (data.train, data.validation, data.test)] == [50_000, 10_000, 10_000]
    assert data.image_shape == (1, 28, 28) and data.class_names == tuple("0123456789")
    # The first labels as every description of MNIST prints them; validation begins at row 50,000 of the file.
    assert data.train[1][:5].tolist() == [5, 0, 4, 1, 9]
    assert data.validation[1][:5].tolist() == [3, 8, 6, 9, 6]
    assert data.test[1][:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(data.test[1]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    x = data.train[0]
    assert x.dtype == np.float32 and x.min() == 0 and x.max() == 1
    pixels = mnist(dtype="uint8")
    assert pixels.train[0].dtype == np.uint8
    assert np.array_equal(x[:500], pixels.train[0][:500].astype(np.float32) / np.float32(255))
    # The published mean of the 60,000 training images: 0.1307.
    total = pixels.train[0].sum(dtype=np.int64) + pixels.validation[0].sum(dtype=np.int64)
    assert round(float(total) / 255 / 60_000 / 784, 4) == 0.1307


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("folder", "maker"), [("mnist", mnist), ("fashion_mnist", fashion_mnist)])
def test_files_of_pellucid_data(
    made_images: Callable[..., Path],
    whole: Callable[[Dataset], None],
    folder: str,
    maker: Callable[..., Dataset],
    compressed: bool,
) -> None:
    made_images(folder, compressed=compressed)
    data = maker()
    whole(data)
    assert [len(t) for _, t in (data.train, data.validation, data.test)] == [50, 10, 20]
    assert data.n_classes == 10 and data.image_shape == (1, 4, 4)
    raw = maker(dtype="uint8")
    expected = np.random.default_rng(0).integers(0, 256, (60, 4, 4)).astype(np.uint8).reshape(60, 16)
    assert np.array_equal(raw.train[0], expected[:50]) and np.array_equal(raw.validation[0], expected[50:])
    assert np.array_equal(maker(dtype="float64").test[0], raw.test[0] / 255)


def test_pellucid_data_without_the_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"PELLUCID_DATA is .* has no train-images-idx3-ubyte or .*\.gz; put fashion"):
        fashion_mnist()


def test_files_that_do_not_belong_together(
    made_images: Callable[..., Path], as_idx: Callable[[np.ndarray], bytes]
) -> None:
    place = made_images("mnist", compressed=False)
    labels = place / "train-labels-idx1-ubyte"
    for array, match in (
        (np.zeros(59, np.uint8), "labels for 60 images"),
        (np.full(60, 10, np.uint8), "a label 10; the classes are 0 to 9"),
    ):
        labels.write_bytes(as_idx(array))
        with pytest.raises(FormatError, match=match):
            mnist()
    labels.write_bytes(as_idx(np.zeros(60, np.uint8)))
    for shape in ((60, 16), (0, 4, 4), (60, 4, 3)):
        (place / "train-images-idx3-ubyte").write_bytes(as_idx(np.zeros(shape, np.uint8)))
        with pytest.raises(FormatError, match="not square images"):
            mnist()
    (place / "train-images-idx3-ubyte").write_bytes(as_idx(np.zeros((60, 3, 3), np.uint8)))
    with pytest.raises(FormatError, match="differ in size"):
        mnist()


def test_offline_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def offline(url: str, known_hash: str, **_: object) -> str:
        asked.append(url)
        assert known_hash.startswith("sha256:") and len(known_hash) == 7 + 64
        raise ConnectionError("no network")

    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.setattr("pooch.retrieve", offline)
    with pytest.raises(InputError, match=r"mnist is not on this machine .* set PELLUCID_DATA") as caught:
        mnist()
    assert "\n" not in str(caught.value)
    assert len(asked) == 2 and len(set(asked)) == 2, "each mirror is tried"


def test_a_mirror_with_wrong_bytes_is_passed_over(
    made_images: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = made_images("fashion_mnist", compressed=True)
    monkeypatch.delenv("PELLUCID_DATA")

    def second_mirror(url: str, known_hash: str, *, fname: str, path: Path) -> str:
        if "s3-website" not in url:
            raise ValueError("SHA256 hash of downloaded file does not match the known hash")
        assert path.name == "fashion_mnist"
        return str(place / fname)

    monkeypatch.setattr("pooch.retrieve", second_mirror)
    assert len(fashion_mnist().train[0]) == 50


def test_digits(whole: Callable[[Dataset], None]) -> None:
    data = digits()
    whole(data)
    parts = (data.train, data.validation, data.test)
    assert [len(t) for _, t in parts] == [1197, 300, 300]
    assert data.train[0].dtype == np.float32 and data.train[0].max() == 1 and data.image_shape == (1, 8, 8)
    raw = digits(dtype="uint8")
    assert np.array_equal(data.test[0], raw.test[0].astype(np.float32) / 16)
    for _, t in parts:
        share = np.bincount(t) / len(t)
        assert np.abs(share - 0.1).max() < 0.006, "the parts have every digit alike"
    # The same rows on every machine and in every version: results that people report rest on it.
    content = raw.test[0].tobytes() + raw.test[1].astype("<i8").tobytes()
    assert hashlib.sha256(content).hexdigest() == "5f1ac1d1bc81f7fa81826dfa0b97c9c490e58bb290adfd5aa1042245431b449f"


def test_digits_are_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    x, t = sklearn.load_digits(return_X_y=True)
    data = digits(dtype="uint8")
    parts = (data.train, data.validation, data.test)
    made = np.concatenate([np.column_stack(part) for part in parts])
    expected = np.column_stack([x, t]).astype(made.dtype)
    assert np.array_equal(made[np.lexsort(made.T)], expected[np.lexsort(expected.T)]), "each row once: disjoint parts"


def test_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys; from pellucid import datasets; datasets.digits(); datasets.moons()\n"
        "print(*({'pooch', 'requests', 'sklearn', 'pandas', 'csv', 'pickletools'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", ["digits", "xor", "moons", "spiral", "circles", "plane"])
def test_by_name(name: str, whole: Callable[[Dataset], None]) -> None:
    data = by_name(name)
    whole(data)
    assert data.name == name and name in repr(data)


def test_by_name_of_files_and_unknown_names(
    tmp_path: Path, made_images: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2.5\n3,4.5\n")
    assert by_name(tmp_path / "table.csv", target="a").feature_names == ("b",)
    made_images("fashion_mnist", compressed=False)
    assert by_name("fashion_mnist").name == by_name("fashion-mnist").name == "fashion-mnist"
    with pytest.raises(InputError, match=r"no data set or file named 'mnits'; did you mean 'mnist'\?"):
        by_name("mnits")
    with pytest.raises(InputError, match=r"there is no file 'missing\.csv'"):
        by_name("missing.csv")
    with pytest.raises(InputError, match="target 'a' is for CSV files"):
        by_name("digits", target="a")


def test_repr_and_properties() -> None:
    data = digits()
    assert repr(data).splitlines() == [
        "Dataset 'digits': classification, 64 features, 10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), images 1 x 8 x 8",
        "  train       x (1197, 64) float32  t (1197,) int64",
        "  validation  x (300, 64) float32  t (300,) int64",
        "  test        x (300, 64) float32  t (300,) int64",
    ]
    assert (data.n_features, data.n_classes, data.n_outputs, data.task) == (64, 10, 10, "classification")
    with pytest.raises(AttributeError):
        data.name = "other"  # type: ignore[misc]


def test_every_public_name_is_there() -> None:
    assert set(pellucid.datasets.KNOWN) == {
        "digits", "mnist", "fashion-mnist", "xor", "moons", "spiral", "circles", "plane",
    }  # fmt: skip
    for name in pellucid.datasets.__all__:
        assert hasattr(pellucid.datasets, name)
