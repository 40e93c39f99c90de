"""Recording a model: what a plan holds, and what cannot be recorded. That it computes the same bits: test_cases.py."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cases import TABLE, TRAINABLE, Case, named
from pellucid.engines import Model, passes
from pellucid.engines.recording import (
    record_apply,
    record_evaluation,
    record_gradient,
    record_passes,
    record_prediction,
    record_step,
)
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.layers import Affine, Dropout, Layer, Mode, Named, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.ops import Array
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
from pellucid.plan.ir import ROWS, Plan
from pellucid.plan.validate import validate

OPTIMIZERS: list[Optimizer] = [SGD(), Momentum(), Nesterov(), AdaGrad(), RMSprop(), Adam(), AdamW(), Lion(), AMSGrad()]
OPTIMIZERS += [AdaMax()]


def roles(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for buffer in plan.buffers:
        if buffer.role not in ("value", "number"):
            found.setdefault(buffer.role, []).append(buffer.name)
    return found


def model(*layers: Layer, loss: Any = None) -> Model:
    return Model(layers or (Affine(3), Sigmoid()), loss or MeanSquaredError(), (5,), 0, np.dtype(np.float32))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_a_training_step_declares_what_it_takes(optimizer: Optimizer) -> None:
    plan = record_step(model(), optimizer, labels=True)
    found = roles(plan)
    assert (found["input"], found["target"], found["weight"]) == (["x"], ["t"], ["weight"])
    assert found["parameter"] == ["0.W", "0.b"]
    assert found.get("slot", []) == [f"{name}.{slot}" for slot in optimizer.slots for name in ("0.W", "0.b")]
    assert set(found["scalar"]) == {"step", *optimizer.scalars(np.zeros(1, np.int64), np.ones(1))}
    assert {"output", "loss", "row_losses"} <= set(plan.results)
    changed = {plan.buffers[number].name: plan.buffers[becomes] for number, becomes in plan.updates.items()}
    assert sorted(changed) == sorted([*found["parameter"], *found.get("slot", [])])
    for name, becomes in changed.items():
        assert (becomes.name, becomes.role) == (f"{name}, new", "value")


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_the_second_half_of_a_step_reads_parameters_slots_gradients_and_numbers_alone(optimizer: Optimizer) -> None:
    plan = record_apply(model(), optimizer)
    found = roles(plan)
    assert set(found) <= {"parameter", "gradient", "slot", "scalar"}
    assert found["gradient"] == ["gradient 0.W", "gradient 0.b"]
    assert set(found["scalar"]) == set(optimizer.scalars(np.zeros(1, np.int64), np.ones(1)))
    whole = record_step(model(), optimizer, labels=True)
    for each in (plan, whole):
        validate(each)
    assert {plan.buffers[n].name for n in plan.updates} == {whole.buffers[n].name for n in whole.updates}


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_every_recorded_plan_is_valid(case: Case) -> None:
    made, labels = case.model("float32"), case.targets == "labels"
    plans = [record_prediction(made), record_evaluation(made, labels), record_apply(made, Adam(clip_norm=1.0))]
    plans += [record_gradient(made, labels, training) for training in (False, True)]
    plans += [record_step(made, optimizer, labels) for optimizer in OPTIMIZERS]
    for plan in plans:
        validate(plan)


def test_a_step_is_recorded_from_its_first_half_without_changing_it() -> None:
    made = model(Affine(3), Dropout(0.5))
    half = record_passes(made, labels=True, training=True)
    before = str(half.plan)
    for optimizer in OPTIMIZERS:
        assert record_step(made, optimizer, True, half) == record_step(made, optimizer, True)
    assert record_gradient(made, True, True, half) == record_gradient(made, True, True)
    assert str(half.plan) == before


def test_targets_are_class_numbers_or_values() -> None:
    for labels, shape, dtype in ((True, (ROWS,), np.int32), (False, (ROWS, 3), np.float32)):
        (t,) = (b for b in record_step(model(), SGD(), labels).buffers if b.role == "target")
        assert (t.shape, t.dtype) == (shape, np.dtype(dtype))


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_shapes_keep_the_batch_open(case: Case) -> None:
    made = case.model("float32")
    plan = record_prediction(made)
    output = plan.buffers[plan.results["output"]]
    assert output.shape == (ROWS, *made.output_shape)
    assert output.dtype == np.float32
    losses = record_evaluation(made, labels=False)
    assert losses.buffers[losses.results["row_losses"]].shape == (ROWS, 1)


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_gradients_have_the_shapes_of_their_parameters(case: Case) -> None:
    made = case.model("float32")
    plan = record_gradient(made, labels=False)
    for name in made.learned:
        ((number, becomes),) = ((n, b) for n, b in plan.updates.items() if plan.buffers[n].name == f"gradient {name}")
        assert plan.buffers[number].role == "gradient"
        assert plan.buffers[number].shape == plan.buffers[becomes].shape == made.parameters[name].shape


@dataclass(frozen=True)
class Arctan(Layer):
    """Outside the vocabulary: it works in NumPy and cannot be recorded."""

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return np.arctan(x), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[Array, Named]:
        return dy / (1.0 + saved.x * saved.x), Named()


def test_what_leaves_the_vocabulary_is_named() -> None:
    with pytest.raises(OutsideVocabulary, match=r"np\.arctan is not an op"):
        record_step(model(Affine(3), Arctan()), SGD(), labels=False)


def test_a_model_without_a_loss_cannot_be_trained() -> None:
    made = Model((Affine(3),), None, (5,), 0, np.dtype(np.float32))
    record_prediction(made)
    with pytest.raises(InputError, match="this network has no loss"):
        record_step(made, SGD(), labels=False)


@pytest.mark.parametrize("case", TRAINABLE, ids=named)
def test_one_pass_leaves_everything_behind(case: Case) -> None:
    made, data = case.model(), case.data(7)
    done = passes.forward(made, made.parameters, data.x, training=True)
    assert len(done.values) == len(made.layers) + 1 == len(done.saved) + 1
    assert [v.shape[1:] for v in done.values] == made.shapes
    t = np.eye(made.output_shape[0])[data.t] if data.labels else data.t
    assert made.loss is not None
    result = passes.backward(made, made.loss, made.parameters, done, t, np.ones((7, 1)))
    assert [d.shape for d in result.deltas] == [v.shape for v in done.values]
    assert set(result.gradients) == set(made.learned)
    assert result.row_losses.shape == (7, 1)
