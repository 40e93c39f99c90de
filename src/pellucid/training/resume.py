"""Puts a run back where a checkpoint left it."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import checkpoint
from pellucid.engines import Sums
from pellucid.errors import CheckpointError
from pellucid.training.history import History

if TYPE_CHECKING:
    from pellucid.training.run import Run


def restore_run(run: "Run", path: str | Path) -> None:
    """Gives a run the parameters, the optimizer's memory, the place and the history of a checkpoint.

    Everything is checked before the first number is changed.

    Raises:
        CheckpointError: damaged, without a run in it, or of a run with other settings; it names the first difference.
    """
    found = checkpoint.read(path)
    if found.training is None:
        raise CheckpointError(
            f"{str(path)!r} holds a network, but no run to resume; give one that the Checkpoint callback wrote, or "
            "use Network.load."
        )
    try:
        _check_same_run(run, found, path)
        _check_memory(run, found, path)
        position = found.training["position"]
        history, sums = History.from_dict(position["history"]), _sums_from(position["sums"])
        place = {name: int(position[name]) for name in ("epoch", "batch", "step", "start")}
        seconds = float(position["seconds"])
        if not (0 <= place["batch"] <= run.batches and place["epoch"] >= 0):
            raise ValueError(f"there is no batch {place['batch']} in epoch {place['epoch']}")
        checkpoint.restore_parameters(run.model.parameters, found.parameters, path)
        for slot, views in run.state.views().items():
            for name, view in views.items():
                view[...] = found.arrays[f"optimizer.{slot}.{name}"]
        run.epoch, run.batch = place["epoch"], place["batch"]
        run.state.step, run.state.start = place["step"], place["start"]
        run.history, run.sums, run.seconds = history, sums, seconds
        _restore_callbacks(run, found)
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{str(path)!r} holds a run that cannot be read ({error}); take another copy.") from error


def _sums_from(values: Mapping[str, Any]) -> Sums:
    return Sums(float(values["loss"]), float(values["weight"]), int(values["correct"]), int(values["rows"]))


def _check_same_run(run: "Run", found: checkpoint.Checkpoint, path: str | Path) -> None:
    assert found.training is not None
    engine = found.training["engine"]
    if engine != run.engine.name:
        warnings.warn(
            f"{str(path)!r} is of a run on the {engine} engine, this network runs on the {run.engine.name} engine: "
            "the numbers will differ in their last digits from those of a run that was never stopped.",
            stacklevel=5,
        )
    ours = {**checkpoint.describe_model(run.model), **run.recipe()}
    theirs = {**found.network, **found.training["recipe"]}
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise CheckpointError(
                f"{str(path)!r} is of a run with another {name}: {_short(theirs.get(name))} there, {_short(value)} "
                "here; give the same, or start anew with Network.load."
            )


def _check_memory(run: "Run", found: checkpoint.Checkpoint, path: str | Path) -> None:
    for slot, views in run.state.views().items():
        for name, view in views.items():
            key = f"optimizer.{slot}.{name}"
            if key not in found.arrays or found.arrays[key].shape != view.shape:
                raise CheckpointError(f"{str(path)!r} lacks the optimizer's {slot} of {name}; take another copy.")
            # Infinity may be there by right: RMSprop's and AdaGrad's squares can overflow, and only stop the step.
            if np.isnan(found.arrays[key]).any():
                raise CheckpointError(
                    f"{str(path)!r} holds NaN in the optimizer's {slot} of {name}; take an earlier checkpoint."
                )


def _restore_callbacks(run: "Run", found: checkpoint.Checkpoint) -> None:
    """Each state goes to the next callback of its type; one that is no longer there is left out."""
    assert found.training is not None
    waiting = list(run.callbacks)
    for index, entry in enumerate(found.training["callbacks"]):
        taker = next((callback for callback in waiting if type(callback).__name__ == entry["type"]), None)
        if taker is not None:
            waiting.remove(taker)
            taker.restore(_state_of(entry, index, found.arrays))


def _state_of(entry: Mapping[str, Any], index: int, arrays: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"callback.{index}."
    own = {name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)}
    return {**entry["state"], **own}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
