"""The optimizer of docs/own-layers.md, as it stands there: it runs on both engines, in one pass on the native one."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import Network, ops
from pellucid.layers import Affine, Named, Tanh
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.ops import Array
from pellucid.optimizers import Optimizer

DOCS = Path(__file__).resolve().parents[2] / "docs" / "own-layers.md"


@pytest.fixture(scope="module")
def sign_sgd() -> type[Optimizer]:
    text = DOCS.read_text(encoding="utf-8")
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "Optimizer" in b]
    names: dict[str, Any] = {"Array": Array, "Named": Named, "Optimizer": Optimizer, "dataclass": dataclass, "ops": ops}
    exec(block, names)
    found: type[Optimizer] = names["SignSGD"]
    return found


def test_the_optimizer_of_the_docs_trains_alike_on_both_engines(sign_sgd: type[Optimizer]) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 5))
    t = (x[:, 0] > 0).astype(int)
    ends = []
    for engine in ("native", "reference"):
        layers = [Affine(7), Tanh(), Affine(2)]
        net = Network(layers, SoftmaxCrossEntropy(), input_shape=5, engine=engine, dtype="float64")
        before = net.evaluate(x, t)["loss"]
        net.fit(x, t, epochs=5, batch_size=10, optimizer=sign_sgd(0.01), verbose=0)
        assert net.evaluate(x, t)["loss"] < before
        ends.append(net.parameters.flat.copy())
    np.testing.assert_allclose(*ends, rtol=1e-11, atol=1e-13)


def test_it_is_one_step_for_each_parameter(sign_sgd: type[Optimizer]) -> None:
    net = Network([Affine(7), Tanh(), Affine(2)], SoftmaxCrossEntropy(), input_shape=5)
    plan = net.plan("step", sign_sgd(0.01), form="rewritten")
    assert [step.attributes["rule"] for step in plan.steps if "rule" in step.attributes] == ["program"] * 4
