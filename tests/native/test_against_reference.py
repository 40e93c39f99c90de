"""The native engine computes what the reference engine does, for every layer, loss, optimizer and kind of input."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import NETWORKS, ROWS, TABLE, TRAINABLE, Case, named, numbers
from native.pairs import (
    OPTIMIZERS,
    RULES,
    TOLERANCE,
    VARIANTS,
    Trainer,
    data_for,
    error,
    network,
    pair,
    steps_of_both,
)
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Optimizer
from pellucid.schedules import Cosine

every_case = pytest.mark.parametrize("case", TABLE, ids=named)
every_trainable_case = pytest.mark.parametrize("case", TRAINABLE, ids=named)
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_count_of_rows = pytest.mark.parametrize("rows", ROWS)


def assert_steps_agree(case: Case, optimizer: Optimizer, dtype: str, rows: int, batch_size: int) -> None:
    tolerance = TOLERANCE[dtype]
    for native, reference, done, expected, before in steps_of_both(case, optimizer, dtype, rows, batch_size):
        assert done.batches == expected.batches == 1
        assert native.state.step == reference.state.step
        assert done.sums.correct == expected.sums.correct and done.sums.rows == expected.sums.rows
        assert error(done.sums.loss, expected.sums.loss) < tolerance
        assert error(done.sums.weight, expected.sums.weight) < tolerance
        found = native.copies()
        for name, values in reference.copies().items():
            assert error(found[name], values, before[name]) < tolerance, (name, reference.state.step)


@both_types
@pytest.mark.parametrize("optimizer", [RULES[0], VARIANTS[4], RULES[5]], ids=str)
@every_trainable_case
def test_every_case_takes_the_same_steps(case: Case, optimizer: Optimizer, dtype: str) -> None:
    assert_steps_agree(case, optimizer, dtype, rows=19, batch_size=8)


@both_types
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("case", NETWORKS, ids=named)
def test_every_optimizer_takes_the_same_steps(case: Case, optimizer: Optimizer, dtype: str) -> None:
    assert_steps_agree(case, optimizer, dtype, rows=23, batch_size=5)


@both_types
@every_count_of_rows
@every_case
def test_predict_and_evaluate_agree(case: Case, rows: int, dtype: str) -> None:
    native, reference = pair(case, dtype)
    x, t, weight = case.x(rows, dtype), case.t(rows, dtype), case.weight(rows)
    assert native.engine == "native"
    assert error(native.predict(x), reference.predict(x)) < TOLERANCE[dtype]
    found = native.evaluate(x, t, sample_weight=weight)
    expected = reference.evaluate(x, t, sample_weight=weight)
    assert found.keys() == expected.keys()
    assert all(error(found[name], expected[name]) < TOLERANCE[dtype] for name in expected)


@both_types
@every_count_of_rows
@every_trainable_case
def test_gradients_agree(case: Case, rows: int, dtype: str) -> None:
    native, reference = pair(case, dtype)
    x, t, weight = case.x(rows, dtype), case.t(rows, dtype), case.weight(rows)
    loss, gradients = native.gradient(x, t, sample_weight=weight)
    expected_loss, expected = reference.gradient(x, t, sample_weight=weight)
    assert error(loss, expected_loss) < TOLERANCE[dtype]
    assert list(gradients) == list(expected)
    for name, gradient in expected.items():
        assert gradients[name].dtype == gradient.dtype and error(gradients[name], gradient) < TOLERANCE[dtype], name


def test_a_gradient_of_fewer_rows_after_one_of_more() -> None:
    native, reference = pair(NETWORKS[1])
    for rows in (9, 2, 300, 1):
        _, found = native.gradient(NETWORKS[1].x(rows), NETWORKS[1].t(rows))
        _, expected = reference.gradient(NETWORKS[1].x(rows), NETWORKS[1].t(rows))
        assert all(error(found[name], gradient) < 1e-5 for name, gradient in expected.items())


def test_predict_and_evaluate_of_more_rows_than_run_at_once() -> None:
    case = NETWORKS[1]
    native, reference = pair(case, "float64")
    x, t, weight = case.x(1000), case.t(1000), case.weight(1000)
    assert error(native.predict(x), reference.predict(x)) < 1e-12
    assert native.predict(x[:0]).shape == (0, 3)
    found, expected = native.evaluate(x, t, sample_weight=weight), reference.evaluate(x, t, sample_weight=weight)
    assert found["accuracy"] == expected["accuracy"] and error(found["loss"], expected["loss"]) < 1e-12


@both_types
@every_trainable_case
def test_step_agrees(case: Case, dtype: str) -> None:
    native, reference = pair(case, dtype)
    for rows in (3, case.least_rows, 40, 3, 33):
        x, t, weight = case.x(rows, dtype), case.t(rows, dtype), case.weight(rows)
        native.parameters.flat[:] = reference.parameters.flat
        loss = native.step(x, t, SGD(0.01), sample_weight=weight)
        assert error(loss, reference.step(x, t, SGD(0.01), sample_weight=weight)) < 2 * TOLERANCE[dtype]
        for name, p in reference.parameters.items():
            assert error(native.parameters[name], p) < TOLERANCE[dtype], (name, rows)


@both_types
def test_fit_gives_the_same_history(dtype: str) -> None:
    case = NETWORKS[1]
    native, reference = pair(case, dtype)
    x, t = case.x(203), case.t(203)
    weight = case.weight(203)
    histories = [
        net.fit(x, t, epochs=3, batch_size=16, optimizer=SGD(Cosine(0.1, 3)), sample_weight=weight,
                validation_data=(x[:50], t[:50]), class_weight={0: 2.0}, verbose=0)
        for net in (native, reference)
    ]  # fmt: skip
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"):
        assert error(histories[0][name], histories[1][name]) < (1e-4 if dtype == "float32" else 1e-11), name


# Kinds of targets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [MeanSquaredError(), SoftmaxCrossEntropy(), SigmoidCrossEntropy()], ids=str)
@pytest.mark.parametrize("kind", ["labels", "one-hot", "int64 one-hot", "uint8 labels", "float labels", "values"])
def test_every_kind_of_targets(loss: Any, kind: str) -> None:
    case = Case("targets", (Affine(4),), loss, (3,))
    labels = np.arange(11) % 4
    soft = np.full((11, 4), 0.25)
    t = {
        "labels": labels,
        "one-hot": np.eye(4)[labels],
        "int64 one-hot": np.eye(4, dtype=np.int64)[labels],
        "uint8 labels": labels.astype(np.uint8),
        "float labels": labels.astype(np.float64),
        "values": soft,
    }[kind]
    native, reference = pair(case, "float64")
    x = case.x(11)
    for net in (native, reference):
        net.fit(x, t, epochs=4, batch_size=3, optimizer=SGD(0.1), verbose=0)
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-12
    assert native.evaluate(x, t).keys() == reference.evaluate(x, t).keys()


@pytest.mark.parametrize("threshold_loss", [MeanSquaredError(), SigmoidCrossEntropy()], ids=str)
def test_a_single_output_counts_its_two_classes(threshold_loss: Any) -> None:
    case = Case("two classes", (Affine(5), Sigmoid(), Affine(1)), threshold_loss, (3,))
    t = (case.x(31)[:, 0] > 0).astype(np.float64)
    native, reference = pair(case, "float64")
    for net in (native, reference):
        net.fit(case.x(31), t, epochs=5, batch_size=4, optimizer=SGD(0.5), verbose=0)
    assert native.evaluate(case.x(31), t) == pytest.approx(reference.evaluate(case.x(31), t), rel=1e-12)


# Kinds of memory -----------------------------------------------------------------------------------------------------


def arrays(tmp_path: Path) -> dict[str, Any]:
    """The same small whole numbers in every type and order in which x may come."""
    whole = (np.arange(17 * 6).reshape(17, 6) * 37 % 101).astype(np.uint8)
    wide = np.zeros((17, 20), np.float32)
    wide[:, 3:15:2] = whole
    tall = np.zeros((51, 6), np.float32)
    tall[::3] = whole
    frozen = whole.astype(np.float32)
    frozen.flags.writeable = False
    mapped = np.memmap(tmp_path / "x.bin", np.float32, "w+", shape=(17, 6))
    mapped[:] = whole
    mapped.flush()
    record = np.zeros(17, np.dtype([("flag", np.uint8), ("x", np.float32, (6,))]))
    record["x"] = whole
    unaligned = np.frombuffer(b"\0" + whole.astype(np.float32).tobytes(), np.float32, offset=1).reshape(17, 6)
    return {
        "uint8": whole,
        "float32": whole.astype(np.float32),
        "float64": whole.astype(np.float64),
        "int8": whole.astype(np.int8),
        "int16": whole.astype(np.int16),
        "uint16": whole.astype(np.uint16),
        "int32": whole.astype(np.int32),
        "uint32": whole.astype(np.uint32),
        "int64": whole.astype(np.int64),
        "uint64": whole.astype(np.uint64),
        "bool": whole > 50,
        "big-endian": whole.astype(">f4"),
        "Fortran order": np.asfortranarray(whole, dtype=np.float32),
        "strided columns": wide[:, 3:15:2],
        "strided rows": tall[::3],
        "backwards": whole[::-1].astype(np.float32)[::-1],
        "columns backwards": whole[:, ::-1].astype(np.float32)[:, ::-1],
        "one row over and over": np.broadcast_to(whole[3].astype(np.float32), (17, 6)),
        "read-only": frozen,
        "memory-mapped": np.memmap(tmp_path / "x.bin", np.float32, "r", shape=(17, 6)),
        "a field of records": record["x"],
        "unaligned": unaligned,
        "list": whole.tolist(),
    }


KINDS = (
    ["uint8", "float32", "float64", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]
    + ["big-endian", "Fortran order", "strided columns", "strided rows", "backwards", "columns backwards"]
    + ["one row over and over", "read-only", "memory-mapped", "a field of records", "unaligned", "list"]
)  # fmt: skip


@both_types
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_memory(kind: str, dtype: str, tmp_path: Path) -> None:
    case = Case("memory", (Affine(5), Sigmoid(), Affine(3)), SoftmaxCrossEntropy(), (6,))
    x = arrays(tmp_path)[kind]
    before = np.array(x)
    t = np.arange(17) % 3
    native, reference = pair(case, dtype)
    assert error(native.predict(x), reference.predict(x)) < TOLERANCE[dtype]
    assert error(native.predict(x[:1]), reference.predict(x[:1])) < TOLERANCE[dtype]
    for net in (native, reference):
        net.fit(x, t, epochs=2, batch_size=5, optimizer=SGD(0.001), verbose=0)
    assert error(native.parameters.flat, reference.parameters.flat) < 10 * TOLERANCE[dtype]
    assert native.step(x[:1], t[:1], SGD(0.001)) == pytest.approx(reference.step(x[:1], t[:1], SGD(0.001)), rel=1e-3)
    assert np.array_equal(np.array(x), before)


@pytest.mark.parametrize("strided", ["rows", "columns", "Fortran order", "float32", "int64", "read-only"])
def test_every_kind_of_memory_for_values(strided: str) -> None:
    case = Case("memory", (Affine(4),), MeanSquaredError(), (3,))
    t = np.round(numbers(5, (18, 8)) * 8)
    t = {
        "rows": t[::2, :4],
        "columns": t[:9, ::2],
        "Fortran order": np.asfortranarray(t[:9, :4]),
        "float32": t[:9, :4].astype(np.float32),
        "int64": t[:9, :4].astype(np.int64),
        "read-only": np.broadcast_to(t[0, :4], (9, 4)),
    }[strided]
    native, reference = pair(case, "float64")
    for net in (native, reference):
        net.fit(case.x(9), t, epochs=3, batch_size=4, optimizer=SGD(0.1), verbose=0)
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-12


def test_images_of_one_channel_may_have_any_stride_there() -> None:
    case = NETWORKS[1]
    native, reference = pair(case, "float64")
    x = np.zeros((7, 4, 3, 5))[:, 2:3]
    x[:] = case.x(7)
    assert error(native.predict(x), reference.predict(x)) < 1e-12
    assert error(native.predict(x.transpose(0, 1, 3, 2).copy().transpose(0, 1, 3, 2)), reference.predict(x)) < 1e-12


def test_a_slice_may_end_anywhere_in_an_epoch() -> None:
    """Sums run on over slices, and the last batch may be short."""
    case, optimizer = NETWORKS[0], RULES[5]
    results = []
    for cuts in ((0, 4), (0, 1, 3, 4), (0, 2, 4)):
        trainer = Trainer(network(case, "native"), optimizer)
        data = data_for(trainer.net, case, 31, "float32")
        for first, last in itertools.pairwise(cuts):
            trainer.train(data, None, 9, first, last)
        results.append(trainer.net.parameters.flat.tobytes())
    assert len(set(results)) == 1
