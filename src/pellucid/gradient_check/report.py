"""What a gradient check found: a row for each gradient, and the verdict."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pellucid.errors import InputError, suggest

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Row:
    """One gradient: how many of its entries were checked, the largest relative error, and where that is.

    `stepped` counts the points that were stepped around, because the function has a kink there.
    """

    name: str
    shape: tuple[int, ...]
    entries: int
    one_by_one: bool
    error: float
    where: str
    stepped: int = 0

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def checked(self) -> str:
        if self.one_by_one:
            return f"{self.entries:,} of {self.size:,}"
        return f"{self.entries:,} together" if self.entries else "none"


@dataclass(frozen=True)
class GradientReport:
    """What a gradient check found; prints as a table that ends in one line of verdict.

    `rows` by name: "x" and "0.W" (through the whole network), then "layer 0 (Affine): dW" (on its own).
    """

    rows: Mapping[str, Row]
    tolerance: float = TOLERANCE

    @property
    def ok(self) -> bool:
        """Whether every relative error is within the tolerance."""
        return not self.faults

    @property
    def faults(self) -> list[Row]:
        """The wrong gradients, where they arise: those of layers on their own, or else those of the whole network."""
        wrong = [row for row in self.rows.values() if not row.error <= self.tolerance]
        return [row for row in wrong if ":" in row.name] or wrong

    @property
    def worst(self) -> Row:
        """The row with the largest relative error; among wrong ones, one that says where the fault arises."""
        return max(self.faults or self.rows.values(), key=lambda row: row.error)

    @property
    def stepped(self) -> int:
        """How many points were stepped around because the derivative jumps there."""
        return sum(row.stepped for row in self.rows.values())

    def __getitem__(self, name: str) -> Row:
        try:
            return self.rows[name]
        except KeyError:
            raise InputError(f"the report has no {name!r}; {suggest(name, self.rows)}") from None

    @property
    def verdict(self) -> str:
        around = f"; {self.stepped} points without a derivative stepped around" if self.stepped else ""
        if self.ok:
            return (
                f"OK: all {len(self.rows)} gradients agree with numeric differentiation, largest relative error "
                f"{self.worst.error:.1e} ({self.worst.name}){around}."
            )
        named = ", ".join(f"{row.name} ({row.error:.1e} at {row.where})" for row in self.faults)
        return f"WRONG: {named}; at most {self.tolerance:.0e} was expected{around}."

    def __str__(self) -> str:
        return "\n".join([*self._table(), self.verdict])

    def _table(self) -> Iterator[str]:
        width = max(len(row.name) for row in self.rows.values())
        yield f"{'gradient':<{width}}  {'entries checked':>18}  {'relative error':>14}  where"
        for row in self.rows.values():
            mark = "" if row.error <= self.tolerance else "  <-- wrong"
            yield f"{row.name:<{width}}  {row.checked:>18}  {row.error:>14.1e}  {row.where}{mark}"
