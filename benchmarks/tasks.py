"""The tasks by name, and who takes part in each."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness import Contestant
from benchmarks.problems import SIGMOID_CROSS_ENTROPY, SQUARED_ERROR, Problem
from benchmarks.stages import Stage

PELLUCID = Contestant("Pellucid", "benchmarks.contenders.pellucid_native")
REFERENCE = Contestant("Pellucid reference", "benchmarks.contenders.pellucid_reference")
PER_SAMPLE = Contestant("per-sample loop", "benchmarks.contenders.per_sample")
NUMPY = Contestant("NumPy", "benchmarks.contenders.numpy_vectorised")
PYTORCH = Contestant("PyTorch", "benchmarks.contenders.pytorch")
JAX = Contestant("JAX", "benchmarks.contenders.jax_scan")
SCIKIT_LEARN = Contestant("scikit-learn", "benchmarks.contenders.scikit_learn")
NUMPY_IMAGES = Contestant("NumPy", "benchmarks.contenders.numpy_im2col")
JAX_IMAGES = Contestant("JAX", "benchmarks.contenders.jax_images")
ONNX_RUNTIME = Contestant("onnxruntime", "benchmarks.contenders.onnx_runtime")

KEYS = {
    "per-sample": PER_SAMPLE,
    "numpy": NUMPY,
    "torch": PYTORCH,
    "jax": JAX,
    "sklearn": SCIKIT_LEARN,
    "onnxruntime": ONNX_RUNTIME,
    "reference": REFERENCE,
}
"""What `--peers` takes, for all contestants of that name; Pellucid's native engine is always there."""
BATCHED = (PELLUCID, NUMPY, PYTORCH, JAX, SCIKIT_LEARN)


@dataclass(frozen=True)
class Task:
    """A competition: one problem, its contestants, and whether its unit is a step or a call."""

    name: str
    title: str
    problem: Problem
    contestants: tuple[Contestant, ...]


def _counted(contestant: Contestant, threads: int) -> Contestant:
    return Contestant(f"{contestant.name}, {threads} thread{'s' * (threads > 1)}", contestant.module, threads)


IMAGES = (PELLUCID, NUMPY_IMAGES, PYTORCH, JAX_IMAGES, _counted(PELLUCID, 2), _counted(PYTORCH, 2))


def _images(stages: tuple[Stage, ...], sizes: tuple[int, ...], steps: int) -> Problem:
    return Problem("train", sizes, optimizer="adam", learning_rate=0.001, batch=100, steps=steps, stages=stages)


# The book's dropout is left out, as each contender would draw other masks.
DEEP = (
    Stage(16, 3, 1),
    Stage(16, 3, 1, pooled=True),
    Stage(32, 3, 1),
    Stage(32, 3, 2, pooled=True),
    Stage(64, 3, 1),
    Stage(64, 3, 1, pooled=True),
)

TASKS = (
    Task(
        "A",
        "Task A, time per step",
        Problem("train", (784, 30, 10), "sigmoid", SQUARED_ERROR, "sgd", 3.0, 10, 5000),
        (PELLUCID, REFERENCE, PER_SAMPLE, NUMPY, PYTORCH, JAX, SCIKIT_LEARN),
    ),
    Task(
        "B",
        "Task B, time per step",
        Problem("train", (784, 50, 10), batch=100, steps=500),
        (PELLUCID, REFERENCE, NUMPY, PYTORCH, JAX, SCIKIT_LEARN),
    ),
    Task(
        "C",
        "Task C, time per step",
        Problem("train", (784, 512, 512, 10), optimizer="adam", learning_rate=0.001, batch=128, steps=390),
        (PELLUCID, REFERENCE, NUMPY, PYTORCH, JAX, SCIKIT_LEARN),
    ),
    Task("D", "Task D, time per step", _images((Stage(30, 5, pooled=True),), (4320, 100, 10), 30), IMAGES),
    Task(
        "lenet",
        "LeNet-5, time per step",
        _images((Stage(6, 5, 2, pooled=True), Stage(16, 5, pooled=True)), (400, 120, 84, 10), 30),
        IMAGES,
    ),
    Task("deep", "DeepConvNet, time per step", _images(DEEP, (1024, 50, 10), 10), IMAGES),
    Task(
        "predict",
        "Predict one sample, time per call",
        Problem("predict", (784, 30, 10), "sigmoid", SQUARED_ERROR, steps=5000),
        (PELLUCID, REFERENCE, NUMPY, PYTORCH, JAX, SCIKIT_LEARN, ONNX_RUNTIME),
    ),
    Task(
        "step-784-30-10",
        "Online step 784-30-10, time per call",
        Problem("step", (784, 30, 10), "sigmoid", SIGMOID_CROSS_ENTROPY, steps=2000),
        (PELLUCID, REFERENCE, PER_SAMPLE, NUMPY, PYTORCH, JAX, SCIKIT_LEARN),
    ),
    Task(
        "step-2-10-1",
        "Online step 2-10-1, time per call",
        Problem("step", (2, 10, 1), "sigmoid", SIGMOID_CROSS_ENTROPY, steps=2000),
        (PELLUCID, REFERENCE, PER_SAMPLE, NUMPY, PYTORCH, JAX, SCIKIT_LEARN),
    ),
)

WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def threads_task(counts: Sequence[int] = (1, 2)) -> Task:
    problem = next(task.problem for task in TASKS if task.name == "C")
    contestants = tuple(_counted(one, count) for one in (PELLUCID, PYTORCH, JAX) for count in counts)
    return Task("threads", "Threads: task C, time per step", problem, contestants)


def width_task(width: int) -> Task:
    problem = Problem("train", (784, width, 10), batch=32, steps=max(60, min(750, 100_000 // width)))
    return Task(f"width {width}", f"784-{width}-10, batch 32", problem, BATCHED)


def batch_task(batch: int) -> Task:
    problem = Problem("train", (784, 128, 10), batch=batch, steps=max(20, min(5000, 20_000 // batch)))
    return Task(f"batch {batch}", f"784-128-10, batch {batch}", problem, BATCHED)
