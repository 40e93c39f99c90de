"""What an experiment gave, as text within 80 columns, as rows of a Markdown table, and as plain values for JSON."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pellucid.reproduce.experiment import DIFFERS, Experiment, Result

WIDTH = 80
HEADINGS = ("experiment", "what", "published", "measured", "verdict", "seeds", "seconds", "note")


@dataclass(frozen=True)
class Outcome:
    """An experiment that was run, and how long it took."""

    experiment: Experiment
    result: Result
    seconds: float
    fast: bool = False

    @property
    def agrees(self) -> bool:
        """Whether no row differs from what was published."""
        return all(row.verdict != DIFFERS for row in self.result.rows)

    @property
    def seeds(self) -> str:
        seeds = sorted(self.result.seeds)
        return "" if not seeds else str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"


def as_text(outcome: Outcome) -> str:
    """Returns the rows of one experiment for the terminal."""
    return "\n".join(_text(outcome))


def _text(outcome: Outcome) -> Iterator[str]:
    experiment = outcome.experiment
    seeds = f", seeds {outcome.seeds}" if outcome.seeds else ""
    yield from _wrapped(
        f"{experiment.name}: {experiment.title} ({experiment.source}), {outcome.seconds:.1f} s{seeds}", 0
    )
    for row in outcome.result.rows:
        yield from _wrapped(row.what, 2)
        told = [f"published {row.published}"] if row.published else []
        told += [f"measured {row.measured}"] if row.measured else []
        yield from _wrapped(" | ".join([*told, row.verdict]), 4)
        if row.note:
            yield from _wrapped(f"({row.note})", 4)


def _wrapped(text: str, indent: int) -> list[str]:
    space = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=space, subsequent_indent=space + "  ", break_on_hyphens=False)


def as_markdown(outcomes: Iterable[Outcome]) -> str:
    """Returns one table of all rows."""
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS))]
    for outcome in outcomes:
        first = (outcome.experiment.name, outcome.seeds, f"{outcome.seconds:.1f}")
        for row in outcome.result.rows:
            name, seeds, seconds = first
            lines.append(_line((name, row.what, row.published, row.measured, row.verdict, seeds, seconds, row.note)))
            first = ("", "", "")
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def as_values(outcome: Outcome) -> dict[str, Any]:
    """Returns the outcome as plain values."""
    return {
        "name": outcome.experiment.name,
        "title": outcome.experiment.title,
        "source": outcome.experiment.source,
        "seeds": list(outcome.result.seeds),
        "seconds": round(outcome.seconds, 2),
        "fast": outcome.fast,
        "rows": [asdict(row) for row in outcome.result.rows],
    }
