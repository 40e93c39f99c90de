"""MNIST in the forms that the book's scripts ask for; the files come by `pellucid.datasets.mnist`."""

import numpy as np

from pellucid import datasets, ops
from pellucid.ops import Array

train_num = 60000
test_num = 10000
img_dim = (1, 28, 28)
img_size = 784

Pair = tuple[Array, Array]


def load_mnist(normalize: bool = True, flatten: bool = True, one_hot_label: bool = False) -> tuple[Pair, Pair]:
    """Returns (x_train, t_train), (x_test, t_test): 60,000 and 10,000 images with their digits.

    normalize: x from 0 to 1 as float32, else 0 to 255 as uint8. flatten: x (N, 784), else (N, 1, 28, 28).
    one_hot_label: t (N, 10) as float64, else (N,) as uint8.

    Raises:
        InputError: the files are not there and cannot be fetched.
    """
    data = datasets.mnist(dtype="uint8")
    train = [np.concatenate(parts) for parts in zip(data.train, data.validation, strict=True)]
    return (
        _as_asked(train[0], train[1], normalize, flatten, one_hot_label),
        _as_asked(*data.test, normalize, flatten, one_hot_label),
    )


def init_mnist() -> None:
    """Fetches MNIST where it is not there yet."""
    datasets.mnist(dtype="uint8")


def _as_asked(x: Array, t: Array, normalize: bool, flatten: bool, one_hot_label: bool) -> Pair:
    if normalize:
        x = np.divide(x, np.float32(255), dtype=np.float32)
    if not flatten:
        x = x.reshape(-1, *img_dim)
    return x, ops.one_hot(t, classes=10, dtype=np.float64) if one_hot_label else t.astype(np.uint8)


__all__ = ["load_mnist", "init_mnist", "train_num", "test_num", "img_dim", "img_size"]
