"""Random numbers by address: their distribution, their independence, and exact values of what is built on the words.

The raw words are held to the known answers of the paper, and to C++, in test_build.py.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import philox

SEEDS = st.integers(0, 2**64 - 1)
STREAMS = st.integers(0, 2**64 - 1)


def test_uniform_numbers_are_uniform_and_never_0_or_1() -> None:
    u = philox.uniform(1, philox.DATA, 0, (100_000,))
    assert u.dtype == np.float64
    assert 0 < u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=4 / math.sqrt(12 * u.size))
    counts, _ = np.histogram(u, bins=100, range=(0, 1))
    chi2 = ((counts - 1000.0) ** 2 / 1000.0).sum()
    assert 99 - 4 * math.sqrt(198) < chi2 < 99 + 4 * math.sqrt(198)


@given(seed=SEEDS, stream=STREAMS)
def test_uniform_numbers_come_from_two_words_each(seed: int, stream: int) -> None:
    words = philox.words(seed, philox.DATA, stream, 6)
    expected = [((int(a) >> 5) * 2**26 + (int(b) >> 6) + 0.5) / 2**53 for a, b in words.reshape(3, 2)]
    assert philox.uniform(seed, philox.DATA, stream, (3,)).tolist() == expected


@given(seed=SEEDS, stream=STREAMS, count=st.integers(0, 40), more=st.integers(0, 9))
def test_asking_for_more_words_leaves_the_first_ones_as_they_are(seed: int, stream: int, count: int, more: int) -> None:
    few, many = (philox.words(seed, philox.DATA, stream, n) for n in (count, count + more))
    assert few.dtype == np.uint32
    assert len(few) == count
    np.testing.assert_array_equal(few, many[:count])


def test_normal_numbers_are_the_quantiles_of_the_uniform_ones() -> None:
    u = philox.uniform(3, philox.WEIGHTS, 1, (4, 500))
    z = philox.normal(3, philox.WEIGHTS, 1, (4, 500))
    expected = [[NormalDist().inv_cdf(p) for p in row] for row in u.tolist()]
    np.testing.assert_allclose(z, expected, rtol=2e-14, atol=1e-15)


def test_normal_numbers_have_the_moments_of_the_normal_distribution() -> None:
    z = philox.normal(2, philox.DATA, 0, (200_000,))
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert (z**power).mean() == pytest.approx(moment, abs=4 * math.sqrt(spread / z.size))


def test_neighbouring_addresses_are_independent() -> None:
    first = philox.normal(2, philox.DATA, 0, (20_000,))
    for seed, purpose, stream in ((3, philox.DATA, 0), (2, philox.DROPOUT, 0), (2, philox.DATA, 1), (2, 5 + 256, 0)):
        other = philox.normal(seed, purpose, stream, (20_000,))
        assert abs(np.corrcoef(first, other)[0, 1]) < 4 / math.sqrt(20_000)
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 4 / math.sqrt(20_000)


def test_high_words_of_seed_and_stream_count() -> None:
    base = philox.words(1, philox.DATA, 1, 8).tolist()
    assert philox.words(1 + 2**32, philox.DATA, 1, 8).tolist() != base
    assert philox.words(1, philox.DATA, 1 + 2**32, 8).tolist() != base


def test_each_kind_and_layer_has_its_own_address() -> None:
    kinds = (philox.SHUFFLE, philox.WEIGHTS, philox.DROPOUT, philox.AUGMENT, philox.DATA, philox.PROJECTION)
    addresses = {philox.purpose_of(kind, layer) for kind in kinds for layer in range(300)}
    assert len(addresses) == 6 * 300
    assert max(addresses) < 2**32


@given(seed=SEEDS, stream=STREAMS, n=st.integers(0, 200))
def test_a_permutation_holds_every_number_once(seed: int, stream: int, n: int) -> None:
    order = philox.permutation(seed, philox.SHUFFLE, stream, n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))
    words = philox.words(seed, philox.SHUFFLE, stream, n)
    assert order.tolist() == sorted(range(n), key=lambda i: (int(words[i]), i))


def test_every_permutation_is_as_likely_as_any_other() -> None:
    counts: dict[tuple[int, ...], int] = {}
    for stream in range(6000):
        order = tuple(philox.permutation(9, philox.SHUFFLE, stream, 3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5  # 0.1 % point, 5 degrees of freedom


def test_golden_values() -> None:
    assert philox.words(0, 0, 0, 4).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox.permutation(7, philox.SHUFFLE, 3, 8).tolist() == [0, 5, 3, 4, 2, 6, 1, 7]
    assert [x.hex() for x in philox.normal(7, philox.WEIGHTS, 3, (3,)).tolist()] == [
        "-0x1.098d142d41b8bp-5",
        "-0x1.bf835c80401c0p-1",
        "0x1.09b8187797fecp-2",
    ]
