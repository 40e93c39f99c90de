"""Pairs as arrays: the same numbers whether the columns lie in one block or each on its own."""

from typing import Any

import numpy as np
import pytest

from pellucid.compat.nielsen.samples import Samples, classes_of
from pellucid.errors import InputError

BLOCK = np.random.RandomState(1).rand(12, 3)
UNITS = np.eye(2)[np.arange(12) % 2]


def columns(block: Any) -> list[Any]:
    return list(block.reshape(len(block), -1, 1))


IN_ONE_BLOCK = {
    "all": columns(BLOCK),
    "from the middle": columns(BLOCK)[4:9],
    "one": columns(BLOCK)[:1],
    "rows": list(BLOCK),
}
APART = {
    "backwards": columns(BLOCK)[::-1],
    "every other": columns(BLOCK)[::2],
    "one of their own": [*columns(BLOCK)[:3], np.ones((3, 1))],
    "of two types": [BLOCK[0][:, None], BLOCK[1][:, None].astype(np.float32)],
    "the same twice": [BLOCK[0][:, None], BLOCK[0][:, None]],
    "of a column-major block": list(np.asfortranarray(BLOCK)),
    "copies": [column.copy() for column in columns(BLOCK)],
    "lists": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
}


@pytest.mark.parametrize("name", IN_ONE_BLOCK | APART)
def test_rows_are_the_columns(name: str) -> None:
    given = (IN_ONE_BLOCK | APART)[name]
    x, y = Samples(zip(given, columns(UNITS), strict=False)).arrays(3, 2)
    np.testing.assert_array_equal(x, [np.ravel(column) for column in given])
    np.testing.assert_array_equal(y, UNITS[: len(given)])
    assert np.shares_memory(x, BLOCK) == (name in IN_ONE_BLOCK)


def test_class_numbers() -> None:
    _, y = Samples([(BLOCK[0], np.int64(3)), (BLOCK[1], 4)]).arrays(3, 5)
    assert classes_of(y).tolist() == [3, 4]
    assert classes_of(UNITS).tolist() == [0, 1] * 6


@pytest.mark.parametrize("y", [["a", "b"], [1, [1.0, 2.0]], [None, None]])
def test_what_is_neither(y: list[Any]) -> None:
    with pytest.raises(InputError):
        Samples(zip(BLOCK, y, strict=False)).arrays(3, 2)
