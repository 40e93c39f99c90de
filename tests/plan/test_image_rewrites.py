"""The rewrite rules for images leave every result as it is, to the last bit, and keep away where others read along."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import Case, numbers
from pellucid.engines.recording import record_evaluation, record_gradient, record_prediction
from pellucid.layers import Affine, Concatenate, Conv2D, Flatten, MaxPool2D, ReLU, Sigmoid
from pellucid.layers.graph import Graph
from pellucid.losses import MeanSquaredError
from pellucid.ops import Array
from pellucid.plan.interpreter import run
from pellucid.plan.ir import Plan
from pellucid.plan.rewrites.images import pools_keep_places, relu_waits_for_max_pool


def pooled(window: int, stride: int, channels: int = 2) -> Case:
    layers = (Conv2D(channels, 3, padding=1), ReLU(), MaxPool2D(window, stride=stride), Flatten(), Affine(3))
    return Case("pooled", layers, MeanSquaredError(), (2, 6, 7))


def values(case: Case, plan: Plan, x: Array) -> dict[str, Array]:
    model = case.model()
    given = {"x": x, "t": case.t(len(x)), "weight": np.ones((len(x), 1)), **model.parameters}
    return run(plan, given)


def ops(plan: Plan) -> list[str]:
    return [step.op for step in plan.steps]


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 5))
def test_relu_behind_the_pool_gives_the_same_bits(window: int, stride: int, stream: int) -> None:
    case = pooled(window, stride)
    # Whole numbers make ties, and windows with nothing above 0.
    x = np.round(numbers(20 + stream, (5, 2, 6, 7)))
    for plan in (record_gradient(case.model(), False), record_prediction(case.model())):
        before, after = values(case, plan, x), values(case, relu_waits_for_max_pool(plan), x)
        for name, array in before.items():
            np.testing.assert_array_equal(array, after[name])


def test_relu_waits_where_nobody_else_reads_it() -> None:
    plan = relu_waits_for_max_pool(record_gradient(pooled(2, 2).model(), False))
    order = ops(plan)
    assert order.index("max_pool2d") < order.index("maximum")
    assert order.index("greater") < order.index("max_pool2d_backward")


def test_relu_stays_where_a_branch_reads_it() -> None:
    graph = Graph()
    above = graph.add(ReLU(), graph.add(Conv2D(2, 3), graph.input))
    pool = graph.add(Flatten(), graph.add(MaxPool2D(2), above))

    graph.add(Affine(2), graph.add(Concatenate(), pool, graph.add(Flatten(), above)))
    case = Case("branch", graph, MeanSquaredError(), (1, 6, 6))
    for plan in (record_gradient(case.model(), False), record_evaluation(case.model(), False)):
        assert str(relu_waits_for_max_pool(plan)) == str(plan)


@pytest.mark.parametrize("layers", [(Sigmoid(), MaxPool2D(2)), (ReLU(), Sigmoid(), MaxPool2D(2))], ids=str)
def test_only_relu_right_before_a_pool_waits(layers: tuple[Sigmoid, MaxPool2D]) -> None:
    case = Case("other", (Conv2D(2, 3), *layers, Flatten(), Affine(2)), MeanSquaredError(), (1, 6, 6))
    plan = record_gradient(case.model(), False)
    assert str(relu_waits_for_max_pool(plan)) == str(plan)


def test_the_rule_leaves_the_plan_it_was_given_alone() -> None:
    plan = record_gradient(pooled(2, 2).model(), False)
    before, buffers = str(plan), len(plan.buffers)
    relu_waits_for_max_pool(plan)
    assert (str(plan), len(plan.buffers)) == (before, buffers)


def test_a_pool_and_its_places_become_one_step() -> None:
    plan = pools_keep_places(record_gradient(pooled(2, 2).model(), False))
    joined = [step for step in plan.steps if len(step.outputs) == 2]
    assert len(joined) == 1
    assert "max_pool2d_places" not in ops(plan)
    assert ops(pools_keep_places(record_prediction(pooled(2, 2).model()))).count("max_pool2d") == 1
