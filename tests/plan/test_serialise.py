"""A plan as JSON and back: every number exact; and whatever else comes is refused with one kind of error."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import TABLE, TRAINABLE, Case, named
from native.pairs import OPTIMIZERS
from native.test_random_networks import cases
from pellucid.errors import FormatError
from pellucid.optimizers import Adam, AdaMax, AMSGrad, Lion
from pellucid.plan import from_json, to_json
from pellucid.plan.ir import ROWS, Plan, Step
from pellucid.plan.rewrites import rewrite
from pellucid.plan.serialise import SCHEMA
from pellucid.plan.validate import validate
from plan.made import F4, plans_of, small_plan


def assert_round_trip(plan: Plan) -> None:
    text = to_json(plan)
    read = from_json(text)
    assert read == plan
    assert str(read) == str(plan)
    assert to_json(read) == text
    for step, again in zip(plan.steps, read.steps, strict=True):
        # 2 == 2.0 == True in Python, but a buffer is not a constant.
        assert list(map(type, step.inputs)) == list(map(type, again.inputs))
        assert {key: type(value) for key, value in step.attributes.items()} == {
            key: type(value) for key, value in again.attributes.items()
        }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", TABLE, ids=named)
def test_every_plan_comes_back_as_it_was(case: Case, dtype: str) -> None:
    for plan in plans_of(case, Adam(clip_norm=1.0, weight_decay=0.01), dtype).values():
        assert_round_trip(plan)
        assert_round_trip(rewrite(plan))
        assert plan.to_json() == to_json(plan)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, Lion(), AMSGrad(), AdaMax()], ids=str)
def test_every_optimizer_s_plan_comes_back(optimizer: Any) -> None:
    for kind in ("step", "apply"):
        plan = plans_of(TRAINABLE[-1], optimizer)[kind]
        assert_round_trip(plan)
        assert_round_trip(rewrite(plan))


@settings(max_examples=20)
@given(cases())
def test_random_plans_come_back(case: Case) -> None:
    for plan in plans_of(case, Adam()).values():
        assert_round_trip(plan)


def with_constant(number: float) -> Plan:
    plan = small_plan()
    plan.steps[1] = plan.steps[1]._replace(op="multiply", inputs=(4, number))
    return plan


@settings(max_examples=300)
@given(st.floats(allow_nan=False))
def test_every_number_is_exact(number: float) -> None:
    plan = with_constant(number)
    read = from_json(to_json(plan)).steps[1].inputs[1]
    assert type(read) is float and np.float64(read).tobytes() == np.float64(number).tobytes()


def test_not_a_number_comes_back_too() -> None:
    read = from_json(to_json(with_constant(math.nan))).steps[1].inputs[1]
    assert type(read) is float and math.isnan(read)


@given(st.text(max_size=20))
def test_every_name_comes_back(name: str) -> None:
    plan = small_plan()
    plan.buffers[0] = plan.buffers[0]._replace(name=name)
    plan.results = {name: 5}
    assert_round_trip(plan)


def test_what_is_read_computes_the_same_bits() -> None:
    plan = small_plan()
    x, W = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), np.eye(3, dtype=np.float32)
    given_to = {"x": x, "W": W, "g": W * 0.3, "rate": 0.1}
    before, after = plan.run(given_to), from_json(plan.to_json()).run(given_to)
    assert {name: values.tobytes() for name, values in before.items()} == {
        name: values.tobytes() for name, values in after.items()
    }


def test_the_form_is_plain_and_says_its_version() -> None:
    form = json.loads(to_json(small_plan()))
    assert form["schema"] == SCHEMA == 1
    assert form["buffers"][1] == [[3, 3], "float32", "parameter", "W"]
    assert form["buffers"][4] == [[ROWS, 3], "float32", "value", "%4"]
    assert form["steps"][0] == {
        "op": "matmul",
        "inputs": [{"buffer": 0}, {"buffer": 1}],
        "outputs": [4],
        "attributes": {},
    }
    assert (form["results"], form["updates"]) == ({"y": 5}, [[1, 7]])


# What is no plan -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5, [1]])
def test_another_version_is_refused(version: Any) -> None:
    form = json.loads(to_json(small_plan())) | {"schema": version}
    with pytest.raises(FormatError, match=r"the plan has the schema .*, known here is 1; export it anew"):
        from_json(json.dumps(form))


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '"plan"', "{}", '{"schema": 1}', "[" * 100_000, "NaN"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        from_json(text)


def test_what_is_too_long_is_refused_unread() -> None:
    with pytest.raises(FormatError, match=r"a plan of 67,108,865 characters is larger than the 67,108,864 that are"):
        from_json(" " * ((64 << 20) + 1))


def test_a_plan_that_means_nothing_is_refused_with_its_fault() -> None:
    form = json.loads(to_json(small_plan()))
    form["steps"][1]["op"] = "cosh"
    with pytest.raises(FormatError, match=r"this is not a plan: PlanError: step 1 \(cosh\) is not an op"):
        from_json(json.dumps(form))


HOSTILE = [
    (("buffers", 0, 0), [-1, 3]),
    (("buffers", 0, 0), ["N", 3.0]),
    (("buffers", 0, 0), ["N", True]),
    (("buffers", 0, 0), ["N", None]),
    (("buffers", 0, 0), "N3"),
    (("buffers", 0, 0), ["", 3]),
    (("buffers", 0, 0), ["N·", 3]),
    (("buffers", 0, 0), ["N", 10**30]),
    (("buffers", 0, 1), "object"),
    (("buffers", 0, 1), "float16"),
    (("buffers", 0, 1), ["float32"]),
    (("buffers", 0, 1), {"float32": 1}),
    (("buffers", 0, 2), "owner"),
    (("buffers", 0, 2), ["input"]),
    (("buffers", 0, 3), 7),
    (("buffers", 0), []),
    (("buffers", 0), [[], "float32", "input", "x", "more"]),
    (("buffers",), {"0": 1}),
    (("steps", 0, "op"), ["matmul"]),
    (("steps", 0, "op"), {"matmul": 1}),
    (("steps", 0, "inputs"), [{"buffer": 0}]),
    (("steps", 0, "inputs"), [{"buffer": -1}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [{"buffer": 1e300}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [{"buffer": "zero"}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [{"buffer": 0.5}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [{"buffer": True}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [{"buffer": "0"}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [{}, {"buffer": 1}]),
    (("steps", 0, "inputs"), [None, {"buffer": 1}]),
    (("steps", 0, "inputs"), [[0], {"buffer": 1}]),
    (("steps", 1, "inputs"), [True]),
    (("steps", 1, "inputs"), ["1.5"]),
    (("steps", 0, "inputs"), None),
    (("steps", 0, "outputs"), [99]),
    (("steps", 0, "outputs"), ["4"]),
    (("steps", 0, "outputs"), [4.5]),
    (("steps", 0, "outputs"), []),
    (("steps", 0, "attributes"), {"axis": 1}),
    (("steps", 0, "attributes"), []),
    (("steps", 0, "attributes"), None),
    (("steps", 0, "parts"), 1),
    (("steps", 0, "parts"), [{}]),
    (("steps", 0, "parts"), [[]]),
    (("steps", 0), None),
    (("results",), []),
    (("results",), {"y": None}),
    (("results",), {"y": "5"}),
    (("results",), {"y": 5.5}),
    (("results",), {"y": 10**40}),
    (("updates",), {"1": 7}),
    (("updates",), [[1]]),
    (("updates",), [[0, 5]]),
    (("updates",), [[1.5, 7]]),
    (("updates",), [1, 7]),
]


@pytest.mark.parametrize("place, value", HOSTILE, ids=str)
def test_a_hostile_form_is_refused(place: tuple[Any, ...], value: Any) -> None:
    form = json.loads(to_json(small_plan()))
    inner = form
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(FormatError):
        from_json(json.dumps(form))


def test_attributes_of_another_type_are_refused() -> None:
    for case in TRAINABLE[::5]:
        plan = plans_of(case, Adam())["step"]
        form = json.loads(to_json(plan))
        for index, step in enumerate(plan.steps):
            for key in step.attributes:
                for value in ("text", [[]], {"a": 1}, 1e308, "float32"):
                    kept = form["steps"][index]["attributes"][key]
                    number = isinstance(kept, float) and isinstance(value, float)
                    if value == kept or number or (key == "dtype" and value == "float32"):
                        continue
                    form["steps"][index]["attributes"][key] = value
                    with pytest.raises(FormatError):
                        from_json(json.dumps(form))
                    form["steps"][index]["attributes"][key] = kept


WORDS, KEYS = st.sampled_from(["N", "exp", "float32", "value", ""]), st.sampled_from(["buffer", "op", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 12) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
LETTERS = st.sampled_from(['"', "{", "]", "9", "-", "e", "\\", "\x00", "é"])


def refused_or_valid(text: str) -> None:
    try:
        plan = from_json(text)
    except FormatError:
        return
    validate(plan)
    assert_round_trip(plan)


@settings(max_examples=300)
@given(JSON)
def test_garbage_is_refused(value: Any) -> None:
    refused_or_valid(json.dumps(value))


@settings(max_examples=300)
@given(st.text(max_size=40))
def test_text_is_refused(text: str) -> None:
    refused_or_valid(text)


BASES = [to_json(plan) for plan in (small_plan(), rewrite(plans_of(TRAINABLE[1], Lion())["step"]))]
BASES.append(to_json(rewrite(plans_of(next(c for c in TRAINABLE if c.name == "convolution"), Adam())["step"])))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in a form, at any depth."""
    found: list[tuple[Any, Any]] = []
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        found.append((value, key))
        found += places(value[key])
    return found


