"""Checkpoint's rhythms, and the loggers' files."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pellucid import Network, checkpoint
from pellucid.errors import InputError
from pellucid.optimizers import SGD, Adam
from pellucid.training import Callback, Checkpoint, CSVLogger, JSONLLogger, Run
from small import ENGINE, bits, network, samples

X, T = samples()


class Places(Checkpoint):
    """Notes where each checkpoint was taken."""

    places: list[tuple[int, int]]

    def _save(self, run: Run) -> None:
        super()._save(run)
        self.places = [*getattr(self, "places", []), (run.epoch, run.batch)]


@pytest.mark.parametrize(
    ("rhythm", "places"),
    [
        ({}, [(1, 0), (2, 0), (3, 0)]),
        ({"every_epochs": 2}, [(2, 0), (3, 0)]),
        ({"every_batches": 4}, [(0, 4), (1, 3), (2, 2), (3, 0)]),
        ({"every_batches": 5}, [(0, 5), (1, 5), (2, 5), (3, 0)]),
        ({"every_batches": 7, "every_epochs": 3}, [(1, 2), (2, 4), (3, 0)]),
        ({"every_seconds": 1e9}, [(3, 0)]),
    ],
)
def test_checkpoints_are_taken_when_asked(tmp_path: Path, rhythm: Any, places: Any) -> None:
    keeper = Places(tmp_path / "run.safetensors", **rhythm)
    network().fit(X, T, epochs=3, batch_size=10, callbacks=[keeper])
    assert keeper.places == places


def test_every_second_means_by_the_clock(tmp_path: Path) -> None:
    keeper = Places(tmp_path / "run.safetensors", every_seconds=1e-9)
    network().fit(X, T, epochs=2, batch_size=10, callbacks=[keeper])
    assert keeper.places[0][0] == 0 and len(keeper.places) > 2


def test_best_only_keeps_the_best(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    net = network()
    history = net.fit(
        X, T, epochs=4, optimizer=SGD(200.0), callbacks=[Checkpoint(path, best_only=True, monitor="loss")]
    )
    best = history.best("loss").epoch
    assert best < 3
    training = checkpoint.read(path).training
    assert training is not None and training["position"]["epoch"] == best + 1


def test_a_run_in_progress_loads_as_a_network(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    net = network()
    net.fit(X, T, epochs=2, optimizer=Adam(), callbacks=[Checkpoint(path)])
    assert bits(Network.load(path, engine=ENGINE)) == bits(net)


def test_a_killed_writers_leftovers_go_at_the_next_start(tmp_path: Path) -> None:
    for name in (".run.safetensors.0123456789ab.tmp", ".other.safetensors.0123456789ab.tmp"):
        (tmp_path / name).write_bytes(b"half")
    network().fit(X, T, epochs=1, callbacks=[Checkpoint(tmp_path / "run.safetensors")])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".other.safetensors.0123456789ab.tmp",
        "run.safetensors",
    ]


def test_the_loggers_write_the_history(tmp_path: Path) -> None:
    logs = [CSVLogger(tmp_path / "log.csv"), JSONLLogger(tmp_path / "log.jsonl")]
    history = network().fit(X, T, epochs=3, validation_data=(X, T), callbacks=logs)
    with open(tmp_path / "log.csv", newline="") as stream:
        table = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert table == lines == [history.row(index) for index in range(3)]


def test_the_log_of_a_resumed_run_has_every_epoch_once(tmp_path: Path) -> None:
    path, log = tmp_path / "run.safetensors", tmp_path / "log.jsonl"

    class StopLate(Callback):
        def on_epoch_end(self, run: Run, epoch: int, logs: Any) -> None:
            if epoch == 3:
                raise RuntimeError

    keeper = Checkpoint(path, every_epochs=2)
    keeper.on_train_end = lambda run: None  # type: ignore[method-assign] # as if killed: epoch 2 is logged, not kept
    with pytest.raises(RuntimeError):
        network().fit(X, T, epochs=5, callbacks=[StopLate(), JSONLLogger(log), keeper])
    assert len(log.read_text().splitlines()) == 3
    network().fit(X, T, epochs=5, callbacks=[JSONLLogger(log)], resume=path)
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", [Checkpoint, CSVLogger, JSONLLogger])
@pytest.mark.parametrize("where", ["a file/run", "no folder/run", "a folder"])
def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path, kind: Any, where: str) -> None:
    (tmp_path / "a file").write_text("")
    (tmp_path / "a folder").mkdir()
    with pytest.raises(InputError, match="cannot write") as caught:
        network().fit(X, T, epochs=1, callbacks=[kind(tmp_path / where)])
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "a folder"]
