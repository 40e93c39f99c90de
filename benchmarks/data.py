"""The images: MNIST where PELLUCID_DATA has it, else made-up images of the same shape, and the answer says which."""

import os
from dataclasses import dataclass

import numpy as np

from benchmarks.problems import SEED, Array, Data, Problem, first_layers
from pellucid import philox

ROWS = 50_000


@dataclass(frozen=True)
class Images:
    """x (N, 784) float32 in [0, 1], labels (N,) int64; `source` is for the report."""

    x: Array
    labels: Array
    source: str


def images() -> Images:
    if os.environ.get("PELLUCID_DATA"):
        from pellucid import datasets

        x, t = datasets.mnist().train
        return Images(np.ascontiguousarray(x, np.float32), t, "MNIST, 50,000 training images")
    return made_up()


def made_up(rows: int = ROWS) -> Images:
    """Ten random prototypes with noise, about a fifth of the pixels set, as in MNIST; a tenth of the labels is wrong.

    Without the wrong labels the loss would vanish, and with it the gradients.
    """
    rng = np.random.default_rng(SEED)
    labels = rng.integers(0, 10, rows)
    prototypes = (rng.random((10, 784)) < 0.19).astype(np.float32)
    x = prototypes[labels] * rng.random((rows, 784), dtype=np.float32)
    labels = np.where(rng.random(rows) < 0.1, rng.integers(0, 10, rows), labels)
    return Images(x, labels, "made-up images of MNIST's shape (PELLUCID_DATA is not set)")


def data_for(problem: Problem, pool: Images) -> Data:
    """Returns the problem's rows, the order that Pellucid's own first epoch has, and the first weights."""
    if problem.sizes[0] == 2:
        corners = np.random.default_rng(SEED).integers(0, 2, (problem.rows, 2))
        x, labels = corners.astype(np.float32), (corners[:, 0] ^ corners[:, 1]).astype(np.int64)
    else:
        rows = np.arange(problem.rows) % len(pool.x)
        x, labels = pool.x[rows], pool.labels[rows]
    order = philox.permutation(SEED, philox.SHUFFLE, 0, problem.rows)
    return Data(x, labels, order, first_layers(problem))
