"""Trains in child processes, kills each with SIGKILL at a random moment, resumes it, and compares the final weights.

    python kill_runs.py FOLDER KILLS SEED

Children are forked from this process, which has imported everything and trained nothing, so that a kill costs little.
Prints one JSON object: the hash of a run that was never stopped, those of the resumed ones, and how many kills came
before the first checkpoint, amid the writing of one, and in all.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import Network, datasets
from pellucid.layers import Affine, Dropout, Sigmoid
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.optimizers import Adam
from pellucid.schedules import ReduceOnPlateau
from pellucid.training import Checkpoint, EarlyStopping, History

ROWS, EPOCHS = 300, 4


def new_network() -> Network:
    return Network(
        [Affine(16), Sigmoid(), Dropout(0.1), Affine(10)],
        loss=SoftmaxCrossEntropy(),
        input_shape=(64,),
        seed=3,
        engine=os.environ.get("PELLUCID_TEST_ENGINE", "auto"),
    )


def train(folder: Path, data: Any) -> None:
    """One run, resumed where a checkpoint is there; leaves the hash of its weights and its history."""
    x, t = data.train
    network = new_network()
    path = folder / "run.safetensors"
    history = network.fit(
        x[:ROWS],
        t[:ROWS],
        epochs=EPOCHS,
        batch_size=7,
        optimizer=Adam(ReduceOnPlateau(0.01, patience=1, threshold=0.2)),
        validation_data=data.validation,
        resume=path if path.exists() else None,
        callbacks=[EarlyStopping(patience=3), Checkpoint(path, every_batches=9, every_epochs=1)],
        verbose=0,
    )
    (folder / "result").write_text(json.dumps([digest(network), exact(history)]))


def digest(network: Network) -> str:
    return hashlib.sha256(np.ascontiguousarray(network.parameters.flat).tobytes()).hexdigest()


def exact(history: History) -> str:
    timed = ("seconds", "samples_per_second")
    kept = {name: values for name, values in history.items() if name not in timed}
    return hashlib.sha256(json.dumps([history.epochs, kept]).encode()).hexdigest()


def start(folder: Path, data: Any) -> int:
    child = os.fork()
    if child:
        return child
    try:
        train(folder, data)
        os._exit(0)
    except BaseException as error:
        print(f"child failed: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


def finish(folder: Path, data: Any) -> list[str]:
    _, status = os.waitpid(start(folder, data), 0)
    if status != 0:
        raise SystemExit(f"a run in {folder} ended with status {status}")
    result: list[str] = json.loads((folder / "result").read_text())
    return result


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    data = datasets.digits()
    new_network()  # Loads the engine, before there are children to load it each on its own.
    chance = random.Random(seed)
    (folder / "unbroken").mkdir()
    began = time.perf_counter()
    unbroken = finish(folder / "unbroken", data)
    duration = time.perf_counter() - began
    resumed, early, amid, attempt = [], 0, 0, 0
    while len(resumed) < kills:
        attempt += 1
        own = folder / str(attempt)
        own.mkdir()
        child = start(own, data)
        time.sleep(chance.random() * duration)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if status != signal.SIGKILL:
            continue  # It was faster than the signal; that is no kill.
        early += not (own / "run.safetensors").exists()
        amid += any(own.glob(".*.tmp"))
        resumed.append(finish(own, data))
    print(json.dumps({"unbroken": unbroken, "resumed": resumed, "early": early, "amid": amid}))


if __name__ == "__main__":
    main()
