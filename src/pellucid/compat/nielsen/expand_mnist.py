"""Nielsen's expand_mnist: each training image also moved by one pixel down, up, right and left; 250,000 from 50,000.

Unlike the original it does nothing when imported; `main` makes the file.
Source: M. Nielsen, Neural Networks and Deep Learning, chapter 6.
"""

import gzip
import pickle
import random
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pellucid import datasets
from pellucid.compat.nielsen import mnist_loader
from pellucid.errors import InputError
from pellucid.files import write_atomically

EXPANDED = "../data/mnist_expanded.pkl.gz"


def expanded(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns images (5N, 784) and digits (5N,): each image, then it moved down, up, right and left by one pixel."""
    side = round(x.shape[1] ** 0.5) if x.ndim == 2 else 0
    if x.ndim != 2 or side * side != x.shape[1] or y.shape != x.shape[:1]:
        raise InputError(f"expanded takes square images (N, 784) and digits (N,), got {x.shape} and {y.shape}.")
    return datasets.expanded(x, y)


def main(path: str | Path = EXPANDED) -> None:
    """Writes the expanded training data, in random order, with validation and test data, as a pickle of arrays."""
    print("Expanding the MNIST training set")
    if Path(path).exists():
        print("The expanded training set already exists.  Exiting.")
        return
    training, validation, test = mnist_loader.load_data()
    x, y = expanded(*training)
    order = list(range(len(x)))
    random.shuffle(order)
    print("Saving expanded data. This may take a few minutes.")
    content = pickle.dumps(((x[order], y[order]), validation, test), protocol=2)
    write_atomically(path, lambda stream: stream.write(gzip.compress(content, compresslevel=1)))


if __name__ == "__main__":
    main()
