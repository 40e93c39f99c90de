"""What experiments on images share: MNIST as images, dropout as the books scale it, and which images are mistaken."""

from typing import Any

from pellucid.layers import Dropout, Layer, Rescale
from pellucid.layers.base import Shape
from pellucid.reproduce.setting import Part, Rows

IMAGE: Shape = (1, 28, 28)


def pictured(part: Part) -> Part:
    """Returns the rows of 784 numbers as images (N, 1, 28, 28)."""
    return part[0].reshape(-1, *IMAGE), part[1]


def books_dropout(rate: float) -> list[Layer]:
    """Returns dropout as both books write it: numbers kept stay as they are, and prediction scales all by 1 − rate.

    Pellucid's Dropout scales those kept by 1 / (1 − rate) instead, which Rescale takes back.
    """
    return [Dropout(rate), Rescale(1.0 - rate)]


def mistakes(images: Rows, digits: Any, answers: Any, count: int = 20) -> dict[str, Rows]:
    """Returns the first images whose answer is wrong, by a title that names the image, the digit and the answer."""
    wrong = [place for place in range(len(images)) if digits[place] != answers[place]][:count]
    return {f"{place}: {digits[place]} as {answers[place]}": images[place, 0] for place in wrong}
