"""The book's optimizers against their rules written out, on arrays and on plain numbers."""

from typing import Any

import numpy as np
import pytest

from pellucid.compat.book.common import optimizer as book

W, G = np.array([[1.0, -2.0], [0.5, 3.0]]), [np.array([[0.1, -1.0], [2.0, 0.0]]), np.array([[-0.3, 0.4], [1.0, 5.0]])]


def sgd(w: Any, g: Any, m: dict[str, Any], step: int) -> Any:
    return w - 0.1 * g


def momentum(w: Any, g: Any, m: dict[str, Any], step: int) -> Any:
    m["v"] = 0.9 * m["v"] - 0.1 * g
    return w + m["v"]


def nesterov(w: Any, g: Any, m: dict[str, Any], step: int) -> Any:
    m["v"] = 0.9 * m["v"] - 0.1 * g
    return w + 0.9 * m["v"] - 0.1 * g


def adagrad(w: Any, g: Any, m: dict[str, Any], step: int) -> Any:
    m["h"] = m["h"] + g**2
    return w - 0.1 * g / (np.sqrt(m["h"]) + 1e-7)


def rmsprop(w: Any, g: Any, m: dict[str, Any], step: int) -> Any:
    m["h"] = 0.99 * m["h"] + 0.01 * g**2
    return w - 0.1 * g / (np.sqrt(m["h"]) + 1e-7)


def adam(w: Any, g: Any, m: dict[str, Any], step: int) -> Any:
    m["m"], m["v"] = 0.9 * m["m"] + 0.1 * g, 0.999 * m["v"] + 0.001 * g**2
    return w - 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * m["m"] / (np.sqrt(m["v"]) + 1e-7)


RULES = [
    (book.SGD, sgd, ""),
    (book.Momentum, momentum, "v"),
    (book.Nesterov, nesterov, "v"),
    (book.AdaGrad, adagrad, "h"),
    (book.RMSprop, rmsprop, "h"),
    (book.Adam, adam, "mv"),
]
every = pytest.mark.parametrize(("kind", "rule", "slots"), RULES)


@every
def test_rule_changes_arrays_in_place(kind: Any, rule: Any, slots: str) -> None:
    params, expected, memory = {"W": W.copy()}, W, dict.fromkeys(slots, np.zeros_like(W))
    held, optimizer = params["W"], kind(lr=0.1)
    assert optimizer.lr == 0.1 and all(getattr(optimizer, slot) is None for slot in slots)
    for step, g in enumerate(G, 1):
        optimizer.update(params, {"W": g})
        expected = rule(expected, g, memory, step)
    assert params["W"] is held and np.allclose(held, expected, rtol=1e-13)
    for slot in slots:
        assert np.allclose(getattr(optimizer, slot)["W"], memory[slot], rtol=1e-13)
    assert getattr(optimizer, "iter", 2) == 2


@every
def test_rule_replaces_plain_numbers(kind: Any, rule: Any, slots: str) -> None:
    params: dict[str, Any] = {"x": -7, "y": 2.0}
    optimizer, path, memory, expected = kind(lr=0.1), [], dict.fromkeys(slots, 0.0), 2.0
    for step in (1, 2, 3):
        path.append(params["y"])
        g = 2 * params["y"]
        optimizer.update(params, {"x": params["x"] / 10, "y": g})
        expected = rule(expected, g, memory, step)
    assert params["y"] == pytest.approx(expected, rel=1e-13) and path[0] == 2.0 and path[1] != path[2]
    assert isinstance(params["x"], float)


def test_the_rate_may_be_changed_on_the_way() -> None:
    optimizer, params = book.SGD(), {"W": np.zeros(2)}
    assert optimizer.lr == 0.01
    optimizer.lr = 1.0
    optimizer.update(params, {"W": np.ones(2)})
    assert params["W"].tolist() == [-1, -1]
