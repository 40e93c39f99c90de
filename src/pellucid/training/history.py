"""What happened in a run: one number per finished epoch and metric."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pellucid.errors import InputError, suggest

METRICS = (
    "loss",
    "accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
    "samples_per_second",
)


class Best(NamedTuple):
    """The best value of a metric, and the epoch it was reached in."""

    epoch: int
    value: float


def higher_is_better(metric: str) -> bool:
    """Whether a metric is one to make large; losses are to be made small."""
    return metric.endswith("accuracy") or metric == "samples_per_second"


class History(Mapping[str, list[float]]):
    """The metrics of a run by name, each a list with one number per epoch of `epochs`.

    loss and accuracy are means over the epoch, taken batch by batch while the parameters were changing;
    validation_loss and validation_accuracy are of the end of the epoch. learning_rate is that of its last step,
    seconds are those of training and validation, samples_per_second is of training alone.

    Attributes:
        epochs: the numbers of the finished epochs, counted from 0.
        stopped_by: why training ended before its last epoch, in a sentence; None where it did not.
        interrupted: whether Ctrl-C ended it.
    """

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.stopped_by: str | None = None
        self.interrupted = False
        self._metrics: dict[str, list[float]] = {}

    def __getitem__(self, metric: str) -> list[float]:
        try:
            return self._metrics[metric]
        except KeyError:
            raise KeyError(f"the history has no {metric!r:.80}; {suggest(metric, self._metrics)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def best(self, metric: str) -> Best:
        """Returns the best value of a metric and its epoch, the first of equals: the highest accuracy, the lowest loss.

        Raises:
            InputError: an unknown metric, or no finished epoch.
        """
        if metric not in self._metrics:
            raise InputError(f"the history has no {metric!r:.80}; {suggest(metric, self._metrics)}")
        values = self._metrics[metric]
        value = max(values) if higher_is_better(metric) else min(values)
        return Best(self.epochs[values.index(value)], value)

    def row(self, index: int = -1) -> dict[str, float]:
        """Returns the epoch number and every metric of one finished epoch, the last one unless told."""
        return {"epoch": self.epochs[index], **{name: values[index] for name, values in self._metrics.items()}}

    def monitored(self) -> list[float]:
        """Returns the losses that schedules go by: validation_loss where there is one, else loss."""
        return self._metrics.get("validation_loss", self._metrics.get("loss", []))

    def append(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Adds a finished epoch."""
        self.epochs.append(epoch)
        for name in METRICS:
            if name in metrics:
                self._metrics.setdefault(name, []).append(float(metrics[name]))

    def as_dict(self) -> dict[str, Any]:
        """Returns the finished epochs as plain values, for JSON; not what ended the run, as it may go on."""
        return {"epochs": self.epochs, "metrics": self._metrics}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "History":
        """Returns the history that `as_dict` described."""
        history = cls()
        history.epochs = list(values["epochs"])
        history._metrics = {name: list(numbers) for name, numbers in values["metrics"].items()}
        return history

    def __repr__(self) -> str:
        lines = [f"History of {len(self.epochs)} epochs"]
        if self.epochs:
            lines.append("  ".join(["epoch", *(f"{name:>{_width(name)}}" for name in self._metrics)]))
            shown = range(len(self.epochs)) if len(self.epochs) <= 12 else [*range(6), None, *range(-6, 0)]
            lines += ["  ..." if index is None else self._line(index) for index in shown]
        if self.stopped_by:
            lines.append(f"stopped by {self.stopped_by}")
        return "\n".join(lines)

    def _line(self, index: int) -> str:
        numbers = (f"{values[index]:>{_width(name)}.6g}" for name, values in self._metrics.items())
        return "  ".join([f"{self.epochs[index]:>5}", *numbers])


def _width(name: str) -> int:
    return max(len(name), 10)
