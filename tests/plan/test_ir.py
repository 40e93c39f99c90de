"""Plans: what they hold, who makes and reads what, and what nobody needs."""

import numpy as np

from cases import Case
from pellucid.engines import Model
from pellucid.engines.recording import record_gradient, record_step
from pellucid.layers import Affine, Sigmoid
from pellucid.losses import MeanSquaredError
from pellucid.optimizers import SGD, Adam
from pellucid.plan.ir import ROWS, Buffer, Plan, Step, Uses, each_step, format_shape
from pellucid.plan.rewrites import rewrite
from pellucid.plan.validate import validate
from plan.made import F4, F8, small_plan, with_more

TASK_A = Case("A", (Affine(30), Sigmoid(), Affine(10), Sigmoid()), MeanSquaredError(), (784,), "labels")


def test_buffers_are_numbered_and_named() -> None:
    plan = Plan()
    assert plan.buffer((ROWS, 3), F4, "input", "x") == Buffer(0, (ROWS, 3), F4, "input", "x")
    assert plan.buffer((), F8, "value") == Buffer(1, (), F8, "value", "%1")
    assert [buffer.number for buffer in plan.buffers] == [0, 1]


def test_a_step_says_what_it_reads_and_makes() -> None:
    step = Step("multiply", (4, 0.5), (5,))
    assert (step.reads, step.output, dict(step.attributes), step.parts) == ((4,), 5, {}, ())
    assert Step("where", (4, 2.0, 4), (6,)).reads == (4, 4)
    assert Step("max_pool2d", (1,), (2, 3)).output == 2


def test_what_is_given_wanted_and_renewed() -> None:
    plan = small_plan()
    assert (plan.given, plan.wanted, plan.renewed) == ({0, 1, 2, 3}, {5, 7}, {7})
    gradient = plan.buffer((3, 3), F4, "gradient", "gradient W")
    plan.updates[gradient.number] = 6
    # A gradient that is filled for the caller is no parameter that changes.
    assert (plan.wanted, plan.renewed) == ({5, 6, 7}, {7})


def test_steps_that_nobody_reads_are_left_out_but_updates_stay() -> None:
    wide = with_more(Step("exp", (0,), (8,)), Step("exp", (8,), (9,)), buffers=(((ROWS, 3), F4),) * 2)
    validate(wide)
    left = wide.without_unused_steps()
    assert [step.op for step in left.steps] == ["matmul", "exp", "multiply", "subtract"]
    assert len(wide.steps) == 6
    left.updates = {}
    assert [step.op for step in left.without_unused_steps().steps] == ["matmul", "exp"]


def test_dx_of_the_first_layer_is_left_out() -> None:
    model = Model([Affine(3), Sigmoid(), Affine(2)], MeanSquaredError(), (4,), 0, F4)
    plan = record_step(model, SGD(), labels=False)
    assert [step.op for step in plan.steps].count("matmul_nt") == 1


def test_who_makes_and_who_reads() -> None:
    plan = with_more(Step("multiply", (4, 4), (8,)), buffers=(((ROWS, 3), F4),))
    uses = Uses(plan)
    assert uses.maker == {4: 0, 5: 1, 6: 2, 7: 3, 8: 4}
    assert [uses.readers_of(n) for n in (0, 1, 4, 8)] == [[0], [0, 3], [1, 4], []]
    assert uses.only_reader(6) == 3
    # Two readers, one twice; nobody; and what the caller wants besides.
    assert [uses.only_reader(n) for n in (4, 8, 5, 7)] == [None] * 4


def test_a_copy_can_be_added_to() -> None:
    plan = small_plan()
    before = str(plan)
    copy = plan.copy()
    made = copy.buffer((ROWS, 3), F4, "value")
    copy.steps.append(Step("exp", (5,), (made.number,)))
    copy.results["more"] = made.number
    copy.updates[1] = 6
    assert (str(plan), plan) == (before, small_plan())
    assert copy != plan


def test_a_rewritten_plan_still_has_every_step_in_it() -> None:
    plan = record_step(TASK_A.model("float32"), Adam(), labels=True)
    short = rewrite(plan)
    assert len(short.steps) < len(plan.steps)
    assert sorted(map(str, each_step(short))) == sorted(map(str, plan.steps))


def test_recording_names_every_buffer_once() -> None:
    plan = record_step(TASK_A.model("float32"), SGD(3.0), labels=True)
    made = [number for step in plan.steps for number in step.outputs]
    assert len(made) == len(set(made))


def test_the_same_network_is_recorded_the_same_way() -> None:
    def plan() -> Plan:
        return record_gradient(Model([Affine(3), Sigmoid()], MeanSquaredError(), (5,), 0, F4), labels=False)

    assert plan() == plan() and str(plan()) == str(plan())


def test_shapes_read_as_tuples() -> None:
    shapes = [(), (3,), (ROWS,), (ROWS, 3), ("N·5", 2)]
    assert [format_shape(shape) for shape in shapes] == ["()", "(3,)", "(N,)", "(N, 3)", "(N·5, 2)"]


def test_a_plan_runs_by_itself() -> None:
    x, W, g = np.ones((2, 3), np.float32), np.eye(3, dtype=np.float32), np.full((3, 3), 2.0, np.float32)
    found = small_plan().run({"x": x, "W": W, "g": g, "rate": 0.25})
    assert set(found) == {"y", "W"}
    np.testing.assert_array_equal(found["W"], W - 0.5)
    np.testing.assert_array_equal(W, np.eye(3))
