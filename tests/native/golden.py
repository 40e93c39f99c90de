"""Trains small networks in every way and prints the SHA-256 of each one's parameters, outputs and gradients.

python tests/native/golden.py THREADS [THREADS ...]     prints the hashes for each number of threads, as JSON
python tests/native/golden.py --write                   writes golden_hashes.json, beside this file

The hashes are those of every instruction set with fused multiply-add and of any number of threads. They change only
when the order of some sum is changed on purpose: then write them anew, and say so in the changelog.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import Network, Residual, _core, philox
from pellucid.layers import (
    ELU,
    GELU,
    Affine,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    Dropout2D,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Rescale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from pellucid.losses import Huber, MeanAbsoluteError, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from pellucid.schedules import Exponential

HASHES = Path(__file__).with_name("golden_hashes.json")
ROWS, BATCH = 150, 64
"""The last batch has 22 rows. With the widths below, a full step's products are worth sharing among threads."""

OPTIMIZERS: tuple[Optimizer, ...] = (
    SGD(0.1),
    SGD(0.1, weight_decay=0.01, l1=0.001),
    SGD(Exponential(0.5), clip_norm=0.5),
    Momentum(0.02, weight_decay=0.01, clip_value=0.001),
    Nesterov(0.02),
    AdaGrad(0.02),
    RMSprop(0.001, l1=0.001),
    Adam(0.001, weight_decay=0.01),
    AdamW(0.001),
)


def numbers(stream: int, *shape: int) -> Any:
    return philox.normal(5, philox.DATA, stream, shape)


def wide(optimizer: Optimizer, dtype: str, threads: int) -> Network:
    """Images in bytes, dropout, ragged batches, weights of the samples: 135 inputs, 163 hidden units."""
    layers = [Affine(163), ReLU(), Dropout(0.2), Affine(97), Tanh(), Affine(7)]
    net = Network(layers, SoftmaxCrossEntropy(), input_shape=135, seed=2, dtype=dtype, engine="native", threads=threads)
    x = (np.abs(numbers(0, ROWS, 135)) * 60).astype(np.uint8) / np.float32(255)
    t = np.argmax(numbers(1, ROWS, 7), axis=1)
    weight = np.abs(numbers(2, ROWS))
    net.fit(x, t, epochs=2, batch_size=BATCH, optimizer=optimizer, sample_weight=weight, verbose=0)
    return net


def odd(layer: Any, loss: Any, threads: int) -> Network:
    """One activation and one loss, narrow, then wide enough to be shared."""
    layers = [Affine(13), layer, Affine(301), layer, Affine(5)]
    net = Network(layers, loss, input_shape=9, seed=3, engine="native", threads=threads)
    t = np.eye(5)[np.argmax(numbers(4, ROWS, 5), axis=1)] * 0.5 + 0.1
    net.fit(numbers(3, ROWS, 9), t, epochs=2, batch_size=BATCH, optimizer=SGD(0.05), verbose=0)
    return net


def convolutional(optimizer: Optimizer, dtype: str, threads: int) -> Network:
    """Planes and positions, few and many channels, groups, normalisation over the batch, a residual, ragged batches."""
    block = (Conv2D(33, 3, padding="same", groups=3), BatchNorm(), Tanh(), Conv2D(33, (1, 3), padding="same"))
    layers: list[Layer | Residual] = [Rescale(1 / 60), Conv2D(33, 3, stride=(1, 2), padding=(0, 1, 2, 0)), BatchNorm()]
    layers += [ReLU(), MaxPool2D(2), Dropout2D(0.2), Residual(block), AveragePool2D(2, stride=1), Flatten(), Affine(7)]
    net = Network(
        layers, SoftmaxCrossEntropy(), input_shape=(3, 13, 17), seed=4, dtype=dtype, engine="native", threads=threads
    )
    x = (np.abs(numbers(6, ROWS, 3, 13, 17)) * 60).astype(np.uint8)
    t = np.argmax(numbers(7, ROWS, 7), axis=1)
    net.fit(x, t, epochs=2, batch_size=BATCH, optimizer=optimizer, sample_weight=np.abs(numbers(8, ROWS)), verbose=0)
    return net


ODD = (
    (Sigmoid(), MeanSquaredError()),
    (LeakyReLU(), MeanAbsoluteError()),
    (ELU(), Huber(0.5)),
    (GELU(), SoftmaxCrossEntropy()),
    (SiLU(), SigmoidCrossEntropy()),
    (Softplus(), MeanSquaredError()),
    (Softmax(), MeanSquaredError()),
)


def runs() -> dict[str, Callable[[int], Network]]:
    found: dict[str, Callable[[int], Network]] = {}
    for dtype in ("float32", "float64"):
        for rule in OPTIMIZERS:
            found[f"{rule} {dtype}"] = lambda threads, rule=rule, dtype=dtype: wide(rule, dtype, threads)
        for rule in (SGD(0.1), Momentum(0.02, clip_norm=0.5), Adam(0.001)):
            found[f"convolutional {rule} {dtype}"] = lambda threads, rule=rule, dtype=dtype: convolutional(
                rule, dtype, threads
            )
    for layer, loss in ODD:
        found[f"{layer} {loss}"] = lambda threads, layer=layer, loss=loss: odd(layer, loss, threads)
    return found


def digest(net: Network) -> str:
    """Of all parameters, and of what the network makes of some samples."""
    assert net.engine == "native", net.engine_reason
    x = numbers(9, 300, *net.input_shape)
    loss, gradients = net.gradient(x, np.zeros((300, net.output_shape[0])) + 1 / net.output_shape[0])
    parts = [net.parameters.flat, net.predict(x), np.float64(loss), *gradients.values()]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def hashes(threads: int) -> dict[str, str]:
    return {name: digest(run(threads)) for name, run in runs().items()}


def running_threads() -> int:
    """How many threads this process has; 0 where the system does not say."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 0


def main(arguments: list[str]) -> None:
    if arguments == ["--write"]:
        if _core.instruction_set() == "baseline":
            raise SystemExit("this processor has no fused multiply-add, so its bits are not the golden ones.")
        HASHES.write_text(json.dumps(hashes(1), indent=1) + "\n", encoding="utf-8")
        return
    before = running_threads()
    found = {threads: hashes(int(threads)) for threads in arguments}
    started = running_threads() - before
    print(json.dumps({"instruction_set": _core.instruction_set(), "threads_started": started, "hashes": found}))


if __name__ == "__main__":
    main(sys.argv[1:])
