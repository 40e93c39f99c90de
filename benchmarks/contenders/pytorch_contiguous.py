"""PyTorch with images as they come, (N, C, H, W): without a second model that was only tried out, for its memory."""

import torch

from benchmarks.contenders.pytorch import PyTorch
from benchmarks.problems import Data, Problem


def make(problem: Problem, data: Data, threads: int) -> PyTorch:
    torch.set_num_threads(threads)
    return PyTorch(problem, data)
