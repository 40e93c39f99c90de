"""Small made-up problems, the same numbers on every machine: what a network can and cannot do, seen in the plane."""

import math

import numpy as np

from pellucid import philox
from pellucid.datasets.dataset import Array, Dataset
from pellucid.datasets.split import SPLIT_STREAM, split_rows
from pellucid.errors import InputError

_POINTS, _NOISE = SPLIT_STREAM + 1, SPLIT_STREAM + 2
_AXES = ("x0", "x1")


def xor() -> Dataset:
    """The exclusive or: four points that no single layer can tell apart; the three parts are all the same four.

    x (4, 2) float32, 0 or 1; t (4,) int64, x0 XOR x1.
    Source: M. Minsky, S. Papert, Perceptrons, 1969.
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    part = (x, np.array([0, 1, 1, 0], np.int64))
    return Dataset(part, part, part, "xor", ("0", "1"), _AXES)


def moons(n: int = 1000, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles, each with an end inside the other.

    Class 0: (cos a, sin a); class 1: (1 - cos a, 1/2 - sin a), a uniform in (0, π); plus normal noise.
    x (n, 2) float32, t (n,) int64; parts 60 / 20 / 20 %.
    """
    angle, t = math.pi * _uniform(n, noise, seed), _alternating(n, 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _classification("moons", np.where(t[:, None] == 0, upper, lower), t, noise, seed)


def circles(n: int = 1000, *, factor: float = 0.5, noise: float = 0.05, seed: int = 0) -> Dataset:
    """A circle of radius 1 (class 0) around one of radius `factor`, in (0, 1) (class 1), plus normal noise.

    x (n, 2) float32, t (n,) int64; parts 60 / 20 / 20 %.
    """
    if not 0 < factor < 1:
        raise InputError(f"factor is {factor!r}, but a number between 0 and 1 was expected.")
    angle, t = 2 * math.pi * _uniform(n, noise, seed), _alternating(n, 2)
    radius = np.where(t == 0, 1.0, factor)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _classification("circles", x, t, noise, seed)


def spiral(n: int = 1000, *, classes: int = 3, noise: float = 0.02, seed: int = 0) -> Dataset:
    """Arms of a spiral, one per class, each turning by 4 radians from the centre to radius 1, plus normal noise.

    Class c at radius r: angle 2πc/classes + 4r, r uniform in (0, 1).
    x (n, 2) float32, t (n,) int64; parts 60 / 20 / 20 %.
    Source: A. Karpathy, CS231n, Minimal neural network case study; and Deep Learning from Scratch 2, section 1.4.
    """
    if not 2 <= classes <= 100:
        raise InputError(f"classes is {classes!r}, but a whole number from 2 to 100 was expected.")
    radius, t = _uniform(n, noise, seed), _alternating(n, classes)
    angle = 2 * math.pi * t / classes + 4 * radius
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _classification("spiral", x, t, noise, seed)


def plane(n: int = 1000, *, noise: float = 0.0, seed: int = 0) -> Dataset:
    """A regression that one neuron can learn exactly: y = 3·x0 + 2·x1, plus normal noise.

    x (n, 2) float32, uniform in (-1, 1); t (n, 1) float32; parts 60 / 20 / 20 %.
    """
    _check(n, noise)
    x = 2 * philox.uniform(seed, philox.DATA, _POINTS, (n, 2)) - 1
    y = 3 * x[:, :1] + 2 * x[:, 1:] + noise * philox.normal(seed, philox.DATA, _NOISE, (n, 1))
    return _split("plane", x, y.astype(np.float32), None, seed)


def _check(n: int, noise: float) -> None:
    if not isinstance(n, (int, np.integer)) or not 10 <= n <= 10_000_000:
        raise InputError(f"n is {n!r}, but a whole number of points from 10 to 10,000,000 was expected.")
    if not 0 <= noise < math.inf:
        raise InputError(f"noise is {noise!r}, but a standard deviation of 0 or more was expected.")


def _uniform(n: int, noise: float, seed: int) -> Array:
    _check(n, noise)
    return philox.uniform(seed, philox.DATA, _POINTS, (n,))


def _alternating(n: int, classes: int) -> Array:
    return np.arange(n, dtype=np.int64) % classes


def _classification(name: str, x: Array, t: Array, noise: float, seed: int) -> Dataset:
    x = x + noise * philox.normal(seed, philox.DATA, _NOISE, x.shape)
    return _split(name, x, t, tuple(map(str, range(int(t.max()) + 1))), seed)


def _split(name: str, x: Array, t: Array, class_names: tuple[str, ...] | None, seed: int) -> Dataset:
    x = x.astype(np.float32)
    train, validation, test = split_rows(
        len(x), classes=t if class_names else None, validation_fraction=0.2, test_fraction=0.2, seed=seed
    )
    return Dataset((x[train], t[train]), (x[validation], t[validation]), (x[test], t[test]), name, class_names, _AXES)
