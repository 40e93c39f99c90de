"""The core's shuffle: the very order that RandomState.shuffle makes, and the same random numbers after it."""

import datetime
from typing import Any

import numpy as np
import pytest

from pellucid.estimators.epochs import shuffle

core = pytest.importorskip("pellucid._core")


def sources(kind: Any) -> list[np.random.RandomState]:
    return [np.random.RandomState(kind(7)) for _ in range(2)]


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.PCG64], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 63, 64, 65, 1797])
def test_the_same_order_and_the_same_numbers_after_it(kind: Any, count: int) -> None:
    theirs, ours = sources(kind)
    expected, rows = np.arange(count), np.arange(count)
    for _ in range(3):
        theirs.shuffle(expected)
        shuffle(rows, ours)
        assert rows.tolist() == expected.tolist()
    assert theirs.random_sample() == ours.random_sample()


def test_rows_of_another_type_are_not_shuffled_in_a_copy() -> None:
    capsule = np.random.MT19937(0).capsule
    for rows in (np.arange(4, dtype=np.int32), np.arange(8)[::2], np.zeros((2, 2), np.int64)):
        with pytest.raises(TypeError):
            core.shuffle(rows, capsule)


def test_a_capsule_of_something_else_is_refused() -> None:
    rows = np.arange(4)
    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        core.shuffle(rows, datetime.datetime_CAPI)  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        core.shuffle(rows, None)
    assert rows.tolist() == [0, 1, 2, 3]
