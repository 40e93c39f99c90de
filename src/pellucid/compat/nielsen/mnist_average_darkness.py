"""Nielsen's naive baseline: a digit is told by how dark its image is, compared with each digit's average darkness.

Source: M. Nielsen, Neural Networks and Deep Learning, chapter 1.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.compat.nielsen import mnist_loader
from pellucid.errors import InputError


def main() -> None:
    """Prints how many test images are told right: 2225 of 10000."""
    training_data, _, (images, digits) = mnist_loader.load_data()
    averages = avg_darknesses(training_data)
    right = sum(int(guess_digit(image, averages) == digit) for image, digit in zip(images, digits, strict=True))
    print("Baseline classifier using average darkness of image.")
    print(f"{right} of {len(digits)} values correct.")


def avg_darknesses(training_data: Sequence[Any]) -> defaultdict[int, float]:
    """Returns digit -> the mean over its images (N, 784) of the sum of their pixels."""
    images, digits = (np.asarray(part) for part in training_data)
    if images.ndim != 2 or digits.shape != images.shape[:1]:
        raise InputError(f"training_data must be (images (N, 784), digits (N,)), got {images.shape}, {digits.shape}.")
    darkness = images.sum(axis=1, dtype=np.float64)
    # In the order in which the digits first come: where two are equally near, the original takes the earlier.
    averages: defaultdict[int, float] = defaultdict(float)
    for digit in dict.fromkeys(digits.tolist()):
        averages[digit] = float(darkness[digits == digit].mean())
    return averages


def guess_digit(image: Any, avgs: Mapping[int, float]) -> int:
    """Returns the digit whose average darkness is nearest to the image's."""
    darkness = float(np.sum(image, dtype=np.float64))
    return min(avgs, key=lambda digit: abs(avgs[digit] - darkness))


if __name__ == "__main__":
    main()
