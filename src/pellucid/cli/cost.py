"""`pellucid check --cost`: what numeric differentiation costs beside backpropagation, measured on one network."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from pellucid.network import Network

TEXT_WEIGHTS = 1_000_000
"""The weights of the text's example: a million, so a million and one forward passes for one gradient."""

_LEAST_SECONDS = 0.2
_MOST_SECONDS = 2.0
_DAY = 86400.0


@dataclass(frozen=True)
class Way:
    """One way to a gradient: the forward passes that it needs, and the time of one gradient, in seconds."""

    name: str
    passes: int
    seconds: float

    def line(self, least: float) -> str:
        return f"{self.name:<22}{self.passes:>15,}{duration(self.seconds):>14}{self.seconds / least:>13,.1f}x"


def cost_report(network: Network, x: Any, t: Any) -> str:
    """Returns a table of forward passes and times for this network, and the same for the text's million weights.

    Forward differences need one pass for each parameter and one more; central ones two for each. Backpropagation needs
    a forward pass and a backward pass, which is about as much work as two. Source: Nielsen, ch. 2, "In what sense is
    backpropagation a fast algorithm?".
    """
    count = network.parameters.count
    ways, tried, each = measure(network, x, t)
    measured = "all of them" if tried == count else f"{tried:,} of them, the rest in proportion"
    grown = TEXT_WEIGHTS / max(count, 1)
    large = [
        Way(ways[0].name, 2, ways[0].seconds * grown),
        Way(ways[1].name, TEXT_WEIGHTS + 1, (TEXT_WEIGHTS + 1) * each * grown),
        Way(ways[2].name, 2 * TEXT_WEIGHTS, 2 * TEXT_WEIGHTS * each * grown),
    ]
    return "\n".join(
        [
            f"One gradient of {count:,} parameters on {len(x):,} rows, {network.engine} engine, {network.dtype}:",
            f"{'way':<22}{'forward passes':>15}{'time':>14}{'ratio':>14}",
            *(way.line(ways[0].seconds) for way in ways),
            f"(differences taken by {measured}; {duration(each)} a pass)",
            f"The same for {TEXT_WEIGHTS:,} weights, with time in proportion to their number:",
            *(way.line(large[0].seconds) for way in large),
        ]
    )


def measure(network: Network, x: Any, t: Any) -> tuple[list[Way], int, float]:
    """Returns the three ways, by how many parameters differences were really taken, and the seconds of one pass."""
    count = network.parameters.count
    both = _seconds(lambda: network.gradient(x, t))
    forward = _seconds(lambda: network.evaluate(x, t))
    tried = min(count, max(20, int(_MOST_SECONDS / forward)))
    each = _difference_passes(network, x, t, tried) / max(tried, 1)
    ways = [
        Way("backpropagation", 2, both),
        Way("forward differences", count + 1, (count + 1) * each),
        Way("central differences", 2 * count, 2 * count * each),
    ]
    return ways, tried, each


def _difference_passes(network: Network, x: Any, t: Any, tried: int) -> float:
    """Seconds of moving so many parameters one after the other, each with a pass; all are put back."""
    learned = (network.parameters[name] for name in network.parameters.learned)
    places = ((values, place) for values in learned for place in np.ndindex(values.shape))
    step = float(np.sqrt(np.finfo(network.dtype).eps))
    start = time.perf_counter()
    for values, place in islice(places, tried):
        before = values[place]
        values[place] = before + step
        network.evaluate(x, t)
        values[place] = before
    return time.perf_counter() - start


def duration(seconds: float) -> str:
    """Returns a time in the unit that it is best read in."""
    for size, unit in ((_DAY, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:,.3g} {unit}" if seconds / size < 1000 else f"{seconds / size:,.0f} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _seconds(work: Callable[[], object]) -> float:
    """The least time of a call over at least 0.2 s of calls, after one to warm up."""
    work()
    best, until = float("inf"), time.perf_counter() + _LEAST_SECONDS
    while time.perf_counter() < until:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
