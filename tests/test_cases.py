"""What must hold for every layer and every loss, from the table in cases.py."""

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid.initializers
import pellucid.layers
import pellucid.losses
from cases import JOINS, LAYERS, LOSSES, ROWS, TABLE, TRAINABLE, Case, named
from fixtures import make_cases
from pellucid.description import build, describe
from pellucid.engines import Model, OptimizerState, ReferenceEngine, Slice, Sums, passes
from pellucid.engines.data import batch_of
from pellucid.engines.recording import (
    record_evaluation,
    record_gradient,
    record_prediction,
    record_step,
)
from pellucid.errors import InputError
from pellucid.gradient_check import check_gradients
from pellucid.layers import Join, Layer, Mode, Named
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.optimizers import Momentum
from pellucid.plan.interpreter import run
from pellucid.training import Session

every_case = pytest.mark.parametrize("case", TABLE, ids=named)
every_trainable_case = pytest.mark.parametrize("case", TRAINABLE, ids=named)
every_count_of_rows = pytest.mark.parametrize("rows", ROWS)


def known_classes() -> dict[str, type]:
    modules = (pellucid.layers, pellucid.losses, pellucid.initializers)
    return {name: getattr(module, name) for module in modules for name in module.__all__}


def exported(module: Any, base: type) -> set[type]:
    found = {getattr(module, name) for name in module.__all__}
    return {kind for kind in found if inspect.isclass(kind) and issubclass(kind, base) and not inspect.isabstract(kind)}


def test_every_exported_layer_and_loss_is_in_the_table() -> None:
    layers = {type(layer) for case in LAYERS + JOINS for layer in case.model().layers}
    losses = {type(case.loss) for case in LOSSES}
    assert {kind.__name__ for kind in exported(pellucid.layers, Layer) - layers} == set(), "add a row to tests/cases.py"
    assert {kind.__name__ for kind in exported(pellucid.losses, Loss) - losses} == set(), "add a row to tests/cases.py"


@every_count_of_rows
@every_trainable_case
def test_backpropagation_agrees_with_numeric_differentiation(case: Case, rows: int) -> None:
    model = case.model()
    # One row alone has no variance to divide by: what is measured over the batch is then taken from the running values.
    training = rows >= case.least_rows
    report = check_gradients(model, case.x(rows), case.t(rows), sample_weight=case.weight(rows), training=training)
    assert report.ok, str(report)
    assert {"x", *model.learned} <= set(report.rows)
    for index, layer in enumerate(model.layers):
        learned = [name for name in model.own(index, model.parameters) if f"{index}.{name}" in model.learned]
        xs = [f"x{place}" for place, _ in enumerate(model.inputs[index], 1)] if isinstance(layer, Join) else ["x"]
        assert {f"{model.name_of(index)}: d{name}" for name in (*xs, *learned)} <= set(report.rows)


COUNTING = [case for case in TRAINABLE if case.model().parameters.running]


@pytest.mark.parametrize("case", COUNTING, ids=named)
def test_backpropagation_through_running_values_agrees_with_numeric_differentiation(case: Case) -> None:
    report = check_gradients(case.model(), case.x(7), case.t(7), sample_weight=case.weight(7), training=False)
    assert report.ok, str(report)


def test_the_forward_only_layer_says_so_in_training() -> None:
    case = next(case for case in TABLE if not case.trainable)
    with pytest.raises(InputError, match=r"Step cannot be trained through: .* use Sigmoid\(\)"):
        check_gradients(case.model(), case.x(3), case.t(3))


# A plan against the eager pass, bit for bit -------------------------------------------------------------------------


def given_to_a_plan(case: Case, model: Model, rows: int, dtype: str) -> dict[str, Any]:
    x, t, weight = batch_of(case.data(rows, dtype), slice(None), model)
    # The parameters as they lie in the flat vector: BLAS takes another path, with other bits, for other strides.
    return {"x": x, "t": t, "weight": weight, **model.parameters}


