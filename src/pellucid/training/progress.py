"""What a person sees while a network trains: a bar, or a line per epoch."""

import sys
from typing import TYPE_CHECKING, Any

from pellucid.errors import InputError
from pellucid.training.callbacks import Callback, Logs

if TYPE_CHECKING:
    from pellucid.training.run import Run

VERBOSE = (0, 1, 2, "auto")


def progress_callbacks(verbose: int | str) -> list[Callback]:
    """Returns what `verbose` asks for; "auto" is a bar on a terminal or in a notebook, else nothing.

    Raises:
        InputError: anything but 0, 1, 2 or "auto".
    """
    if verbose not in VERBOSE:
        raise InputError(f"verbose must be 0 (silent), 1 (a bar), 2 (a line per epoch) or 'auto', got {verbose!r:.80}.")
    if verbose == "auto":
        verbose = int(_someone_watches())
    return [] if not verbose else [Progress()] if verbose == 1 else [EpochLines()]


class Progress(Callback):
    """One bar over all epochs, on standard error, with loss, accuracy and samples per second."""

    order = 50

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_begin(self, run: "Run") -> None:
        from tqdm import tqdm

        layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        total = run.epochs * run.batches
        self._bar = tqdm(total=total, initial=run.step, bar_format=layout, dynamic_ncols=True, file=sys.stderr)

    def on_slice_end(self, run: "Run", logs: Logs) -> None:
        self._show(run.epoch, run, {**logs, "samples_per_second": run.sums.rows / max(run.seconds, 1e-9)})

    def on_epoch_end(self, run: "Run", epoch: int, logs: Logs) -> None:
        self._show(epoch, run, logs)

    def on_train_end(self, run: "Run") -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, epoch: int, run: "Run", logs: Logs) -> None:
        self._bar.set_description_str(f"epoch {epoch + 1}/{run.epochs}", refresh=False)
        self._bar.set_postfix_str(_in_words(logs), refresh=False)
        self._bar.update(run.step - self._bar.n)


class EpochLines(Callback):
    """One line per epoch on standard output."""

    order = 50

    def on_epoch_end(self, run: "Run", epoch: int, logs: Logs) -> None:
        print(f"epoch {epoch + 1}/{run.epochs}  {_in_words(logs)}  {logs['seconds']:.2f} s", flush=True)


def _in_words(logs: Logs) -> str:
    words = []
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        if name in logs:
            words.append(f"{name} {logs[name]:.2%}" if name.endswith("accuracy") else f"{name} {logs[name]:.4g}")
    if "samples_per_second" in logs:
        words.append(f"{logs['samples_per_second']:,.0f} samples/s")
    return ", ".join(words)


def _someone_watches() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
