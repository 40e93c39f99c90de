"""The interpreter: what a plan means. It computes what the eager engine does, also of plans that were rewritten."""

from typing import Any

import numpy as np
import pytest

from cases import TABLE, TRAINABLE, Case, named, numbers
from pellucid.engines import Model, OptimizerState, ReferenceEngine, Slice, Sums
from pellucid.engines.data import batch_of
from pellucid.ops import Array
from pellucid.optimizers import SGD, Adam, AMSGrad, Lion, Momentum, Nesterov, Optimizer
from pellucid.plan.interpreter import run
from pellucid.plan.ir import Plan
from pellucid.plan.rewrites import RULES, rewrite
from pellucid.plan.validate import validate
from plan.made import plans_of, small_plan

OPTIMIZERS: tuple[Optimizer, ...] = (
    SGD(0.1, clip_norm=0.5),
    Momentum(0.1, weight_decay=0.01),
    Nesterov(0.1, l1=0.01),
    Adam(0.01, clip_value=0.1),
    AMSGrad(0.01),
    Lion(0.01, weight_decay=0.1),
)
ROWS, STEP = 7, 5


def given_to_plans(case: Case, optimizer: Optimizer, dtype: str) -> tuple[Model, dict[str, Any], OptimizerState]:
    """A model, all that its plans are given, and the optimizer's memory in the middle of training."""
    model = case.model(dtype)
    state = OptimizerState(optimizer, model.parameters.layout, model.dtype)
    state.step = STEP
    for stream, slot in enumerate(optimizer.slots):
        for name, values in state.views()[slot].items():
            values[...] = np.abs(numbers(50 + stream, values.shape)) * 0.01
            assert name in model.parameters
    x, t, weight = batch_of(case.data(ROWS, dtype), slice(None), model)
    slots = {f"{name}.{slot}": values for slot, views in state.views().items() for name, values in views.items()}
    scalars = {name: float(values[0]) for name, values in state.scalars().items()}
    return model, {"x": x, "t": t, "weight": weight, "step": STEP, **model.parameters, **slots, **scalars}, state


def same_bits(found: Array, expected: Array) -> bool:
    return found.dtype == expected.dtype and found.shape == expected.shape and found.tobytes() == expected.tobytes()


def trained(case: Case, optimizer: Optimizer, dtype: str) -> tuple[dict[str, Array], dict[str, Array], float]:
    """Parameters and slots after one step of the eager engine, the flat gradient by name, and the loss."""
    model, _, state = given_to_plans(case, optimizer, dtype)
    engine, data = ReferenceEngine(model), case.data(ROWS, dtype)
    loss, flat = engine.gradient(data, training=True, step=STEP)
    gradients = {f"gradient {name}": values for name, values in model.parameters.layout.views(flat).items()}
    done = engine.train(state, Slice(data, None, ROWS, 0, 1, state.scalars()), Sums())
    assert done.batches == 1
    slots = {f"{n}.{slot}": v for slot, views in state.views().items() for n, v in views.items() if n in model.learned}
    return {**model.parameters, **slots}, gradients, loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_every_plan_of_training_computes_the_bits_of_the_eager_engine_after_every_rule(case: Case, dtype: str) -> None:
    for optimizer in OPTIMIZERS:
        after, gradients, loss = trained(case, optimizer, dtype)
        model, given, _ = given_to_plans(case, optimizer, dtype)
        expected = {"step": after, "gradient in training": gradients, "apply": after}
        for kind, wanted in expected.items():
            plan = plans_of(case, optimizer, dtype)[kind]
            for rule in (None, *RULES):
                plan = plan if rule is None else rule(plan)
                found = run(plan, {**given, **gradients})
                assert set(found) - {"loss", "output", "row_losses"} <= set(wanted), rule
                for name in set(wanted) - set(found):  # what no step changes, such as the numbers of Standardize
                    kept = name.removeprefix("gradient ")
                    assert kept in model.counted and same_bits(wanted[name], model.parameters[kept]), name
                for name, values in ((name, wanted[name]) for name in found if name in wanted):
                    assert same_bits(found[name], values), (kind, rule, name)
                assert kind == "apply" or found["loss"] == loss
        for name, values in model.parameters.items():
            assert same_bits(given[name], values), "what is given is not changed"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", TABLE, ids=named)
