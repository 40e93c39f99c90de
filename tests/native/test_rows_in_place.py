"""A data set's rows are read where they lie, wherever that gives the same bits as packing them first."""

import numpy as np
import pytest

from cases import numbers
from pellucid import Network
from pellucid.errors import NotFiniteError
from pellucid.layers import Affine, ReLU
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.ops import Array
from pellucid.optimizers import SGD, Adam, Optimizer


def unaligned(x: Array) -> Array:
    """The same numbers at an address that no kernel may read from, so that they must be packed."""
    raw = np.zeros(x.nbytes + 8, np.uint8)
    start = 1 + -raw.ctypes.data % 4
    y: Array = np.ndarray(x.shape, x.dtype, raw, start)
    y[...] = x
    return y


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam()], ids=str)
@pytest.mark.parametrize(("rows", "inputs", "hidden"), [(300, 784, 50), (37, 32, 30), (600, 48, 100), (9, 16, 3)])
def test_training_gives_the_same_bits_either_way(rows: int, inputs: int, hidden: int, optimizer: Optimizer) -> None:
    x = numbers(30, (rows, inputs)).astype(np.float32)
    t = np.arange(rows) % 5
    weights = []
    for data in (x, unaligned(x), x[::-1].copy()[::-1]):
        net = Network([Affine(hidden), ReLU(), Affine(5)], SoftmaxCrossEntropy(), input_shape=inputs)
        for batch_size in (10, 128, rows):
            net.fit(data, t, epochs=2, batch_size=batch_size, optimizer=optimizer, verbose=0)
        weights.append((net.parameters.flat.copy(), net.predict(data), net.evaluate(data, t)["loss"]))
    for flat, y, loss in weights[1:]:
        np.testing.assert_array_equal(flat, weights[0][0])
        np.testing.assert_array_equal(y, weights[0][1])
        assert loss == weights[0][2]


def test_numbers_that_would_overflow_are_found_in_place() -> None:
    x = numbers(31, (64, 32)).astype(np.float32) * np.float32(3e37)
    net = Network([Affine(8), ReLU(), Affine(3)], SoftmaxCrossEntropy(), input_shape=32)
    with pytest.raises(NotFiniteError):
        net.fit(x, np.arange(64) % 3, epochs=1, batch_size=16, optimizer=SGD(1.0), verbose=0)
    assert np.isfinite(net.parameters.flat).all()
