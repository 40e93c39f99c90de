"""Ctrl-C while the native engine works: Python is back soon, and what was trained is kept."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

SECONDS = 1.0
"""What is allowed on a slow, shared machine; a tenth of that is what a quiet one shows."""

SCRIPT = """
import sys, time
import numpy as np
from pellucid import Network
from pellucid.layers import Affine, Conv2D, Flatten, MaxPool2D, ReLU
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.optimizers import Adam

x = np.random.default_rng(0).normal(size=({rows}, 200)).astype(np.float32)
t = np.arange(len(x)) % 10
net = Network([Affine({width}), ReLU(), Affine(10)], SoftmaxCrossEntropy(), input_shape=200, engine="native", threads=1)
net.predict(x[:10])
print("ready", flush=True)
try:
    {work}
    print("returned", time.time(), np.isfinite(net.parameters.flat).all(), flush=True)
except KeyboardInterrupt:
    print("raised", time.time(), np.isfinite(net.parameters.flat).all(), flush=True)
"""

FIT = "net.fit(x, t, epochs=10**6, batch_size=32, optimizer=Adam(0.001), verbose=0); assert net.history.interrupted"
IMAGES = """
    layers = [Conv2D({width}, 3, padding="same"), ReLU(), MaxPool2D(), Conv2D({width}, 3), Flatten(), Affine(10)]
    net = Network(layers, SoftmaxCrossEntropy(), input_shape=(2, 10, 10), engine="native", threads=1)
    x = x.reshape(-1, 2, 10, 10)
"""
PREDICT = """
    while True:
        net.predict(x)
"""
EVALUATE = """
    while True:
        net.evaluate(x, t)
"""


def seconds_to_return(work: str, rows: int, width: int, after: float = 0.5) -> tuple[str, float]:
    script = SCRIPT.format(work=work.format(width=width), rows=rows, width=width)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(after)
        asked = time.time()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    how, back, finite = out.split()
    assert finite == "True"
    return how, float(back) - asked


@pytest.mark.parametrize("rows, width", [(3000, 30), (50_000, 1024)])
def test_fit_ends_soon_after_ctrl_c(rows: int, width: int) -> None:
    how, seconds = seconds_to_return(FIT, rows, width)
    assert how == "returned" and seconds < SECONDS


@pytest.mark.parametrize("work, end", [(f"{IMAGES}    {FIT}", "returned"), (IMAGES + PREDICT, "raised")])
def test_work_on_images_ends_soon_after_ctrl_c(work: str, end: str) -> None:
    how, seconds = seconds_to_return(work, 20_000, 64, after=1.0)
    assert how == end and seconds < SECONDS


@pytest.mark.parametrize("work", [PREDICT, EVALUATE], ids=["predict", "evaluate"])
def test_a_long_forward_pass_ends_soon_after_ctrl_c(work: str) -> None:
    how, seconds = seconds_to_return(work, 100_000, 3000)
    assert how == "raised" and seconds < SECONDS


if __name__ == "__main__":
    for name, script in {"fit": FIT, "predict": PREDICT, "evaluate": EVALUATE}.items():
        figures = sorted(seconds_to_return(script, 60_000, 1024, 0.4 + 0.07 * i)[1] * 1000 for i in range(7))
        print(f"{name}: median {figures[3]:.0f} ms, worst {figures[6]:.0f} ms")