def test_every_plan_outside_training_computes_the_bits_of_the_eager_engine_after_every_rule(
    case: Case, dtype: str
) -> None:
    model, given, _ = given_to_plans(case, SGD(), dtype)
    engine = ReferenceEngine(model)
    wanted = {"output": engine.predict(given["x"])}
    if case.trainable:
        loss, flat = engine.gradient(case.data(ROWS, dtype))
        views = model.parameters.layout.views(flat)
        wanted |= {f"gradient {name}": views[name] for name in model.learned}
    for kind, plan in plans_of(case, SGD(), dtype).items():
        if kind not in ("predict", "evaluate", "gradient"):
            continue
        for rule in (None, *RULES):
            plan = plan if rule is None else rule(plan)
            found = run(plan, given)
            for name in {*wanted} & {*found}:
                assert same_bits(found[name], wanted[name]), (kind, rule, name)
        assert kind != "gradient" or (found["loss"] == loss and {*wanted} <= {*found})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("case", TRAINABLE[::3], ids=named)
def test_each_rule_alone_leaves_the_bits_as_they_are(case: Case, rule: Any) -> None:
    for optimizer in (Momentum(0.1, weight_decay=0.01, clip_norm=1.0), AMSGrad(0.01)):
        _, given, _ = given_to_plans(case, optimizer, "float32")
        for kind, plan in plans_of(case, optimizer).items():
            if kind == "apply":
                continue
            before, changed = run(plan, given), rule(plan)
            validate(changed)
            after = run(changed, given)
            assert set(before) == set(after)
            for name, values in before.items():
                assert same_bits(after[name], values), (kind, name)


def test_two_rounds_of_rewriting_are_as_good_as_one() -> None:
    case = TRAINABLE[-1]
    _, given, _ = given_to_plans(case, Adam(), "float32")
    plan = plans_of(case, Adam())["step"]
    once = rewrite(plan)
    validate(rewrite(once))
    before, after = run(once, given), run(rewrite(once), given)
    assert all(same_bits(after[name], values) for name, values in before.items())


def small_values(dtype: Any = np.float32) -> dict[str, Any]:
    return {"x": np.ones((2, 3), dtype), "W": np.eye(3, dtype=dtype), "g": np.ones((3, 3), dtype), "rate": 0.5}


def test_more_than_a_plan_reads_is_no_harm_and_less_is_named() -> None:
    plan, given = small_plan(), small_values()
    found = run(plan, {**given, "else": 1.0})
    assert set(found) == {"y", "W"}
    for name in given:
        with pytest.raises(KeyError):
            run(plan, {key: value for key, value in given.items() if key != name})


def test_nothing_given_is_changed_and_no_warning_comes_of_infinity() -> None:
    given = small_values()
    before = {name: np.copy(value) for name, value in given.items()}
    run(small_plan(), given)
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value)
    given["x"] = np.full((2, 3), 1e38, np.float32)
    assert np.isinf(run(small_plan(), given)["y"]).any()


def test_slots_that_change_places_become_what_the_others_were() -> None:
    plan = Plan()
    for name in "ab":
        plan.buffer((2,), np.dtype("f8"), "slot", f"w.{name}")
    plan.updates = {0: 1, 1: 0}
    validate(plan)
    a, b = np.zeros(2), np.ones(2)
    found = run(plan, {"w.a": a, "w.b": b})
    assert (found["w.a"].tolist(), found["w.b"].tolist()) == ([1, 1], [0, 0])
