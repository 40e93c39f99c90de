"""Updates: which kernel runs an optimizer's rule; rules of one's own; and nothing is read after it is overwritten."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from cases import Case, numbers
from native.pairs import OPTIMIZERS, RULES, error, network, pair
from pellucid import Network, ops
from pellucid.engines import OptimizerState
from pellucid.engines.recording import record_apply, record_step
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.layers import Affine, BatchNorm, Conv2D, Flatten, Named, Sigmoid, Tanh
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Lion,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)
from pellucid.plan.ir import Plan
from pellucid.plan.rewrites import rewrite, updates
from pellucid.plan.validate import validate

CASE = Case("dense", (Affine(5), Tanh(), Affine(3), Sigmoid()), MeanSquaredError(), (4,))
NORMALISED = Case(
    "normalised",
    (Conv2D(3, 2), BatchNorm(epsilon=0.1), Tanh(), Flatten(), Affine(6), BatchNorm(epsilon=0.1), Affine(2)),
    MeanSquaredError(),
    (2, 4, 3),
)
X, T = CASE.x(9), CASE.t(9)
MORE: tuple[Optimizer, ...] = (
    Lion(0.01),
    Lion(0.01, weight_decay=0.3),
    AMSGrad(0.01, beta2=0.5),
    AMSGrad(0.01, weight_decay=0.1, l1=0.01, clip_norm=0.1),
    AdaMax(0.01, beta2=0.7),
    AdaMax(0.01, weight_decay=0.1, clip_value=0.01),
)


def rules_of(plan: Plan) -> list[str]:
    return [step.attributes["rule"] for step in rewrite(plan).steps if "rule" in step.attributes]


def kernel_of(optimizer: Optimizer) -> str:
    """Which one should run a rule: that of its name, or none."""
    name = type(optimizer).__name__.lower()
    return name if name in updates.KERNELS else "program"


# Which kernel --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [CASE, NORMALISED], ids=lambda case: case.name)
@pytest.mark.parametrize("optimizer", OPTIMIZERS + MORE, ids=str)
def test_every_optimizer_is_run_by_its_kernel_or_as_a_program(case: Case, optimizer: Optimizer) -> None:
    model = case.model()
    expected = [kernel_of(optimizer)] * len(model.learned)
    if isinstance(optimizer, AdamW):  # what does not decay is Adam's
        expected = ["adamw" if model.decays[name] else "adam" for name in model.learned]
    running = ["running"] * len(model.counted)
    assert sorted(rules_of(record_step(model, optimizer, labels=False))) == sorted(expected + running)
    assert sorted(rules_of(record_apply(model, optimizer))) == sorted(expected)
    kinds = {SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW}
    assert kernel_of(optimizer) != "program" if type(optimizer) in kinds else kernel_of(optimizer) == "program"


@pytest.mark.parametrize("optimizer", OPTIMIZERS + MORE, ids=str)
def test_each_update_is_one_step_that_names_what_it_needs(optimizer: Optimizer) -> None:
    plan = rewrite(record_step(CASE.model(), optimizer, labels=False))
    validate(plan)
    steps = [step for step in plan.steps if "rule" in step.attributes]
    changed = {becomes: plan.buffers[number] for number, becomes in plan.updates.items()}
    for step in steps:
        made = [changed[number].name for number in step.outputs]
        w = next(name for name in made if name in CASE.model().learned)
        assert sorted(made) == sorted([w, *(f"{w}.{slot}" for slot in optimizer.slots)])
    assert sum(len(step.outputs) for step in steps) == len(plan.updates)


def steps_taken(case: Case, optimizer: Optimizer, dtype: str, count: int = 5) -> np.ndarray[Any, Any]:
    net = network(case, "native", dtype)
    for _ in range(count):
        net.step(case.x(9, dtype), case.t(9, dtype), optimizer)
    slots = net.optimizer_state(optimizer).slots
    return np.concatenate([net.parameters.flat, *(slots[name] for name in optimizer.slots)])


@pytest.mark.parametrize("case", [CASE, NORMALISED], ids=lambda case: case.name)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_rule_as_kernel_and_as_program_changes_the_same_numbers(
    case: Case, optimizer: Optimizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = replace(optimizer, epsilon=1e-4) if hasattr(optimizer, "epsilon") else optimizer
    by_kernel = steps_taken(case, steady, "float64")
    monkeypatch.setattr(updates, "_templates", lambda: ())
    assert set(rules_of(record_step(case.model(), steady, labels=False))) == {"program"}
    by_program = steps_taken(case, steady, "float64")
    np.testing.assert_allclose(by_program, by_kernel, rtol=1e-12, atol=1e-12)


def trained_alike(optimizer: Optimizer, case: Case = CASE, dtype: str = "float64", steps: int = 6) -> Network:
    native, reference = pair(case, dtype)
    x, t = case.x(9, dtype), case.t(9, dtype)
    tolerance = 1e-11 if dtype == "float64" else 1e-4
    for _ in range(steps):
        losses = [net.step(x, t, optimizer) for net in (native, reference)]
        assert losses[0] == pytest.approx(losses[1], rel=tolerance)
    assert error(native.parameters.flat, reference.parameters.flat) < tolerance
    for name, slot in native.optimizer_state(optimizer).slots.items():
        assert error(slot, reference.optimizer_state(optimizer).slots[name]) < tolerance, name
    return native


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [CASE, NORMALISED], ids=lambda case: case.name)
@pytest.mark.parametrize("optimizer", [*RULES, *MORE], ids=str)
def test_native_training_is_the_reference_s(case: Case, optimizer: Optimizer, dtype: str) -> None:
    plain = isinstance(optimizer, SGD | Momentum | Nesterov)
    if case is NORMALISED and not plain and (dtype == "float32" or isinstance(optimizer, Lion)):
        pytest.skip("before a normalisation, a bias takes whole steps by what rounding leaves of its gradient")
    trained_alike(replace(optimizer, epsilon=1e-3) if hasattr(optimizer, "epsilon") else optimizer, case, dtype)


@pytest.mark.parametrize("optimizer", [Lion(0.01), AMSGrad(0.01, weight_decay=0.1), AdaMax(0.01)], ids=str)
def test_the_two_halves_of_a_program_s_step_are_the_step(optimizer: Optimizer) -> None:
    whole, halves = network(CASE, "native", "float64"), network(CASE, "native", "float64")
    for _ in range(4):
        whole.step(X, T, optimizer)
        halves.apply(halves.gradient(X, T, training=True)[1], optimizer)
    assert whole.parameters.flat.tobytes() == halves.parameters.flat.tobytes()


# Rules of one's own --------------------------------------------------------------------------------------------------

Rule = Callable[[Any, Any, Any, Any, Any], Any]


def own(rule: Rule, *names: str) -> Any:
    """An optimizer of somebody's own with such a rule and such slots, in one class each."""

    @dataclass(frozen=True)
    class Own(Optimizer):
        slots: ClassVar[tuple[str, ...]] = names
        share: float = 0.7

        def rule(self, w: Any, g: Any, slots: Any, scalars: Any) -> Any:
            return rule(self, w, g, slots, scalars)

    return Own


