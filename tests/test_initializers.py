"""Initial values: mean, variance and bounds by the papers, and the same bits everywhere."""

import hashlib
import inspect
import math
from typing import Any

import numpy as np
import pytest

import pellucid.initializers
from pellucid.errors import InputError
from pellucid.initializers import Constant, Glorot, He, Initializer, LeCun, Normal, Xavier, Zeros, fans
from pellucid.ops import Array

ADDRESS = (5, 2, 0)
SHAPE = (300, 200)

VARIANCES: dict[str, tuple[Initializer, float]] = {
    "Normal(1)": (Normal(1.0), 1.0),
    "Normal(0.01)": (Normal(), 1e-4),
    "Xavier": (Xavier(), 2 / 500),
    "Xavier, uniform": (Xavier("uniform"), 2 / 500),
    "He": (He(), 2 / 300),
    "He, uniform": (He("uniform"), 2 / 300),
    "LeCun": (LeCun(), 1 / 300),
    "LeCun, uniform": (LeCun("uniform"), 1 / 300),
}

GOLDEN = {
    "Normal(1)": "b9ab2a04c3ccf3ccf8aa0d95bf8686a2531c8ad01541509d4c6bc62009da9292",
    "Normal(0.01)": "39ae5b514e79d6df55a9e14187699e989f01aab458b1709e27afd269d21547a7",
    "Xavier": "d9d3c39f0f7f847f7f9801eea2aeaacbf9051bc4321ed6c1aa30c9e38ab38d29",
    "Xavier, uniform": "83f97955029471337427fce99273775d580009e003d20c9c8f6406c1b34fcc4b",
    "He": "7e1cea1de471f5bcbc71df7eff8918dc3248572fc72e92afe93991264effed04",
    "He, uniform": "fc13566d7f4e1b4a23c7cb9de580cd3e1ba27feebf777cc3718b760fdb0bc285",
    "LeCun": "9d20a747bbfd5fda14f61fa0c8d4aab0810d0c2a503c681ec429d06c8f1cfc8c",
    "LeCun, uniform": "8d0504a0f47a27456ed62f1aa40eee199db8fffb24d6e5756c21b34593514621",
}
"""SHA-256 of (7, 5) values in float64, little end first, at the address (5, 2, 0)."""


def drawn(initializer: Initializer, shape: tuple[int, ...] = SHAPE) -> Array:
    values = initializer.draw(shape, ADDRESS)
    assert values.shape == shape
    assert values.dtype == np.float64
    return values


@pytest.mark.parametrize("name", VARIANCES)
def test_mean_and_variance_follow_from_the_shape(name: str) -> None:
    initializer, variance = VARIANCES[name]
    values = drawn(initializer)
    assert abs(values.mean()) < 4 * math.sqrt(variance / values.size)
    assert values.var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("name", [name for name in VARIANCES if "uniform" in name])
def test_a_uniform_distribution_stays_within_its_bounds_and_fills_them(name: str) -> None:
    initializer, variance = VARIANCES[name]
    values, limit = drawn(initializer), math.sqrt(3 * variance)
    assert np.abs(values).max() < limit
    assert np.abs(values).max() > 0.999 * limit
    counts, _ = np.histogram(values, bins=10, range=(-limit, limit))
    assert np.abs(counts - 6000).max() < 5 * math.sqrt(6000)


@pytest.mark.parametrize("name", [name for name in VARIANCES if "uniform" not in name])
def test_a_normal_distribution_has_normal_tails(name: str) -> None:
    initializer, variance = VARIANCES[name]
    within = np.abs(drawn(initializer)) / math.sqrt(variance)
    for deviations, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        assert (within < deviations).mean() == pytest.approx(share, abs=0.008)


def test_constants() -> None:
    assert (drawn(Zeros()) == 0).all()
    assert (drawn(Constant(-0.25)) == -0.25).all()
    assert (drawn(Normal(0.0)) == 0).all()
    assert Glorot is Xavier


@pytest.mark.parametrize("name", VARIANCES)
def test_the_bits_never_change(name: str) -> None:
    values = drawn(VARIANCES[name][0], (7, 5)).astype("<f8")
    assert hashlib.sha256(values.tobytes()).hexdigest() == GOLDEN[name]


def test_values_depend_on_the_whole_address() -> None:
    first = Normal(1.0).draw(SHAPE, (5, 2, 0))
    np.testing.assert_array_equal(first, Normal(1.0).draw(SHAPE, (5, 2, 0)))
    for other in ((6, 2, 0), (5, 258, 0), (5, 2, 1)):
        assert abs(np.corrcoef(first.ravel(), Normal(1.0).draw(SHAPE, other).ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((7,), (7, 7)), ((3, 4), (3, 4)), ((8, 3, 5, 5), (75, 200))],
)
def test_fans_count_what_flows_in_and_out(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert fans(shape) == expected


def test_every_exported_initializer_is_tested() -> None:
    exported = {getattr(pellucid.initializers, name) for name in pellucid.initializers.__all__}
    concrete = {kind for kind in exported if not inspect.isabstract(kind)}
    assert concrete == {type(initializer) for initializer, _ in VARIANCES.values()} | {Zeros, Constant}


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (Normal, {"std": -1.0}, r"std must be a finite number of 0 or more, got -1\.0"),
        (Normal, {"std": math.nan}, "std must be a finite number of 0 or more, got nan"),
        (Constant, {"value": math.inf}, "value must be a finite number, got inf"),
        (Constant, {"value": "1"}, "value must be a finite number, got '1'"),
        (He, {"distribution": "gauss"}, "distribution must be 'normal' or 'uniform', got 'gauss'"),
    ],
)
def test_what_cannot_be_is_refused(kind: type[Initializer], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        kind(**arguments)
