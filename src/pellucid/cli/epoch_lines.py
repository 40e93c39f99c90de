"""Nielsen's lines: after each epoch, how many of the test part's rows are classified right."""

from collections.abc import Mapping
from typing import Any

import click

from pellucid.datasets.dataset import Part
from pellucid.training import Callback, Logs, Run


class NielsenLines(Callback):
    """Prints "Epoch 0 : 8973 / 10000" after each epoch, and keeps the counts by epoch, also for a resumed run.

    Source: Nielsen, ch. 1, network.py.
    """

    def __init__(self, test: Part) -> None:
        self.x, self.t = test
        self.right: dict[int, int] = {}

    def on_epoch_end(self, run: Run, epoch: int, logs: Logs) -> None:
        self.right[epoch] = round(run.network.evaluate(self.x, self.t)["accuracy"] * len(self.x))
        click.echo(f"Epoch {epoch} : {self.right[epoch]} / {len(self.x)}")

    def best(self) -> tuple[int, int]:
        """Returns the epoch with the most right answers, the first of equals, and their number."""
        epoch = max(self.right, key=lambda epoch: (self.right[epoch], -epoch))
        return epoch, self.right[epoch]

    def state(self) -> dict[str, Any]:
        return {"right": list(self.right.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.right = {int(epoch): int(right) for epoch, right in state["right"]}