def _nesterov_twice(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    """The old velocity is read after the new one is there."""
    v = o.share * s.v - c.learning_rate * g
    return w - o.share * s.v + (1.0 + o.share) * v, Named(v=v)


def _old_weights_kept(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    new = w - c.learning_rate * g
    return new, Named(before=w)


def _lookahead(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    """Both new values are made of both old ones."""
    fast = w - c.learning_rate * g
    slow = s.slow + 0.5 * (w - s.slow)
    return fast + 0.1 * (s.slow - w), Named(slow=slow)


def _exchanged(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return w - c.learning_rate * g, Named(a=s.b, b=s.a)


def _handed_on(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    """A gradient goes from slot to slot, a step at a time."""
    return w - c.learning_rate * (g + 0.5 * s.a + 0.25 * s.b), Named(a=g, b=s.a)


def _handed_on_changed(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return w - c.learning_rate * (g + 0.5 * s.b), Named(a=0.5 * s.a + g, b=s.a)


def _weights_become_a_slot(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return s.a - c.learning_rate * g, Named(a=w)


def _weights_and_slot_exchanged(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return s.a, Named(a=w - c.learning_rate * g)


def _unchanged(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return w, Named(a=s.a)


def _same_for_both(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    new = w - c.learning_rate * g
    return new, Named(a=new)


def _read_after(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    new = w - c.learning_rate * g
    return new, Named(a=new - w, b=ops.tanh(new) + s.a)


def _numbers_alone(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return w - (c.learning_rate * o.weight_decay) * w - c.learning_rate * (1.0 - o.share) * g, s


def _number_of_numbers(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    rate = ops.sqrt(c.learning_rate) * c.learning_rate / (1.0 + c.learning_rate)
    return w - rate * ops.sign(g) * ops.minimum(ops.absolute(g), 1.0), s


def _gradient_alone(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return g * c.learning_rate, Named(a=w * 0.5)


def _becomes_the_gradient(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return g, Named(a=g)


def _whole_array(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    """More than elementwise ops: every gradient is brought to length 1."""
    return w - c.learning_rate * g / (ops.sqrt(ops.sum_all(ops.square(g))) + 1e-3), s


def _adam_with_slots_in_another_order(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    m, v = 0.9 * s.m + 0.1 * g, 0.99 * s.v + 0.01 * ops.square(g)
    return w - c.learning_rate * (m / (ops.sqrt(v) * 1.5 + 1e-3)), Named(m=m, v=v)


def _momentum_that_is_looked_at(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    """Momentum's steps, of which another slot wants what comes up on the way."""
    step = c.learning_rate * g
    v = o.share * s.v - step
    return w + v, Named(v=v, step=step)


def _long(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    """More ops than one chain holds."""
    for index in range(60):
        g = ops.tanh(g * 1.01) if index % 2 else g + 0.001 * w
    return w - c.learning_rate * g, s


OWN: dict[str, tuple[Rule, tuple[str, ...], str]] = {
    # name: rule, slots, which rule runs it, or "" where its parts run by themselves
    "nesterov with the old velocity": (_nesterov_twice, ("v",), "program"),
    "old weights kept": (_old_weights_kept, ("before",), ""),
    "lookahead": (_lookahead, ("slow",), "program"),
    "slots exchanged": (_exchanged, ("a", "b"), ""),
    "handed on": (_handed_on, ("a", "b"), ""),
    "handed on and changed": (_handed_on_changed, ("a", "b"), ""),
    "weights become a slot": (_weights_become_a_slot, ("a",), ""),
    "weights and a slot exchanged": (_weights_and_slot_exchanged, ("a",), ""),
    "nothing changes": (_unchanged, ("a",), ""),
    "one value for both": (_same_for_both, ("a",), ""),
    "new values are read": (_read_after, ("a", "b"), "program"),
    "numbers alone": (_numbers_alone, (), "program"),
    "numbers of numbers": (_number_of_numbers, (), "program"),
    "gradients alone": (_gradient_alone, ("a",), ""),
    "becomes the gradient": (_becomes_the_gradient, ("a",), ""),
    "the whole array": (_whole_array, (), ""),
    "adam with slots in another order": (_adam_with_slots_in_another_order, ("v", "m"), "program"),
    "momentum that is looked at": (_momentum_that_is_looked_at, ("v", "step"), "program"),
    "long": (_long, (), ""),
}


@pytest.mark.parametrize("case", [CASE, NORMALISED], ids=lambda case: case.name)
@pytest.mark.parametrize("name", OWN)
def test_a_rule_of_one_s_own_runs_natively_as_on_the_reference(name: str, case: Case) -> None:
    if case is NORMALISED and rule_needs_steady_gradients(name):
        pytest.skip("before a normalisation, a bias has a gradient that is what rounding leaves")
    rule, slots, runs = OWN[name]
    optimizer = own(rule, *slots)(0.01, weight_decay=0.02)
    plan = record_step(case.model(), optimizer, labels=False)
    if runs:
        found = [rule for rule in rules_of(plan) if rule != "running"]
        assert found == [runs] * len(case.model().learned)
    for net in pair(case, "float64"):
        state = filled(net, optimizer)
        for _ in range(3):
            # A plan holds values, and the interpreter has no memory of its own: what it says is meant.
            expected = plan.run(given_now(net, optimizer, case))
            net.step(case.x(9), case.t(9), optimizer)
            assert_became(net, state, expected)


def rule_needs_steady_gradients(name: str) -> bool:
    return name in ("becomes the gradient", "handed on", "the whole array", "numbers of numbers")


def filled(net: Network, optimizer: Optimizer) -> OptimizerState:
    """The optimizer's memory, different everywhere, as it never is at the start."""
    state = net.optimizer_state(optimizer)
    for stream, views in enumerate(state.views().values()):
        for name, values in views.items():
            values[...] = 0.1 * np.abs(numbers(60 + stream + len(name), values.shape))
    return state


def given_now(net: Network, optimizer: Optimizer, case: Case) -> dict[str, Any]:
    state = net.optimizer_state(optimizer)
    slots = {f"{name}.{slot}": w.copy() for slot, views in state.views().items() for name, w in views.items()}
    parameters = {name: w.copy() for name, w in net.parameters.items()}
    scalars = {name: float(values[0]) for name, values in state.scalars().items()}
    data = {"x": case.x(9), "t": case.t(9), "weight": np.ones((9, 1)), "step": float(state.step)}
    return parameters | slots | scalars | data


def assert_became(net: Network, state: OptimizerState, expected: dict[str, Any]) -> None:
    for name in net.model.learned:
        assert error(net.parameters[name], expected[name]) < 1e-11, (net.engine, name)
        for slot, views in state.views().items():
            if f"{name}.{slot}" in expected:
                assert error(views[name], expected[f"{name}.{slot}"]) < 1e-11, (net.engine, name, slot)


@pytest.mark.parametrize("name", OWN)
def test_both_halves_of_a_step_with_a_rule_of_one_s_own(name: str) -> None:
    rule, slots, _ = OWN[name]
    optimizer = own(rule, *slots)(0.01, weight_decay=0.02)
    plan = record_step(CASE.model(), optimizer, labels=False)
    for net in pair(CASE, "float64"):
        state = filled(net, optimizer)
        for _ in range(3):
            expected = plan.run(given_now(net, optimizer, CASE))
            net.apply(net.gradient(X, T, training=True)[1], optimizer)
            assert_became(net, state, expected)


def test_a_constant_that_is_the_number_of_a_buffer_is_not_taken_for_it() -> None:
    """Nesterov's steps with another number at the end: the learning rate, whose buffer may have just that number."""
    for constant in range(24):

        def rule(o: Any, w: Any, g: Any, s: Any, c: Any, constant: float = float(constant)) -> Any:
            step = c.learning_rate * g
            v = constant * s.v - step
            return w + (c.learning_rate * v - step), Named(v=v)

        optimizer = own(rule, "v")(0.01)
        for plan in (record_step(CASE.model(), optimizer, labels=False), record_apply(CASE.model(), optimizer)):
            assert set(rules_of(plan)) == {"program"}, constant


def test_a_rule_is_run_by_a_kernel_whoever_wrote_it_and_in_whatever_order_it_adds() -> None:
    def rule(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
        v = s.speed * o.share - g * c.learning_rate
        return v + w, Named(speed=v)

    optimizer = own(rule, "speed")(0.01)
    assert set(rules_of(record_step(CASE.model(), optimizer, labels=False))) == {"momentum"}
    trained_alike(optimizer)


# What cannot be ------------------------------------------------------------------------------------------------------


def _subtracted(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    w -= c.learning_rate * ops.sign(g)
    return w, s


def _assigned(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    s.m[...] = 0.9 * s.m + 0.1 * g
    return w - c.learning_rate * s.m, s


def _into(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return np.subtract(w, c.learning_rate * g, out=w), s


IN_PLACE: dict[str, Rule] = {"-=": _subtracted, "[...] =": _assigned, "out=": _into}


@pytest.mark.parametrize("way", IN_PLACE)
@pytest.mark.parametrize("verb", ["step", "fit", "apply"])
def test_an_update_in_place_is_refused_with_a_sentence_on_both_engines(way: str, verb: str) -> None:
    optimizer = own(IN_PLACE[way], "m")(0.01)
    for net in pair(CASE, "float64"):
        before = net.parameters.flat.copy()
        with pytest.raises(InputError, match=r"the optimizer Own.*in place.*return") as found:
            if verb == "step":
                net.step(X, T, optimizer)
            elif verb == "apply":
                net.apply(np.zeros_like(net.parameters.flat), optimizer)
            else:
                net.fit(X, T, epochs=1, optimizer=optimizer, verbose=0)
        assert not isinstance(found.value, OutsideVocabulary)
        np.testing.assert_array_equal(net.parameters.flat, before)


@pytest.mark.parametrize("way", IN_PLACE)
def test_an_update_in_place_never_trains_otherwise_on_one_engine_than_on_the_other(way: str) -> None:
    optimizer = own(IN_PLACE[way], "m")(0.01)
    net = Network(CASE.layers, CASE.loss, input_shape=4, dtype="float64")
    before = net.parameters.flat.copy()
    with pytest.warns(UserWarning, match="reference engine"), pytest.raises(InputError, match="in place"):
        net.step(X, T, optimizer)
    np.testing.assert_array_equal(net.parameters.flat, before)


WRONG: dict[str, tuple[Rule, str]] = {
    "nothing": (lambda o, w, g, s, c: None, r"its rule returned NoneType, and must return \(w, slots\)"),
    "w alone": (lambda o, w, g, s, c: w, r"its rule returned \w+, and must return \(w, slots\)"),
    "three things": (lambda o, w, g, s, c: (w, s, c), r"its rule returned tuple, and must return \(w, slots\)"),
    "slots as a tuple": (lambda o, w, g, s, c: (w, (s.m,)), r"its rule returned tuple, and must return \(w, slots\)"),
    "a slot too few": (lambda o, w, g, s, c: (w, Named()), r"returned no slot 'm'; it must return all of m"),
    "a slot of another name": (lambda o, w, g, s, c: (w, Named(n=w)), r"returned no slot 'm'; it must return all of m"),
    "a number": (lambda o, w, g, s, c: (1.0, s), r"the optimizer Own"),
    "another shape": (lambda o, w, g, s, c: (ops.sum_all(w), s), r"the optimizer Own"),
    "a slot of another shape": (lambda o, w, g, s, c: (w, Named(m=ops.sum_all(w))), r"the optimizer Own"),
}


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("way", WRONG)
def test_a_rule_that_returns_something_else_is_named(way: str, engine: str) -> None:
    rule, said = WRONG[way]
    net = network(CASE, engine, "float64")
    before = net.parameters.flat.copy()
    with pytest.raises(InputError, match=said):
        net.step(X, T, own(rule, "m")(0.01))
    np.testing.assert_array_equal(net.parameters.flat, before)


def _outside(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return w - c.learning_rate * np.arctan(g), s


def _branching(o: Any, w: Any, g: Any, s: Any, c: Any) -> Any:
    return (w - c.learning_rate * g if g.sum() > 0 else w - 0.5 * c.learning_rate * g), s


@pytest.mark.parametrize("rule", [_outside, _branching], ids=lambda rule: rule.__name__)
def test_a_rule_that_is_more_than_ops_trains_on_the_reference_engine_and_says_so_once(rule: Rule) -> None:
    optimizer = own(rule)(0.01)
    auto = Network(CASE.layers, CASE.loss, input_shape=4, dtype="float64", seed=3)
    reference = network(CASE, "reference", "float64")
    assert auto.engine == "native"
    said = r"the optimizer Own.* Training with it runs on the reference engine, which is slower"
    with pytest.warns(UserWarning, match=said) as caught:
        auto.step(X, T, optimizer)
        auto.step(X, T, optimizer)
        auto.fit(X, T, epochs=2, optimizer=optimizer, verbose=0)
        auto.apply(auto.gradient(X, T, training=True)[1], optimizer)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for _ in range(2):
        reference.step(X, T, optimizer)
    reference.fit(X, T, epochs=2, optimizer=optimizer, verbose=0)
    reference.apply(reference.gradient(X, T, training=True)[1], optimizer)
    assert error(auto.parameters.flat, reference.parameters.flat) < 1e-11
    auto.step(X, T, SGD(0.1))  # Another optimizer runs natively all the same, without a word.


@pytest.mark.parametrize("verb", ["step", "fit", "apply"])
@pytest.mark.parametrize("rule", [_outside, _branching], ids=lambda rule: rule.__name__)
def test_a_rule_that_is_more_than_ops_is_refused_where_the_native_engine_is_asked_for(rule: Rule, verb: str) -> None:
    net, optimizer = network(CASE, "native", "float64"), own(rule)(0.01)
    with pytest.raises(InputError, match=r"engine='native' cannot run this optimizer: the optimizer Own.*'auto'"):
        if verb == "step":
            net.step(X, T, optimizer)
        elif verb == "apply":
            net.apply(np.zeros_like(net.parameters.flat), optimizer)
        else:
            net.fit(X, T, epochs=1, optimizer=optimizer, verbose=0)
