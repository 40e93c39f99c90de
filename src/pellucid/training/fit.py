"""fit: the arguments checked, and a run made from them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import philox
from pellucid.checks import integer, is_finite, is_whole
from pellucid.datasets import Augment
from pellucid.engines import Data, Model, check_data
from pellucid.errors import InputError
from pellucid.optimizers import Optimizer
from pellucid.training.callbacks import Callback
from pellucid.training.history import History
from pellucid.training.parts import rows_of
from pellucid.training.progress import progress_callbacks
from pellucid.training.resume import restore_run
from pellucid.training.run import Run
from pellucid.training.session import Session, checked_optimizer
from pellucid.training.stopping import StopOnNaN

SPLIT_STREAM = 2**32 - 1
"""The address of the validation split among the random numbers for data, away from those of made-up data sets."""


def fit(
    session: Session,
    x: Any,
    t: Any,
    *,
    epochs: int,
    batch_size: int | None,
    optimizer: Optimizer,
    validation_data: Sequence[Any] | None = None,
    validation_fraction: float | None = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
    shuffle: bool = True,
    augment: Augment | None = None,
    initial_epoch: int = 0,
    resume: str | Path | None = None,
    callbacks: Iterable[Callback] = (),
    verbose: int | str = "auto",
    network: Any = None,
) -> History:
    """Trains a model and returns the history, which is also the session's.

    The order of epoch e is a function of the model's seed and e, so the same call gives the same bits. Ctrl-C ends
    training between two batches: the history and the last parameters are kept, and `history.interrupted` says so.

    Args:
        session: the model that is trained, in place, and the engine.
        x, t: samples (N, ...) and targets, as for `Network.evaluate`.
        epochs: the number of the epoch to stop before, counted from 0: so many passes, less `initial_epoch`.
        batch_size: rows per update, 1 for online learning, None for all rows at once; the last batch may be shorter.
        optimizer: the rule of the updates; its memory starts empty, unless `initial_epoch` goes on where it stands.
        validation_data: (x, t) or (x, t, sample_weight), evaluated after each epoch.
        validation_fraction: in place of that, the share of rows, above 0 and below 1, that is set aside for it; they
            are drawn by the model's seed, so that they stay the same from call to call.
        sample_weight: (N,) numbers of 0 or more. class_weight: class number -> weight, or "balanced".
        shuffle: whether every epoch takes the rows in a new order.
        augment: changes the images of every epoch anew, by (the model's seed, epoch, row); see `Augment`.
        initial_epoch: the epoch to begin with, for going on after an earlier call that ended there.
        resume: a checkpoint to go on from; the run ends with the same bits as one that was never stopped.
        callbacks: see `Callback`. verbose: 0 silent, 1 a bar, 2 a line per epoch, "auto" a bar on a terminal.
        network: what callbacks find as `run.network`.

    Raises:
        InputError: an argument that cannot be used. CheckpointError: `resume` is of another run, or damaged.
        NotFiniteError: NaN or infinity came up; see `StopOnNaN`.
    """
    _check_epochs(epochs, initial_epoch, resume)
    optimizer = checked_optimizer(optimizer)
    data = check_data(x, t, session.model, sample_weight, class_weight)
    data, validation = _validation(session.model, data, validation_data, validation_fraction)
    _check_augment(augment, data)
    run = Run(
        session,
        data,
        validation,
        optimizer,
        epochs=epochs,
        batch_size=_checked_batch_size(batch_size, data.rows),
        shuffle=bool(shuffle),
        initial_epoch=initial_epoch,
        callbacks=_with_defaults(callbacks, verbose),
        augment=augment,
        network=network,
    )
    if resume is None:
        run.begin()
    else:
        restore_run(run, resume)
    session.history = run.history
    return run.train()


def _check_epochs(epochs: Any, initial_epoch: Any, resume: object) -> None:
    for name, value, least in (("epochs", epochs, 1), ("initial_epoch", initial_epoch, 0)):
        integer(name, value, least)
    if initial_epoch >= epochs:
        raise InputError(
            f"initial_epoch={initial_epoch} leaves nothing to do up to epochs={epochs}; epochs counts from the very "
            f"first one: epochs={initial_epoch + epochs} trains {epochs} more."
        )
    if resume is not None and initial_epoch:
        raise InputError("resume and initial_epoch cannot both be given; a checkpoint knows its epoch.")


def _checked_batch_size(batch_size: Any, rows: int) -> int:
    if batch_size is None:
        return rows
    if not is_whole(batch_size) or batch_size < 1:
        raise InputError(
            f"batch_size must be an integer of 1 or more, or None for all rows at once, got {batch_size!r:.80}."
        )
    return min(int(batch_size), rows)


def _check_augment(augment: Any, data: Data) -> None:
    if augment is None:
        return
    if not isinstance(augment, Augment):
        raise InputError(f"augment is {augment!r:.80}, not an Augment; make one, such as Augment(shift=2).")
    try:
        augment(data.x[:1], seed=0, epoch=0, samples=[0])
    except InputError as error:
        raise InputError(f"augment cannot change x: {error}") from None


def _validation(model: Model, data: Data, validation_data: Any, validation_fraction: Any) -> tuple[Data, Data | None]:
    if validation_data is not None and validation_fraction is not None:
        raise InputError("validation_data and validation_fraction cannot both be given; leave one out.")
    if validation_data is not None:
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise InputError("validation_data must be (x, t) or (x, t, sample_weight).")
        try:
            xv, tv, *weight = validation_data
            return data, check_data(xv, tv, model, *weight)
        except InputError as error:
            raise InputError(f"validation_data: {error}") from None
    if validation_fraction is None:
        return data, None
    return _split(model, data, validation_fraction)


def _split(model: Model, data: Data, fraction: Any) -> tuple[Data, Data]:
    if not is_finite(fraction) or not 0 < fraction < 1:
        raise InputError(f"validation_fraction must be above 0 and below 1, got {fraction!r:.80}.")
    count = round(data.rows * float(fraction))
    if not 0 < count < data.rows:
        raise InputError(
            f"validation_fraction={fraction} of {data.rows} rows leaves {count} for validation and "
            f"{data.rows - count} for training; both need at least one."
        )
    order = philox.permutation(model.seed, philox.DATA, SPLIT_STREAM, data.rows)
    return rows_of(data, np.sort(order[count:])), rows_of(data, np.sort(order[:count]))


def _with_defaults(callbacks: Iterable[Callback], verbose: int | str) -> list[Callback]:
    listed = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in listed:
        if not isinstance(callback, Callback):
            raise InputError(f"callbacks holds {callback!r:.80}, not a callback; make one, such as EarlyStopping().")
    if not any(isinstance(callback, StopOnNaN) for callback in listed):
        listed.append(StopOnNaN())
    return listed + progress_callbacks(verbose)
