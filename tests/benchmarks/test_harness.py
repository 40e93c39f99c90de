import numpy as np
import pytest

TINY = {"kind": "train", "sizes": (784, 8, 10), "batch": 10, "steps": 120}


@pytest.fixture
def arena():
    """Runs contestants on a problem; the harness and its names are imported late, from the repository's root."""
    from benchmarks.data import data_for, made_up
    from benchmarks.harness import Harness
    from benchmarks.peak import Peak
    from benchmarks.problems import Problem

    pool, said = made_up(2000), []

    def compete(contestants, rounds=2, **changes):
        problem = Problem(**(TINY | changes))
        with Peak() as peak, Harness(rounds, peak, said.append) as harness:
            measured = harness.compete(problem, lambda one: data_for(one, pool), contestants)
        return {one.name: one for one in measured}, said

    return compete


def front(name):
    """Stages before the fully connected layers; imported late, as everything of the harness."""
    from benchmarks.stages import Stage

    return {
        "D": (Stage(4, 5, pooled=True),),
        "padded": (Stage(3, 3, 1), Stage(4, 5, 2, pooled=True), Stage(3, 3, 1, pooled=True)),
    }[name]


def planted():
    from benchmarks.harness import Contestant

    return Contestant("planted", "planted_contender")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hidden": "sigmoid", "loss": "sigmoid outputs, squared error", "learning_rate": 3.0},
        {"optimizer": "adam", "learning_rate": 0.001},
        {"optimizer": "adam", "learning_rate": 0.001, "stages": "D", "sizes": (4 * 12 * 12, 8, 10), "steps": 12},
        {"optimizer": "adam", "learning_rate": 0.001, "stages": "padded", "sizes": (7 * 7 * 3, 10), "steps": 12},
        {"kind": "step", "batch": 1, "sizes": (2, 10, 1), "hidden": "sigmoid", "loss": "sigmoid cross-entropy"},
        {"kind": "predict", "batch": 1, "hidden": "sigmoid", "loss": "sigmoid outputs, squared error"},
    ],
    ids=["softmax", "squared error", "adam", "images", "images with zeros around", "step", "predict"],
)
def test_numpy_and_pellucid_agree_and_are_timed_in_every_round(arena, changes):
    from benchmarks.tasks import NUMPY, NUMPY_IMAGES, PELLUCID, PER_SAMPLE, REFERENCE

    stages = front(changes["stages"]) if "stages" in changes else ()
    one_by_one = [PELLUCID, REFERENCE, NUMPY, PER_SAMPLE]
    measured, _ = arena([PELLUCID, REFERENCE, NUMPY_IMAGES] if stages else one_by_one, **changes | {"stages": stages})
    for name, one in measured.items():
        if one.skipped is None:
            assert one.refused is None, (name, one.refused)
            assert len(one.seconds) == 2 and min(one.seconds) > 0
            assert (one.loss is None) == (changes.get("kind") == "predict")
    assert measured["NumPy"].seconds and measured["Pellucid reference"].seconds


@pytest.mark.parametrize("kind", ["TooFast", "NoBias", "OtherOrder"])
def test_a_contender_that_learns_something_else_is_refused_and_not_timed(arena, monkeypatch, kind):
    from benchmarks.tasks import NUMPY

    monkeypatch.setenv("PLANTED", kind)
    measured, said = arena([NUMPY, planted()])
    assert "after 20 steps its" in measured["planted"].refused
    assert not measured["planted"].seconds and len(measured["NumPy"].seconds) == 2
    assert any("REFUSED" in line for line in said)


def test_a_contender_that_is_off_from_one_start_only_is_timed(arena, monkeypatch):
    monkeypatch.setenv("PLANTED", "OffOnce")
    measured, said = arena([planted()])
    assert measured["planted"].refused is None and len(measured["planted"].seconds) == 2 and not said


