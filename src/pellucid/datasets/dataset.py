"""What every reader gives: three parts of inputs and targets, and what is known about them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Part = tuple[Array, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs and targets to train on, to choose settings with (validation) and to report on (test).

    Each part is (x, t): x (N, features), floating or uint8; t (N,) int64 class numbers for classification,
    or (N, outputs) values for regression. Parts may be empty (N = 0), never absent.
    class_names: one per class number, None for regression. feature_names: one per column of x, where known.
    image_shape: (channels, height, width) where a row of x is an image, so that
    x.reshape(-1, *image_shape) gives the images.
    """

    train: Part
    validation: Part
    test: Part
    name: str = "data"
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, int, int] | None = None

    @property
    def n_features(self) -> int:
        """The number of columns of x."""
        return int(self.train[0].shape[1])

    @property
    def n_classes(self) -> int | None:
        """The number of classes, None for regression."""
        return None if self.class_names is None else len(self.class_names)

    @property
    def n_outputs(self) -> int:
        """The outputs a network needs: one per class, or one per target value."""
        return self.n_classes or int(self.train[1].shape[1])

    @property
    def task(self) -> str:
        """'classification' or 'regression'."""
        return "regression" if self.class_names is None else "classification"

    def __repr__(self) -> str:
        lines = [f"Dataset {self.name!r}: {self.task}, {self.n_features} features, {self._outputs()}"]
        if self.image_shape is not None:
            lines[0] += ", images " + " x ".join(map(str, self.image_shape))
        for label, (x, t) in (("train", self.train), ("validation", self.validation), ("test", self.test)):
            lines.append(f"  {label:<10}  x {_describe(x)}  t {_describe(t)}")
        return "\n".join(lines)

    def _outputs(self) -> str:
        if self.class_names is None:
            return f"{self.n_outputs} target value{'s' if self.n_outputs > 1 else ''}"
        shown = ", ".join(self.class_names[:10]) + (", ..." if len(self.class_names) > 10 else "")
        return f"{len(self.class_names)} classes ({shown})"


def _describe(array: Array) -> str:
    return f"{array.shape} {np.dtype(array.dtype).name}"
