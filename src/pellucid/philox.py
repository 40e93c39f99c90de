"""Random numbers as a function, not a state: Philox4x32-10, keyed by (seed, purpose, stream).

The shuffle of epoch e, the dropout mask of layer l at step s and the initial weights of a layer each have an
address; whoever asks for the same address gets the same bits, on any machine, in any order, with any number of
threads. Nothing has to be saved to resume a run. NumPy computes here what `core/philox.h` computes in C++.

Source: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The normal quantile is
algorithm AS 241 (M. J. Wichura, Applied Statistics 37, 1988), built from exactly rounded operations only, so that
its bits do not depend on the machine's mathematical library.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

try:
    from pellucid._core import philox_normal as _native_normal
    from pellucid._core import philox_words as _native_words
except ImportError:
    _native_words = _native_normal = None  # type: ignore[assignment]

SHUFFLE, WEIGHTS, DROPOUT, AUGMENT, DATA, PROJECTION = range(1, 7)
"""What a random number is for: the low byte of the counter's last word; a layer's number stands above it."""

_ROUND_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_AT_ONCE = 8192
"""Numbers per pass over the quantile's polynomials: what fits into the cache."""
_MOST_AT_ONCE = 2**30
_LOW = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)


def purpose_of(kind: int, layer: int = 0) -> int:
    """The counter word that keeps the draws of one kind and one layer apart from all others."""
    return kind + (layer << 8)


def words(seed: int, purpose: int, stream: int, count: int) -> NDArray[np.uint32]:
    """Returns the first `count` 32-bit words at the address (seed, purpose, stream)."""
    blocks = -(-count // 4)
    c0 = np.arange(blocks, dtype=np.uint64)
    c1 = np.full(blocks, stream & 0xFFFFFFFF, dtype=np.uint64)
    c2 = np.full(blocks, (stream >> 32) & 0xFFFFFFFF, dtype=np.uint64)
    c3 = np.full(blocks, purpose & 0xFFFFFFFF, dtype=np.uint64)
    k0, k1 = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    for _ in range(10):
        product0 = c0 * _ROUND_MULTIPLIERS[0]
        product1 = c2 * _ROUND_MULTIPLIERS[1]
        c0 = (product1 >> _HALF_WORD) ^ c1 ^ np.uint64(k0)
        c2 = (product0 >> _HALF_WORD) ^ c3 ^ np.uint64(k1)
        c1, c3 = product1 & _LOW, product0 & _LOW
        k0, k1 = (k0 + _KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + _KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32).reshape(-1)[:count]


_draw: Callable[[int, int, int, int], NDArray[np.uint32]] = words if _native_words is None else _native_words
"""`words`, by the core where there is one: the same bits, several times faster."""


def uniform(seed: int, purpose: int, stream: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns float64 numbers in the open interval (0, 1), from 53 bits each."""
    count = math.prod(shape)
    pairs = _draw(seed, purpose, stream, 2 * count).reshape(count, 2).astype(np.float64)
    whole = np.floor(pairs[:, 0] / 32.0) * 67108864.0 + np.floor(pairs[:, 1] / 64.0)
    return ((whole + 0.5) / 9007199254740992.0).reshape(shape)


def normal(seed: int, purpose: int, stream: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns float64 numbers from the normal distribution with mean 0 and variance 1."""
    count = math.prod(shape)
    if _native_normal is not None and count <= _MOST_AT_ONCE:
        return _native_normal(seed, purpose, stream, count).reshape(shape)
    return normal_by_definition(seed, purpose, stream, count).reshape(shape)


def normal_by_definition(seed: int, purpose: int, stream: int, count: int) -> NDArray[np.float64]:
    """Returns what `normal` returns, in NumPy: the core's bits are tested against it."""
    p = uniform(seed, purpose, stream, (count,))
    z = np.empty_like(p)
    for start in range(0, len(p), _AT_ONCE):
        z[start : start + _AT_ONCE] = _normal_quantile(p[start : start + _AT_ONCE])
    return z


def permutation(seed: int, purpose: int, stream: int, n: int) -> NDArray[np.int64]:
    """Returns the numbers 0 .. n-1 in a random order: sorted by a random word each, ties by their number."""
    # In place: fresh memory costs more than what is computed in it.
    keys = np.arange(n, dtype=np.uint64)
    keys |= np.left_shift(_draw(seed, purpose, stream, n), _HALF_WORD, dtype=np.uint64)
    keys.sort()
    keys &= _LOW
    return keys.view(np.int64)


def _natural_log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln x = k·ln 2 + 2·artanh((m - 1) / (m + 1)) with x = m·2^k, by the series of artanh."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < math.sqrt(0.5)
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    s2 = s * s
    series = np.zeros_like(s)
    for odd in range(23, 0, -2):
        series = series * s2 + 1.0 / odd
    return (exponent - small) * 0.6931471805599453 + 2.0 * s * series


# Coefficients of AS 241 (PPND16), highest power first: numerator and denominator of each of its three ranges.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: NDArray[np.float64]) -> NDArray[np.float64]:
    numerator, denominator = np.zeros_like(x), np.zeros_like(x)
    for upper, lower in zip(*coefficients, strict=True):
        numerator = numerator * x + upper
        denominator = denominator * x + lower
    return numerator / denominator


def _normal_quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    q = p - 0.5
    centre = np.abs(q) <= 0.425
    inner = q[centre]
    outer = q[~centre]
    r = np.sqrt(-_natural_log(np.minimum(p[~centre], 1.0 - p[~centre])))
    z = np.empty_like(p)
    z[centre] = inner * _ratio(_CENTRE, 0.180625 - inner * inner)
    z[~centre] = np.copysign(np.where(r <= 5.0, _ratio(_MIDDLE, r - 1.6), _ratio(_TAIL, r - 5.0)), outer)
    return z
