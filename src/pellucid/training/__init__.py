"""Training: epochs, batches, the history, callbacks, and going on where a run was stopped."""

from pellucid.training.callbacks import Callback, Logs
from pellucid.training.fit import fit
from pellucid.training.history import History
from pellucid.training.keeping import Checkpoint, CSVLogger, JSONLLogger
from pellucid.training.progress import EpochLines, Progress
from pellucid.training.run import Run
from pellucid.training.session import Session
from pellucid.training.stopping import EarlyStopping, StopOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "EpochLines",
    "History",
    "JSONLLogger",
    "Logs",
    "Progress",
    "Run",
    "Session",
    "StopOnNaN",
    "fit",
]