def same_bits(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_count_of_rows
@every_case
def test_a_plan_computes_the_bits_of_the_eager_pass(case: Case, rows: int, dtype: str) -> None:
    model, data = case.model(dtype), case.data(rows, dtype)
    given = given_to_a_plan(case, model, rows, dtype)
    output = ReferenceEngine(model).predict(given["x"])
    assert same_bits(run(record_prediction(model), given)["output"], output)
    assert same_bits(run(record_evaluation(model, data.labels), given)["output"], output)
    if not case.trainable:
        return
    results = run(record_gradient(model, data.labels), given)
    loss, gradients = Session(model, ReferenceEngine(model)).gradient(data)
    assert float(results["loss"]) == loss
    assert set(gradients) == set(model.learned)
    assert set(results) == {"output", "loss", "row_losses", *(f"gradient {name}" for name in model.parameters)}
    for name in model.counted:  # in the place of a gradient stands what it stays
        assert same_bits(results[f"gradient {name}"], model.parameters[name]), name
    for name, gradient in gradients.items():
        assert same_bits(results[f"gradient {name}"], gradient), name


@every_trainable_case
def test_a_plan_of_a_training_step_changes_the_same_bits(case: Case) -> None:
    model, data = case.model("float32"), case.data(7, "float32")
    optimizer = Momentum(0.1, weight_decay=0.01, clip_norm=1.0)
    given = given_to_a_plan(case, case.model("float32"), 7, "float32")
    slots = {f"{name}.v": np.zeros_like(model.parameters[name]) for name in model.learned}
    before = {name: values.copy() for name, values in (given | slots).items()}
    results = run(record_step(model, optimizer, data.labels), {**given, **slots, "learning_rate": 0.1, "step": 5})
    for name, values in (given | slots).items():
        assert same_bits(values, before[name]), f"{name} was changed in place"
    state = OptimizerState(optimizer, model.parameters.layout, model.dtype)
    state.step, rates = 5, {"learning_rate": np.array([0.1])}
    trained = ReferenceEngine(model).train(state, Slice(data, None, 7, 0, 1, rates), Sums())
    assert trained.batches == 1
    assert np.isclose(float(results["loss"]), trained.sums.loss / trained.sums.weight, rtol=1e-5)
    for name, p in model.parameters.items():
        assert same_bits(results.get(name, given[name]), p), name
    for name in model.learned:
        assert same_bits(results[f"{name}.v"], state.views()["v"][name]), name


# The batch against its rows, one by one -----------------------------------------------------------------------------


@every_trainable_case
def test_a_batch_is_the_mean_of_its_rows(case: Case) -> None:
    rows = 9
    model, data = case.model(), case.data(rows)
    engine = ReferenceEngine(model)
    gradient = Session(model, engine).gradient
    loss, gradients = gradient(data)
    weight = np.ones(rows) if data.weight is None else data.weight
    one_by_one = []
    for n in range(rows):
        single = some_rows(case, model, slice(n, n + 1))
        one_by_one.append(gradient(single))
        np.testing.assert_allclose(engine.predict(data.x)[n : n + 1], engine.predict(single.x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(loss, np.average([found for found, _ in one_by_one], weights=weight), rtol=1e-12)
    for name, gradient in gradients.items():
        mean = np.average([found[name] for _, found in one_by_one], axis=0, weights=weight)
        np.testing.assert_allclose(gradient, mean, rtol=1e-11, atol=1e-13, err_msg=name)


def some_rows(case: Case, model: Model, rows: slice) -> Any:
    whole = case.data(9)
    part = {"x": whole.x[rows], "t": whole.t[rows]}
    return type(whole)(weight=None, labels=whole.labels, classes=None, **part)


# Descriptions -------------------------------------------------------------------------------------------------------


@every_case
def test_a_description_makes_an_equal_layer_and_loss(case: Case) -> None:
    for thing in (*case.model().layers, case.loss):
        written = json.dumps(describe(thing))
        read = build(json.loads(written), known_classes())
        assert read == thing
        assert type(read) is type(thing)


# Expected values by plain formulas, from a committed file ------------------------------------------------------------


Expected = dict[str, dict[str, Array]]


@pytest.fixture(scope="module")
def expected() -> Expected:
    return make_cases.read(make_cases.FILE)


def part_of(expected: Expected, case: Case) -> dict[str, Array]:
    assert case.name in expected, f"cases.npz lacks {case.name!r}: run python tests/fixtures/make_cases.py"
    return expected[case.name]


def test_the_file_holds_the_tables_rows_and_no_others(expected: Expected) -> None:
    for case in LAYERS + LOSSES:
        part_of(expected, case)
    assert set(expected) == {case.name for case in LAYERS + LOSSES}, "run python tests/fixtures/make_cases.py"


@pytest.mark.parametrize("case", LAYERS + LOSSES, ids=named)
def test_the_file_is_what_its_script_makes(case: Case, expected: Expected) -> None:
    found = part_of(expected, case)
    if sum(values.size for values in found.values()) < 400:
        again = make_cases.made(case)
        assert list(again) == list(found)
        for name, values in again.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-13, atol=1e-13, err_msg=name)


def test_a_new_row_adds_its_values_and_changes_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, kept, new = tmp_path / "cases.npz", LAYERS[1], LAYERS[5]
    other = {"x": np.array([[1.0]]), "y": np.array(2.5)}
    make_cases.write({"a row that is gone": other, kept.name: other}, path)
    for name, value in {"FILE": path, "LAYERS": (new, kept), "LOSSES": LOSSES[:1]}.items():
        monkeypatch.setattr(make_cases, name, value)
    make_cases.main()
    found = make_cases.read(path)
    assert list(found) == [new.name, kept.name, LOSSES[0].name]
    assert {name: values.tolist() for name, values in found[kept.name].items()} == {"x": [[1.0]], "y": 2.5}
    assert found[new.name]["dx"].shape == (7, 1)
    before = path.read_bytes()
    make_cases.main()
    assert path.read_bytes() == before


def test_a_layer_without_a_formula_is_named() -> None:
    @dataclass(frozen=True)
    class Cube(Layer):
        def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
            return x * x * x, Named()

        def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
            raise NotImplementedError

    with pytest.raises(SystemExit, match=r"make_cases\.py has no formula for Cube; add it to LAYER_FORMULAS"):
        make_cases.made(Case("cubes", (Cube(),), LOSSES[0].loss, (3,)))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_a_layer_gives_what_its_formula_gives(case: Case, dtype: str, tolerance: float, expected: Expected) -> None:
    found = {name: values.astype(dtype) for name, values in part_of(expected, case).items()}
    layer = case.model().layers[0]
    own = layer.parameters(case.input_shape)
    learned = [name for name, parameter in own.items() if parameter.learned]
    p = Named({name: parameter.initializer.draw(parameter.shape, (0, 0, 0)) for name, parameter in own.items()})
    p = Named({name: found.get(name, first.astype(dtype)) for name, first in p.items()})
    mode = Mode(training=True, seed=11, layer=2, step=5)
    y, saved = layer.forward(p, found["x"], mode)
    assert_near(y, found["y"], dtype, tolerance)
    if not case.trainable:
        return
    dx, gradients = layer.backward(p, saved, found["dy"])
    assert_near(dx, found["dx"], dtype, tolerance)
    assert set(gradients) == set(learned)
    for name, gradient in gradients.items():
        assert_near(gradient, found[f"d{name}"], dtype, tolerance)


def assert_near(found: Array, expected: Array, dtype: str, tolerance: float) -> None:
    """A sum is rounded as its terms are: where they cancel, what is left is as inexact as its neighbours."""
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("case", LOSSES, ids=named)
def test_a_loss_gives_what_its_formula_gives(case: Case, dtype: str, tolerance: float, expected: Expected) -> None:
    found = {name: values.astype(dtype) for name, values in part_of(expected, case).items()}
    row_losses, saved = case.loss.forward(found["y"], found["t"])
    dy = case.loss.backward(saved)
    assert row_losses.dtype == dy.dtype == np.dtype(dtype)
    np.testing.assert_allclose(row_losses, found["row_losses"], rtol=tolerance, atol=5 * tolerance)
    np.testing.assert_allclose(dy, found["dy"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", LOSSES, ids=named)
def test_a_loss_is_weighted_as_its_formula_says(case: Case, expected: Expected) -> None:
    found = part_of(expected, case)
    layer = pellucid.layers.Identity()
    width = found["y"].shape[1]
    model = Model((layer,), case.loss, (width,), 0, np.dtype(np.float64))
    done = passes.forward(model, model.parameters, found["y"], training=True)
    result = passes.backward(model, case.loss, model.parameters, done, found["t"], found["weight"])
    np.testing.assert_allclose(float(result.loss), float(found["loss"]), rtol=1e-12)
    np.testing.assert_allclose(result.deltas[0], found["weighted_dy"], rtol=1e-12, atol=1e-14)
