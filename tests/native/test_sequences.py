"""Layers over sequences: their derivatives, the same numbers on both engines, the same bits for any threads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cases import Case, named
from native.pairs import Trainer, data_for, error, network, steps_of_both
from native.sequence_layers import CLASSES, Embedding, Numbered, OneHot, Waves, sequence_cases
from pellucid import Network, ops
from pellucid.engines import OptimizerState, ReferenceEngine, Slice, Sums
from pellucid.engines.data import batch_of
from pellucid.errors import NotFiniteError
from pellucid.layers import Affine, Flatten, Layer, Named
from pellucid.losses import MeanSquaredError
from pellucid.ops import Array
from pellucid.optimizers import SGD, Adam, Optimizer
from pellucid.plan.interpreter import run
from pellucid.plan.rewrites import rewrite
from pellucid.plan.validate import validate
from plan.made import plans_of

SIZES = ((1, 4), (3, 1), (8, 17))
MORE_SIZES = ((1, 1), (1, 17), (3, 4), (3, 17), (8, 1), (8, 4))
CASES = [
    pytest.param(case, id=f"{case.name}, {T}x{D}", marks=() if (T, D) in SIZES else pytest.mark.slow)
    for T, D in SIZES + MORE_SIZES
    for case in sequence_cases(T, D)
]
LARGE = sequence_cases(16, 33)
ROWS = (1, 2, 9)
OPTIMIZERS = (SGD(0.1), Adam(0.002, epsilon=1e-3))
"""An epsilon that takes small steps for small gradients: with 1e-8, those that are only rounding make whole steps."""
DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 1e-5, "float64": 1e-11}
"""Of an array's largest number. Where a gradient is a sum that cancels, as in attention over single numbers, few bits
stay."""


def natively(net: Network) -> Network:
    """Returns the network, which must run natively."""
    assert net.engine == "native", net.engine_reason
    return net


def both(layers: list[Layer], positions: int, dtype: str, loss: Any = None) -> tuple[Network, Network]:
    engines = ("auto", "reference")
    native, reference = (Network(layers, loss, input_shape=positions, dtype=dtype, seed=3, engine=e) for e in engines)
    return natively(native), reference


def test_the_networks_use_every_op_of_sequences() -> None:
    plans = [network(case, "reference").plan() for case in sequence_cases(3, 4)]
    used = {(step.op, len(plan.buffers[step.reads[0]].shape)) for plan in plans for step in plan.steps}
    three = "affine matmul matmul_nt matmul_tn transpose sum_columns mean_columns max_columns sin cos reshape"
    three += " minimum maximum merge_positions concatenate_columns slice_columns add_rows"
    two = "affine matmul_nt matmul_tn split_positions take_rows one_hot reshape"
    assert {*((op, 3) for op in three.split()), *((op, 2) for op in two.split())} <= used


# Without any kernel --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_backpropagation_agrees_with_numeric_differentiation(case: Case) -> None:
    net = network(case, "reference", "float64")
    for rows in ROWS:
        x = case.x(rows) + (0.5 if isinstance(case, Numbered) else 0.0)  # off the jumps, for what is cut off
        report = net.check_gradients(x, case.t(rows))
        assert report.ok, str(report)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES[::2])
def test_the_rewritten_plan_computes_the_bits_of_the_eager_engine(case: Case, dtype: str) -> None:
    rows, optimizer = 9, Adam(0.01)
    model, data = case.model(dtype), case.data(rows, dtype)
    engine, state = ReferenceEngine(model), OptimizerState(optimizer, model.parameters.layout, model.dtype)
    x, t, weight = batch_of(data, slice(None), model)
    slots = {f"{n}.{slot}": np.copy(v) for slot, views in state.views().items() for n, v in views.items()}
    first = {name: np.copy(w) for name, w in model.parameters.items()}
    scalars = {name: float(values[0]) for name, values in state.scalars().items()}
    given = {"x": x, "t": t, "weight": weight, "step": 0, **first, **slots, **scalars}
    loss, flat = engine.gradient(data, training=True)
    gradients = {f"gradient {n}": np.copy(v) for n, v in model.parameters.layout.views(flat).items()}
    wanted: dict[str, dict[str, Any]] = {
        "predict": {"output": engine.predict(x)},
        "gradient in training": {**gradients, "loss": loss},
    }
    assert engine.train(state, Slice(data, None, rows, 0, 1, state.scalars()), Sums()).batches == 1
    wanted["step"] = {**model.parameters, "loss": loss}
    for kind, plan in plans_of(case, optimizer, dtype).items():
        validate(rewritten := rewrite(plan))
        if kind not in wanted:
            continue
        for found in (run(plan, given), run(rewritten, given)):
            for name, values in wanted[kind].items():
                assert np.asarray(found[name], dtype).tobytes() == np.asarray(values, dtype).tobytes(), (kind, name)


# On both engines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_predictions_losses_and_gradients_are_those_of_the_reference(case: Case, dtype: str) -> None:
    native, reference = natively(network(case, "auto", dtype)), network(case, "reference", dtype)
    for rows in (*ROWS, 300):  # more than go at once
        x, t = case.x(rows, dtype), case.t(rows, dtype)
        assert error(native.predict(x), reference.predict(x)) <= TOLERANCE[dtype]
        found, expected = native.evaluate(x, t), reference.evaluate(x, t)
        assert found.keys() == expected.keys()
        assert error(found["loss"], expected["loss"], 1.0) <= TOLERANCE[dtype]
        for training in (False, True):
            loss, gradients = native.gradient(x, t, training)
            expected_loss, expected_gradients = reference.gradient(x, t, training)
            assert error(loss, expected_loss, 1.0) <= TOLERANCE[dtype]
            largest = max(float(np.abs(g).max()) for g in expected_gradients.values())
            for name, gradient in expected_gradients.items():
                assert error(gradients[name], gradient, 0.1 * largest) <= TOLERANCE[dtype], (rows, name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("case", CASES)
def test_training_steps_are_those_of_the_reference(case: Case, optimizer: Optimizer, dtype: str) -> None:
    natively(network(case, "auto", dtype))
    for rows, batch_size in ((1, 1), (2, 2), (9, 4)):
        for native, reference, found, expected, before in steps_of_both(case, optimizer, dtype, rows, batch_size, 3):
            assert found.batches == expected.batches == 1
            assert error(found.sums.loss, expected.sums.loss, 1.0) <= TOLERANCE[dtype]
            wanted = reference.copies()
            for name, values in native.copies().items():
                scale = before[name]
                if dtype == "float32":
                    # A gradient that is zero but for rounding is as wrong as the ones beside it are large.
                    slot = name.split(".")[2:]
                    scale = np.asarray([np.abs(w).max() for n, w in wanted.items() if n.split(".")[2:] == slot])
                assert error(values, wanted[name], scale) <= TOLERANCE[dtype], (rows, name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("case", [*sequence_cases(3, 17), *LARGE], ids=named)
def test_one_and_two_threads_give_the_same_bits(case: Case, optimizer: Optimizer) -> None:
    rows = 70 if case in LARGE else 9
    seen = []
    for threads in (1, 2):
        net = natively(network(case, "auto", threads=threads))
        trainer, data = Trainer(net, optimizer), data_for(net, case, rows, "float32")
        assert trainer.train(data, None, rows, 0, 1).batches == 1
        assert trainer.train(data, None, rows, 0, 1).batches == 1
        x, t = case.x(rows, "float32"), case.t(rows, "float32")
        gradient = [g.tobytes() for g in net.gradient(x, t, training=True)[1].values()]
        copies = {name: values.tobytes() for name, values in trainer.copies().items()}
        seen.append((copies, gradient, net.predict(x).tobytes(), net.evaluate(x, t)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("case", sequence_cases(3, 4), ids=named)
def test_a_row_is_the_same_alone_as_among_others(case: Case) -> None:
    net = natively(network(case, "auto"))
    x = case.x(9, "float32")
    together = net.predict(x)
    for n in range(9):
        assert error(net.predict(x[n : n + 1]), together[n : n + 1]) <= TOLERANCE["float32"]


# Numbers that no row has ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spoiling(Layer):
    """y = x·x / x: what it was, but NaN for 0, and infinity for what is too large to be squared."""

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        return x * x / x, Named()

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy, Named()


@dataclass(frozen=True)
class Counted(Layer):
    """Takes the nearest row there is, but of the gradient only what belongs to a row."""

    width: int = 3

    def parameters(self, input_shape: Any) -> Any:
        return Embedding(self.width).parameters(input_shape)

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.width)

    def forward(self, p: Named, x: Array, mode: Any) -> tuple[Array, Named]:
        nearest = ops.where(ops.greater_equal(x, 0.0), ops.minimum(x, CLASSES - 1.0), 0.0)
        return ops.take_rows(p.W, nearest), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return saved.x * 0.0, Named(W=ops.add_rows(dy, saved.x, rows=CLASSES))


KNOWN = ((1.0, 1), (4.0, 4), (4.9, 4), (0.5, 0), (2.0, 2), (3.999, 3))
UNKNOWN = (-1.0, -0.5, -1e-3, 5.0, 5.5, 2.0**31, 2.0**32 + 1, 2.0**63, 2.0**64, -(2.0**31), -(2.0**63))


def indices(dtype: str, spoilt: bool) -> tuple[Array, list[int | None]]:
    """Numbers (N, 5), known and unknown between each other, and which row each is, None for none."""
    beyond = 1e30 if dtype == "float32" else 1e300
    more: list[tuple[float, int | None]] = [(0.0, 0), (-0.0, 0)]
    if spoilt:
        more = [(0.0, None), (-0.0, None), (beyond, None), (-beyond, None)]
    rows = [*KNOWN, *((value, None) for value in UNKNOWN), *more]
    given = [rows[7 * i % len(rows)] for i in range(5 * len(rows))]
    return np.array([value for value, _ in given], dtype).reshape(-1, 5), [row for _, row in given]


@pytest.mark.parametrize("spoilt", [False, True], ids=["given", "computed, with NaN and infinity"])
@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_unknown_numbers_take_rows_of_nan_and_one_hot_rows_of_zeros(dtype: str, engine: str, spoilt: bool) -> None:
    x, rows = indices(dtype, spoilt)
    before: list[Layer] = [Spoiling()] if spoilt else []
    for layer in (Embedding(3), OneHot()):
        net = Network([*before, layer], input_shape=5, dtype=dtype, engine=engine)
        table = net.parameters[f"{len(before)}.W"] if isinstance(layer, Embedding) else np.eye(CLASSES)
        missing = np.nan if isinstance(layer, Embedding) else 0.0
        expected = [np.full(table.shape[1], missing) if row is None else table[row] for row in rows]
        if engine == "auto":
            natively(net)
        found = net.predict(x)
        np.testing.assert_array_equal(found, np.reshape(expected, found.shape))
        np.testing.assert_array_equal(net.predict(x[:1]), found[:1])


@pytest.mark.parametrize("spoilt", [False, True], ids=["given", "computed, with NaN and infinity"])
@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_unknown_numbers_add_to_no_row(dtype: str, engine: str, spoilt: bool) -> None:
    x, rows = indices(dtype, spoilt)
    layers: list[Layer] = [*([Spoiling()] if spoilt else []), Counted(), Flatten(), Affine(2)]
    net = Network(layers, MeanSquaredError(), input_shape=5, dtype=dtype, engine=engine, threads=2)
    if engine == "auto":
        natively(net)
    t = np.linspace(-1, 1, 2 * len(x)).reshape(-1, 2)
    name = f"{len(layers) - 3}.W"
    dy = (net.predict(x) - t) / len(x) @ net.parameters[f"{len(layers) - 1}.W"].T
    expected = np.zeros((CLASSES, 3))
    for row, part in zip(rows, dy.reshape(-1, 3), strict=True):
        if row is not None:
            expected[row] += part
    for training in (False, True):
        assert error(net.gradient(x, t, training)[1][name], expected) <= TOLERANCE[dtype]
    before = net.parameters[name].copy()
    net.step(x, t, SGD(0.5))
    assert error(before - net.parameters[name], 0.5 * expected, before) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_an_unknown_number_makes_is_found_and_changes_nothing(dtype: str) -> None:
    x, t = np.array([[0.0, 1.0], [2.0, 5.0]], dtype), np.zeros((2, 1))
    for net in both([Embedding(3), Flatten(), Affine(1)], 2, dtype, MeanSquaredError()):
        before = net.parameters.flat.copy()
        with pytest.raises(NotFiniteError):
            net.step(x, t, Adam())
        np.testing.assert_array_equal(net.parameters.flat, before)
        assert np.isfinite(net.step(x[:1], t[:1], Adam()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_for_each_column_is_spread_over_a_sequence_that_lies_as_it_was_given(dtype: str) -> None:
    case = Case("waves first", (Waves(), Flatten(), Affine(3)), MeanSquaredError(), (3, 4))
    native, reference = natively(network(case, "auto", dtype)), network(case, "reference", dtype)
    x, t = case.x(9, dtype), case.t(9, dtype)
    assert error(native.predict(x), reference.predict(x)) <= TOLERANCE[dtype]
    expected = reference.gradient(x, t)[1]
    assert all(error(g, expected[name]) <= TOLERANCE[dtype] for name, g in native.gradient(x, t)[1].items())
