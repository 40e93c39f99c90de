"""From samples to figures: minimum, median, spread, and ratios taken round by round."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.harness import Measured


def figures(measured: Measured, ours: Measured | None) -> dict[str, Any]:
    """Returns what the JSON holds for one contestant; seconds per step or call.

    spread: (largest − smallest) / median. ratio: the median over the rounds of its time over Pellucid's in that round.
    """
    found: dict[str, Any] = {"name": measured.name}
    for name in ("skipped", "refused", "loss", "difference", "distance"):
        if getattr(measured, name) is not None:
            found[name] = getattr(measured, name)
    seconds = measured.seconds
    if seconds and not measured.refused:
        middle = median(seconds)
        found |= {"minimum": min(seconds), "median": middle, "spread": (max(seconds) - min(seconds)) / middle}
        found["samples"] = seconds
        if ours is not None and ours.seconds:
            found["ratio"] = ratio(seconds, ours.seconds)
    return found


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Returns the median of the rounds' ratios, which a slow minute of the machine moves little."""
    return median(a / b for a, b in zip(theirs, ours, strict=False))


def best_peer(contestants: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the fastest that is not Pellucid, or None."""
    peers = [one for one in contestants if "median" in one and not one["name"].startswith("Pellucid")]
    return min(peers, key=lambda one: one["median"], default=None)
