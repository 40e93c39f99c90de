"""Data sets: the known ones by name, any CSV, NPZ, IDX or mnist.pkl.gz file by `load`, and small made-up ones."""

from pellucid.datasets.augment import Augment, expanded
from pellucid.datasets.by_name import KNOWN, by_name
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.digits import digits
from pellucid.datasets.load import load
from pellucid.datasets.mnist import fashion_mnist, mnist
from pellucid.datasets.synthetic import circles, moons, plane, spiral, xor

__all__ = [
    "KNOWN",
    "Augment",
    "Dataset",
    "by_name",
    "circles",
    "digits",
    "expanded",
    "fashion_mnist",
    "load",
    "mnist",
    "moons",
    "plane",
    "spiral",
    "xor",
]
