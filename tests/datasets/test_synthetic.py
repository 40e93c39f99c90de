"""The made-up problems: their formulas, their parts, and the same numbers each time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.datasets import Dataset, circles, moons, plane, spiral, xor
from pellucid.datasets.split import split_rows
from pellucid.errors import InputError


def _rows(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    parts = (data.train, data.validation, data.test)
    return np.concatenate([x for x, _ in parts]), np.concatenate([t for _, t in parts])


def test_xor() -> None:
    x, t = xor().train
    assert x.dtype == np.float32 and np.array_equal(np.logical_xor(x[:, 0], x[:, 1]), t)
    assert len(np.unique(x, axis=0)) == 4


@pytest.mark.parametrize("maker", [moons, circles, spiral, plane])
def test_parts_seeds_and_types(maker: Callable[..., Dataset], whole: Callable[[Dataset], None]) -> None:
    data = maker(200)
    whole(data)
    assert [len(t) for _, t in (data.train, data.validation, data.test)] == [120, 40, 40]
    x, _ = _rows(data)
    assert x.dtype == np.float32 and len(np.unique(x, axis=0)) == 200
    assert np.array_equal(x, _rows(maker(200))[0])
    assert not np.array_equal(x, _rows(maker(200, seed=1))[0])
    assert maker(200, noise=0.0).train[0].shape == data.train[0].shape


def test_plane_is_its_formula() -> None:
    x, t = _rows(plane())
    assert t.shape == (1000, 1) and np.abs(t[:, 0] - (3 * x[:, 0] + 2 * x[:, 1])).max() < 1e-6
    assert np.abs(x).max() <= 1 and np.abs(x.mean(axis=0)).max() < 0.1
    x, t = _rows(plane(noise=0.5))
    assert np.std(t[:, 0] - (3 * x[:, 0] + 2 * x[:, 1])) == pytest.approx(0.5, rel=0.1)


def test_circles_and_moons_and_spiral_without_noise() -> None:
    x, t = _rows(circles(factor=0.25, noise=0.0))
    assert np.allclose(np.hypot(*x.T), np.where(t == 0, 1, 0.25), atol=1e-6)
    x, t = _rows(moons(noise=0.0))
    centre = np.where(t[:, None] == 0, [[0, 0]], [[1, 0.5]])
    assert np.allclose(np.hypot(*(x - centre).T), 1, atol=1e-6)
    assert (x[t == 0, 1] >= 0).all() and (x[t == 1, 1] <= 0.5).all()
    x, t = _rows(spiral(classes=4, noise=0.0))
    radius = np.hypot(*x.T)
    turned = np.arctan2(x[:, 1], x[:, 0]) - 4 * radius - 2 * np.pi * t / 4
    assert np.allclose(np.cos(turned), 1, atol=1e-4) and set(t) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "call",
    [
        lambda: moons(9),
        lambda: moons(100.5),  # type: ignore[arg-type]
        lambda: moons(noise=-1),
        lambda: plane(noise=float("nan")),
        lambda: circles(factor=1.0),
        lambda: spiral(classes=1),
    ],
)
def test_wrong_arguments(call: Callable[[], Dataset]) -> None:
    with pytest.raises(InputError, match="was expected"):
        call()


@given(
    classes=st.lists(st.integers(0, 5), min_size=1, max_size=200),
    validation=st.floats(0, 0.49),
    test=st.floats(0, 0.49),
    seed=st.integers(0, 2**64 - 1),
)
def test_split_is_disjoint_whole_and_stratified(classes: list[int], validation: float, test: float, seed: int) -> None:
    t = np.array(classes)
    parts = split_rows(len(t), classes=t, validation_fraction=validation, test_fraction=test, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(t)))
    assert set(t[parts[0]]) == set(classes), "every class is left to train on"
    for rows, fraction in zip(parts[1:], (validation, test), strict=True):
        for kind in set(classes):
            assert (t[rows] == kind).sum() <= classes.count(kind) * fraction + 1
    plain = split_rows(len(t), classes=None, validation_fraction=validation, test_fraction=test, seed=seed)
    assert sorted(np.concatenate(plain)) == list(range(len(t)))
    assert len(plain[0]) >= 1 and abs(len(plain[2]) - len(t) * test) <= 1