def test_a_contender_that_predicts_something_else_is_refused(arena, monkeypatch):
    monkeypatch.setenv("PLANTED", "HalfPrediction")
    measured, _ = arena([planted()], kind="predict", batch=1)
    assert "an output is off" in measured["planted"].refused


@pytest.mark.parametrize(
    ("kind", "sentence"), [("Crashing", "ZeroDivisionError: planted"), ("Dying", "ended with status 7")]
)
def test_a_contender_that_fails_does_not_end_the_run(arena, monkeypatch, kind, sentence):
    from benchmarks.tasks import NUMPY

    monkeypatch.setenv("PLANTED", kind)
    measured, _ = arena([NUMPY, planted()])
    assert sentence in measured["planted"].refused
    assert len(measured["NumPy"].seconds) == 2
    assert measured["NumPy"].loss < 2.0


@pytest.mark.parametrize(("kind", "sentence"), [("unsupported", "planted"), ("missing", "not installed")])
def test_a_contender_that_is_missing_is_skipped_with_a_line(arena, monkeypatch, kind, sentence):
    monkeypatch.setenv("PLANTED", kind)
    measured, said = arena([planted()])
    assert sentence in measured["planted"].skipped and measured["planted"].refused is None
    assert any("skipped" in line for line in said)


def test_flop_leave_out_the_first_layers_dx():
    from benchmarks.problems import Problem

    problem = Problem("train", (784, 30, 10), batch=10)
    assert problem.flop == 2 * 2 * 10 * (784 * 30 + 30 * 10) + 2 * 10 * 30 * 10
    assert Problem("predict", (784, 30, 10)).flop == 2 * (784 * 30 + 30 * 10)


def test_flop_of_convolutions_count_every_position():
    from benchmarks.problems import Problem

    problem = Problem("train", (4 * 12 * 12, 8, 10), batch=10, stages=front("D"))
    first, rest = 2 * 4 * 25 * 24 * 24, 2 * (4 * 12 * 12 * 8 + 8 * 10)
    assert problem.flop == 10 * (2 * first + 3 * rest)


def test_im2col_finds_the_features_that_the_definition_gives():
    from benchmarks.contenders.numpy_im2col import Im2col
    from benchmarks.data import data_for, made_up
    from benchmarks.problems import Problem
    from benchmarks.stages import features

    problem = Problem("train", (7 * 7 * 3, 10), optimizer="adam", batch=5, steps=1, stages=front("padded"))
    data = data_for(problem, made_up(5))
    found = Im2col(problem, data, np.float64)._activations(data.x.reshape(-1, 1, 28, 28))[0]
    np.testing.assert_allclose(found, features(problem.stages, data.layers[:3], data.x), rtol=1e-12)


def test_every_round_starts_from_the_first_weights(arena):
    from benchmarks.contenders.numpy_vectorised import Vectorised
    from benchmarks.data import data_for, made_up
    from benchmarks.problems import Problem

    problem = Problem(**(TINY | {"optimizer": "adam", "steps": 20}))
    job = Vectorised(problem, data_for(problem, made_up(200)))
    results = []
    for _ in range(2):
        job.reset()
        job.run()
        results.append(job.result())
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_workers_are_pinned(monkeypatch):
    from benchmarks import pinning

    pinned = pinning.environment(2)
    assert {pinned[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PELLUCID_NUM_THREADS")} == {"2"}
    assert "false" in pinning.environment(1)["XLA_FLAGS"]


def test_the_peak_is_plausible_or_says_why_there_is_none(arena):
    from benchmarks.peak import Peak

    with Peak() as peak:
        peak.measure()
    if peak.missing:
        assert peak.floor(10**9) is None
    else:
        assert 1e8 < peak.flop_per_second < 1e13


def test_without_a_compiler_there_is_no_floor(monkeypatch, arena):
    from benchmarks.peak import Peak

    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    with Peak() as peak:
        peak.measure()
    assert peak.missing == "no C compiler was found" and peak.floor(1) is None
