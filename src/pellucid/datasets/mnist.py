"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28 pixels in 10 classes each."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from pellucid.datasets.dataset import Array, Dataset
from pellucid.datasets.idx import read_idx
from pellucid.datasets.pixels import check_dtype, scale_pixels
from pellucid.errors import FormatError, InputError

_TRAIN_IMAGES = "train-images-idx3-ubyte"
_TRAIN_LABELS = "train-labels-idx1-ubyte"
_TEST_IMAGES = "t10k-images-idx3-ubyte"
_TEST_LABELS = "t10k-labels-idx1-ubyte"
_FILES = (_TRAIN_IMAGES, _TRAIN_LABELS, _TEST_IMAGES, _TEST_LABELS)


@dataclass(frozen=True)
class _Source:
    """Where one data set's four files are: folder below PELLUCID_DATA, mirrors, SHA-256 of each .gz file."""

    name: str
    folder: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: dict[str, str]


_MNIST = _Source(
    name="mnist",
    folder="mnist",
    class_names=tuple("0123456789"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    # The .gz files as the authors published them; a recompressed copy has other hashes and belongs in PELLUCID_DATA.
    sha256={
        _TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        _TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        _TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        _TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)

_FASHION = _Source(
    name="fashion-mnist",
    folder="fashion_mnist",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    sha256={
        _TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        _TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        _TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        _TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def mnist(*, dtype: DTypeLike = "float32") -> Dataset:
    """MNIST's handwritten digits, split 50,000 / 10,000 / 10,000 in the files' order as in Nielsen's mnist.pkl.

    x (N, 784): pixel / 255 in [0, 1], or the raw pixels 0..255 for dtype "uint8"; t (N,) int64, the digit.
    The validation part is the last 10,000 of the 60,000 training images.
    Files: folder mnist/ of PELLUCID_DATA where that is set (plain or .gz), else the cache, else downloaded once.
    Raises InputError where the files cannot be had, FormatError where they are damaged.
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998.
    """
    return _load(_MNIST, dtype)


def fashion_mnist(*, dtype: DTypeLike = "float32") -> Dataset:
    """Fashion-MNIST's articles of clothing: shapes, ranges, split and errors as `mnist`.

    Files: folder fashion_mnist/ of PELLUCID_DATA where that is set (plain or .gz), else the cache, else
    downloaded once.
    Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017.
    """
    return _load(_FASHION, dtype)


def _load(source: _Source, dtype: DTypeLike) -> Dataset:
    check_dtype(dtype)
    paths = _local_files(source) if os.environ.get("PELLUCID_DATA") else _downloaded_files(source)
    x, t = _read_pair(paths[_TRAIN_IMAGES], paths[_TRAIN_LABELS], dtype)
    x_test, t_test = _read_pair(paths[_TEST_IMAGES], paths[_TEST_LABELS], dtype)
    if x.shape[1] != x_test.shape[1]:
        raise FormatError(f"{source.name}'s training and test images differ in size; fetch the files again.")
    side = round(x.shape[1] ** 0.5)
    # 10,000 of 60,000; the same sixth of a smaller set in the same format.
    train_rows = len(x) - len(x) // 6
    return Dataset(
        train=(x[:train_rows], t[:train_rows]),
        validation=(x[train_rows:], t[train_rows:]),
        test=(x_test, t_test),
        name=source.name,
        class_names=source.class_names,
        image_shape=(1, side, x.shape[1] // side),
    )


def _read_pair(images_path: Path, labels_path: Path, dtype: DTypeLike) -> tuple[Array, Array]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8 or images.shape[1] != images.shape[2] or images.size == 0:
        raise FormatError(
            f"{str(images_path)!r} holds {images.dtype} of shape {images.shape}, not square images of uint8."
        )
    if labels.shape != images.shape[:1] or labels.dtype != np.uint8:
        raise FormatError(f"{str(labels_path)!r} holds {labels.shape} labels for {len(images)} images.")
    if labels.max() > 9:
        raise FormatError(f"{str(labels_path)!r} has a label {labels.max()}; the classes are 0 to 9.")
    return scale_pixels(images.reshape(len(images), -1), 255, dtype), labels.astype(np.int64)


def _local_files(source: _Source) -> dict[str, Path]:
    root = os.environ["PELLUCID_DATA"]
    folder = Path(root) / source.folder
    paths = {}
    for name in _FILES:
        found = [path for path in (folder / name, folder / f"{name}.gz") if path.exists()]
        if not found:
            raise InputError(
                f"PELLUCID_DATA is {root!r}, but {str(folder)!r} has no {name} or {name}.gz; "
                f"put {source.name}'s four files there, or unset PELLUCID_DATA to have them downloaded."
            )
        paths[name] = found[0]
    return paths


def _downloaded_files(source: _Source) -> dict[str, Path]:
    """The four files in pooch's cache, each compared with its SHA-256 and downloaded where missing or damaged."""
    import pooch  # Here, not above: it is slow to import, and only this way of getting the files needs it.

    folder = Path(pooch.os_cache("pellucid")) / source.folder
    paths = {}
    for name in _FILES:
        problem: Exception | None = None
        for mirror in source.mirrors:
            url, hash_ = f"{mirror}{name}.gz", f"sha256:{source.sha256[name]}"
            try:
                paths[name] = Path(pooch.retrieve(url, hash_, fname=f"{name}.gz", path=folder))
                break
            except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError.
                problem = error
        else:
            raise InputError(
                f"{source.name} is not on this machine and could not be downloaded ({type(problem).__name__}): connect "
                f"to the internet once, or put {', '.join(f'{file}.gz' for file in _FILES)} from {source.mirrors[0]} "
                f"in a folder {source.folder}/ and set PELLUCID_DATA to the folder that holds it."
            ) from problem
    return paths
