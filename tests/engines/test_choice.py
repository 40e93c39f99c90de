"""Which engine a network gets, and what it says of the reason."""

import builtins
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pellucid import Network, ops
from pellucid.errors import InputError
from pellucid.layers import Affine, Layer, Mode, Named
from pellucid.losses import MeanSquaredError
from pellucid.ops import Array


@dataclass(frozen=True)
class Indexing(Layer):
    """y = x, by a way that only arrays with values can go."""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return x.T.tolist() and ops.add(x, 0.0), Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy, Named()


def network(engine: str = "auto", *layers: Layer) -> Network:
    return Network([*layers, Affine(2)], loss=MeanSquaredError(), input_shape=(3,), engine=engine)


def test_a_layer_that_fails_while_being_recorded_runs_on_the_reference_engine() -> None:
    net = network("auto", Indexing())
    assert net.engine == "reference"
    assert "Indexing" in net.engine_reason or "recording" in net.engine_reason
    assert net.predict(np.ones((2, 3))).shape == (2, 2)
    with pytest.raises(InputError, match="engine='native' cannot run this network"):
        network("native", Indexing())


def test_without_a_core_the_reference_engine_runs_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pellucid._core", None)
    monkeypatch.delattr("pellucid._core", raising=False)
    net = network()
    assert net.engine == "reference"
    assert "not built" in net.engine_reason


def test_a_core_that_cannot_be_loaded_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "pellucid" and len(arguments) > 2 and arguments[2] and "_core" in arguments[2]:
            raise ImportError("undefined symbol: kernels")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.warns(UserWarning, match="undefined symbol: kernels.*install Pellucid anew"):
        net = network()
    assert net.engine == "reference"
