"""The gradient check itself: planted faults are caught and located, honest gradients pass, the report reads well."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cases import numbers
from pellucid import ops
from pellucid.engines import Model
from pellucid.errors import InputError
from pellucid.gradient_check import GradientReport, check_gradients
from pellucid.initializers import Constant, He, Zeros
from pellucid.layers import Affine, Dropout, Layer, Mode, Named, Parameter, ReLU, Rescale, Sigmoid, Softmax, Step, Tanh
from pellucid.losses import (
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from pellucid.ops import Array


@dataclass(frozen=True)
class Planted(Layer):
    """An affine layer whose backward pass has the named fault."""

    units: int
    fault: str

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, Parameter]:
        return {"W": Parameter((input_shape[0], self.units), He()), "b": Parameter((self.units,), Zeros())}

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.units,)

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.affine(x, p.W, p.b), Named(x=x)

    def backward(self, p: Named, saved: Named, du: Array) -> tuple[Any, Named]:
        dx, dW, db = ops.matmul_nt(du, p.W), ops.matmul_tn(saved.x, du), ops.sum_rows(du)
        if self.fault == "dW 0.1 % too large":
            return dx, Named(W=dW * 1.001, b=db)
        if self.fault == "W transposed in dx":
            return ops.matmul(du, p.W), Named(W=dW, b=db)
        if self.fault == "no sum over the rows in db":
            return dx, Named(W=dW, b=du)
        if self.fault == "only the first row in db":
            return dx, Named(W=dW, b=du[0])
        if self.fault == "dx forgotten":
            return None, Named(W=dW, b=db)
        if self.fault == "dx left at zero":
            return dx * 0, Named(W=dW, b=db)
        if self.fault == "db forgotten":
            return dx, Named(W=dW)
        if self.fault == "one entry of dW wrong":
            dW[2, 3] *= 1.1
            return dx, Named(W=dW, b=db)
        if self.fault == "dW is NaN":
            return dx, Named(W=dW * np.nan, b=db)
        return dx, Named(W=dW, b=db)


@dataclass(frozen=True)
class ReLUWithTheDerivativeOfSigmoid(Layer):
    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.maximum(x, 0.0), Named(s=ops.sigmoid(x))

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * saved.s * (1 - saved.s), Named()


@dataclass(frozen=True)
class ReLUWithItsGapLeftOpen(Layer):
    """Backward lets half of the gradient through below 0."""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.maximum(x, 0.0), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy * ops.where(ops.greater(saved.x, 0.0), 1.0, 0.5), Named()


@dataclass(frozen=True)
class SquaredErrorWithoutItsHalf(Loss):
    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        d = y - t
        return ops.sum_columns(d * d), Named(d=d)

    def backward(self, saved: Named) -> Array:
        d: Array = saved.d
        return d


def check(layers: list[Layer], loss: Loss | None = None, rows: int = 7, **options: Any) -> GradientReport:
    model = Model(layers, loss or MeanSquaredError(), (5,), 1, np.dtype(np.float32))
    return check_gradients(model, numbers(1, (rows, 5)), numbers(2, (rows, *model.output_shape)), **options)


def around(fault: str) -> list[Layer]:
    return [Affine(5), Tanh(), Planted(5, fault), Sigmoid(), Affine(2)]


@pytest.mark.parametrize("entries", [0, 8, "all"])
@pytest.mark.parametrize(
    ("fault", "located"),
    [
        ("dW 0.1 % too large", "layer 2 (Planted): dW"),
        ("W transposed in dx", "layer 2 (Planted): dx"),
        ("only the first row in db", "layer 2 (Planted): db"),
        ("dx left at zero", "layer 2 (Planted): dx"),
        ("dW is NaN", "layer 2 (Planted): dW"),
    ],
)
def test_a_planted_fault_is_caught_and_located(fault: str, located: str, entries: int | str) -> None:
    report = check(around(fault), entries=entries)
    assert not report.ok
    assert [row.name for row in report.faults] == [located]
    assert report.worst.name == located
    assert report.verdict.startswith(f"WRONG: {located} (")
    assert "<-- wrong" in str(report)


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
@pytest.mark.parametrize("seed", range(5))
def test_a_thousandth_too_much_is_caught_along_every_direction(rows: int, seed: int) -> None:
    report = check(around("dW 0.1 % too large"), rows=rows, seed=seed)
    assert [row.name for row in report.faults] == ["layer 2 (Planted): dW"]
    assert not report["2.W"].error <= 1e-6
    assert report["4.W"].error <= 1e-6


def test_one_wrong_entry_is_found_where_it_is() -> None:
    for entries in (0, "all"):
        report = check(around("one entry of dW wrong"), entries=entries)
        (row,) = report.faults
        assert row.name == "layer 2 (Planted): dW"
        assert row.where.startswith("[2, 3]: ")


def test_a_relu_with_the_derivative_of_sigmoid_is_caught_and_located() -> None:
    report = check([Affine(9), ReLUWithTheDerivativeOfSigmoid(), Affine(3)])
    assert [row.name for row in report.faults] == ["layer 1 (ReLUWithTheDerivativeOfSigmoid): dx"]
    assert report["2.W"].error <= 1e-6 < min(report["0.W"].error, report["0.b"].error, report["x"].error)


def test_a_wrong_branch_is_caught() -> None:
    report = check([Affine(9), ReLUWithItsGapLeftOpen(), Affine(3)])
    assert [row.name for row in report.faults] == ["layer 1 (ReLUWithItsGapLeftOpen): dx"]


def test_a_wrong_derivative_of_the_loss_is_caught_and_located() -> None:
    report = check([Affine(4), Tanh(), Affine(3)], SquaredErrorWithoutItsHalf())
    assert [row.name for row in report.faults] == ["loss (SquaredErrorWithoutItsHalf): dy"]
    assert not report["x"].error <= 1e-6


@pytest.mark.parametrize(
    ("fault", "located", "said"),
    [
        ("no sum over the rows in db", "layer 2 (Planted): db", "backward gave the shape (7, 5), not (5,)"),
        ("dx forgotten", "layer 2 (Planted): dx", "backward gave no such gradient"),
        ("db forgotten", "layer 2 (Planted): db", "backward gave no such gradient"),
    ],
)
def test_what_cannot_even_be_compared_is_a_finding_and_no_crash(fault: str, located: str, said: str) -> None:
    report = check(around(fault))
    assert [row.name for row in report.faults] == [located]
    assert report[located].where == said
    assert said in report.verdict


def test_a_backward_pass_that_crashes_is_a_finding() -> None:
    report = check([Planted(3, "W transposed in dx"), Sigmoid()])
    assert not report.ok
    assert report["layer 0 (Planted): dx"].where.startswith("backward raised ValueError: matmul")


@pytest.mark.parametrize("entries", [0, 6, "all"])
@pytest.mark.parametrize(
    "loss", [MeanSquaredError(), MeanAbsoluteError(), Huber(0.5), SoftmaxCrossEntropy(), SigmoidCrossEntropy()], ids=str
)
def test_honest_networks_pass(loss: Loss, entries: int | str) -> None:
    layers = [Affine(9), ReLU(), Dropout(0.3), Affine(7), Tanh(), Softmax(), Affine(3)]
    model = Model(layers, loss, (5,), 1, np.dtype(np.float32))
    report = check_gradients(model, numbers(1, (8, 5)), np.arange(8) % 3, entries=entries)
    assert report.ok, str(report)
    assert report.worst.error < 1e-7


# Points without a derivative ----------------------------------------------------------------------------------------


def test_a_relu_exactly_at_zero_is_stepped_around_and_counted() -> None:
    model = Model([Affine(9), ReLU(), Affine(1)], MeanSquaredError(), (2,), 0, np.dtype(np.float32))
    xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    report = check_gradients(model, xor, [0.0, 1.0, 1.0, 0.0])
    assert report.ok, str(report)
    assert report["0.b"].stepped > 0
    assert report["2.W"].stepped == 0
    assert f"{report.stepped} points without a derivative stepped around" in report.verdict


@pytest.mark.parametrize("entries", [0, "all"])
@pytest.mark.parametrize("loss", [MeanAbsoluteError(), Huber(1.0)], ids=str)
def test_a_kink_of_a_loss_is_stepped_around(loss: Loss, entries: int | str) -> None:
    model = Model([Affine(2, Zeros(), Zeros())], loss, (3,), 0, np.dtype(np.float64))
    t = np.zeros((4, 2)) if isinstance(loss, MeanAbsoluteError) else np.ones((4, 2))
    report = check_gradients(model, numbers(1, (4, 3)), t, entries=entries)
    assert report.ok, str(report)
    if isinstance(loss, MeanAbsoluteError):
        assert report["0.W"].stepped > 0


def test_a_kink_nearby_is_no_obstacle() -> None:
    model = Model([Affine(1, Constant(1.0), Zeros()), ReLU()], MeanSquaredError(), (1,), 0, np.dtype(np.float64))
    for distance in (1e-3, 1e-4, 1e-5, -1e-3, -1e-5):
        report = check_gradients(model, [[distance]], [[1.0]], entries="all")
        assert report.ok, f"{distance}\n{report}"


def test_a_step_tells_that_it_cannot_be_trained_through() -> None:
    with pytest.raises(InputError, match="Step cannot be trained through"):
        check([Affine(3), Step()])


# Numbers of awkward sizes -------------------------------------------------------------------------------------------


def test_gradients_near_zero_are_no_false_alarm() -> None:
    report = check([Affine(3), Sigmoid(), Affine(2, Zeros(), Zeros())], entries="all")
    assert report.ok, str(report)
    assert report["0.W"].error < 1e-7


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_the_size_of_the_inputs_does_not_matter(scale: float) -> None:
    for fault, ok in (("none", True), ("dW 0.1 % too large", False)):
        model = Model([Rescale(1 / scale), *around(fault)], MeanSquaredError(), (5,), 1, np.dtype(np.float64))
        report = check_gradients(model, scale * numbers(1, (7, 5)), numbers(2, (7, 2)))
        assert report.ok is ok, str(report)


def test_images_as_bytes_are_checked() -> None:
    model = Model([Rescale(), Affine(3)], SoftmaxCrossEntropy(), (6,), 1, np.dtype(np.float32))
    x = (np.arange(42) * 6 % 256).astype(np.uint8).reshape(7, 6)
    report = check_gradients(model, x, np.arange(7) % 3)
    assert report.ok, str(report)


def test_dropout_is_checked_with_a_fixed_mask_or_not_at_all() -> None:
    for training in (True, False):
        report = check([Affine(9), Dropout(0.5), Affine(2)], training=training)
        assert report.ok, str(report)


# The report ---------------------------------------------------------------------------------------------------------


def test_the_model_is_left_as_it_was() -> None:
    model = Model([Affine(3)], MeanSquaredError(), (5,), 1, np.dtype(np.float32))
    before = model.parameters.flat.copy()
    check_gradients(model, numbers(1, (7, 5)), numbers(2, (7, 3)), entries=5)
    assert (model.parameters.flat == before).all()
    assert model.parameters.flat.dtype == np.float32


def test_entries_are_sampled_where_there_are_more() -> None:
    report = check([Affine(3)], entries=8)
    assert (report["0.W"].entries, report["0.W"].size, report["0.W"].one_by_one) == (8, 15, True)
    assert (report["0.b"].entries, report["0.b"].checked) == (3, "3 of 3")
    assert check([Affine(3)], entries="all")["0.W"].entries == 15
    assert check([Affine(3)])["0.W"].checked == "15 together"


def test_the_report_prints_as_a_table_that_ends_in_a_verdict() -> None:
    report = check([Affine(3), Sigmoid()])
    lines = str(report).splitlines()
    assert lines[0].split() == ["gradient", "entries", "checked", "relative", "error", "where"]
    assert [line.split("  ")[0] for line in lines[1:-1]] == list(report.rows)
    assert list(report.rows) == ["x", "0.W", "0.b"] + [f"layer 0 (Affine): {name}" for name in ("dx", "dW", "db")] + [
        "layer 1 (Sigmoid): dx",
        "loss (MeanSquaredError): dy",
    ]
    assert lines[-1] == report.verdict
    assert report.verdict.startswith("OK: all 8 gradients agree with numeric differentiation, largest relative error ")


def test_an_unknown_row_gets_the_nearest_name_suggested() -> None:
    with pytest.raises(InputError, match=r"the report has no '0\.w'; did you mean '0\.\w'\?"):
        check([Affine(3)])["0.w"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"entries": -1}, "entries must be an integer of 0 or more, or 'all', got -1"),
        ({"entries": 1.5}, "entries must be an integer of 0 or more, or 'all', got 1.5"),
        ({"entries": True}, "entries must be an integer"),
        ({"tolerance": 0.0}, "tolerance must be a finite number above 0, got 0.0"),
        ({"tolerance": float("nan")}, "tolerance must be a finite number above 0, got nan"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check([Affine(3)], **options)