@settings(max_examples=250)
@given(st.sampled_from(BASES), st.data())
def test_a_plan_with_faults_in_it_is_refused_or_still_means_something(base: str, data: st.DataObject) -> None:
    form = json.loads(base)
    for _ in range(data.draw(st.integers(1, 3))):
        inside = places(form)
        if not inside:
            break
        container, key = inside[data.draw(st.integers(0, len(inside) - 1))]
        if data.draw(st.booleans()):
            container[key] = data.draw(JSON)
        else:
            del container[key]
    refused_or_valid(json.dumps(form))


@settings(max_examples=200)
@given(st.sampled_from(BASES), st.integers(0, 10**6), LETTERS)
def test_a_plan_with_a_letter_changed_is_refused_or_still_means_something(base: str, at: int, letter: str) -> None:
    at %= len(base)
    refused_or_valid(base[:at] + letter + base[at + 1 :])


def test_an_attribute_that_reads_like_a_type_stays_what_it_is() -> None:
    plan = Plan()
    plan.buffer((ROWS,), np.dtype(np.int32), "target", "float32")
    made = plan.buffer((ROWS, 3), F4, "value")
    plan.steps.append(Step("one_hot", (0,), (made.number,), {"classes": 3, "dtype": F4}))
    plan.results = {"float64": made.number}
    assert_round_trip(plan)
