"""What a run says about itself, within 80 columns."""

import shlex

from pellucid.cli.epoch_lines import NielsenLines
from pellucid.cli.runs import Run
from pellucid.training import History


def introduction(run: Run) -> str:
    """Returns the data, the network and the training in a line each."""
    settings, data = run.settings, run.data
    rows = f"{len(data.train[0]):,} rows to train on"
    return "\n".join(
        [
            f"{data.name}: {rows}, {len(data.validation[0]):,} to validate, {len(data.test[0]):,} to test",
            f"network {'-'.join(map(str, settings.layers))} {settings.activation}, {settings.loss}, "
            f"{run.network.parameters.counts}",
            f"{settings.optimizer}, learning rate {settings.learning_rate:g}, batches of {settings.batch_size:,}, "
            f"{settings.epochs:,} epochs",
            f"{settings.engine} engine, {settings.dtype}, seed {settings.seed}",
        ]
    )


def how_to_resume(run: Run) -> str:
    """Returns what is kept of a run that Ctrl-C ended, and the command that goes on with it."""
    return (
        f"Stopped; the run so far is kept in {run.folder}. To continue: "
        f"pellucid train --resume --out {shlex.quote(str(run.folder))}"
    )


def conclusion(run: Run, history: History, lines: NielsenLines | None) -> str:
    """Returns the best epoch, what the test part gives, and the run folder."""
    said = []
    if lines is not None and lines.right:
        epoch, right = lines.best()
        rows = len(run.data.test[0])
        said.append(f"best epoch on the test part: {epoch}, with {right:,} of {rows:,} right ({percent(right / rows)})")
    said += _best_epoch(history)
    if history.stopped_by:
        said.append(f"ended early: {history.stopped_by}")
    if len(run.data.test[0]):
        said.append(f"test: {sentence(run.network.evaluate(*run.data.test), len(run.data.test[0]))}")
    return "\n".join([*said, f"run folder: {run.folder}"])


def _best_epoch(history: History) -> list[str]:
    """The best epoch by the validation part, else by the training rows; by accuracy where there is one."""
    for metric in ("validation_accuracy", "validation_loss", "accuracy", "loss"):
        if metric in history:
            epoch, value = history.best(metric)
            shown = percent(value) if metric.endswith("accuracy") else f"{value:.4g}"
            name = metric.replace("_", " ") if metric.startswith("validation") else f"training {metric}"
            return [f"best epoch: {epoch} of 0 to {history.epochs[-1]}, {name} {shown}"]
    return []


def sentence(measured: dict[str, float], rows: int) -> str:
    """Returns "loss 0.0873, accuracy 97.33 % (292 of 300 right)"; the loss alone where there is no accuracy."""
    said = f"loss {measured['loss']:.4g}"
    if "accuracy" in measured:
        right = round(measured["accuracy"] * rows)
        said += f", accuracy {percent(measured['accuracy'])} ({right:,} of {rows:,} right)"
    return said


def percent(share: float) -> str:
    """Returns "97.33 %" for 0.9733."""
    return f"{100 * share:.2f} %"
