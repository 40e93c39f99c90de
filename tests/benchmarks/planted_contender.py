"""Contenders that are wrong on purpose; PLANTED says in which way."""

import os

import numpy as np
from benchmarks.contenders.numpy_vectorised import Vectorised
from benchmarks.problems import Unsupported


class TooFast(Vectorised):
    """Its learning rate is off by a hundredth."""

    def _sgd(self, gradients):
        super()._sgd([g * 1.01 for g in gradients])


class NoBias(Vectorised):
    """It never learns the biases."""

    def _sgd(self, gradients):
        super()._sgd([g if g.ndim == 2 else g * 0 for g in gradients])


class OtherOrder(Vectorised):
    """It takes the rows as they lie."""

    def __init__(self, problem, data):
        super().__init__(problem, data)
        self.batches = np.sort(self.batches, axis=None).reshape(self.batches.shape)


class HalfPrediction(Vectorised):
    """Its outputs are slightly too small."""

    def _predict(self, x):
        return super()._predict(x) * 0.999


class OffOnce(TooFast):
    """Its first start goes wrong, as when a sum falls on the other side of a kink."""

    made = 0

    def __init__(self, problem, data):
        super().__init__(problem, data)
        OffOnce.made += 1
        if OffOnce.made > 1:
            self.update = super(TooFast, self)._sgd


class Crashing(Vectorised):
    """It fails when it is run."""

    def run(self):
        raise ZeroDivisionError("planted")


class Dying(Vectorised):
    """Its process ends."""

    def run(self):
        os._exit(7)


KINDS = {kind.__name__: kind for kind in (TooFast, NoBias, OtherOrder, OffOnce, HalfPrediction, Crashing, Dying)}


def make(problem, data, threads):
    planted = os.environ["PLANTED"]
    if planted == "unsupported":
        raise Unsupported("planted")
    if planted == "missing":
        import a_package_that_is_not_there  # noqa: F401
    return KINDS[planted](problem, data)
