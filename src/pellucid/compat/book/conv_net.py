"""What the book's two convolutional networks share: accuracies batch by batch, and params in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.compat.book import params_file
from pellucid.compat.book.common.layers import Convolution
from pellucid.compat.book.layered_net import LayeredNet
from pellucid.errors import FormatError, InputError
from pellucid.ops import Array

ConvParam = Mapping[str, int]


class ConvNet(LayeredNet):
    """A network of the book for images (N, C, H, W); rows (N, C·H·W) are read as such."""

    def accuracy(self, x: Any, t: Any, batch_size: int = 100) -> Any:
        """Returns the share of samples whose largest output is the right one. t (N,) class numbers or (N, K) rows.

        Faithful to the original, samples that do not fill the last batch count as wrong.
        """
        t = np.asarray(t)
        if not t.size:
            raise InputError("t has no rows; an accuracy needs at least one sample.")
        right = np.argmax(t, axis=1) if t.ndim != 1 and t.size != len(t) else t.reshape(-1)
        last = len(right) // batch_size * batch_size if self.faithful else len(right)
        found = 0
        for start in range(0, last, batch_size):
            rows = slice(start, start + batch_size)
            found += int(np.sum(np.argmax(self.predict(x[rows]), axis=1) == right[rows]))
        return found / len(right)

    def save_params(self, file_name: str | Path = "params.pkl") -> None:
        """Writes params as the book does, in a pickle."""
        params_file.save_params(file_name, self.params)

    def load_params(self, file_name: str | Path = "params.pkl") -> None:
        """Reads params from a pickle that holds arrays by name, and nothing else.

        Raises:
            InputError: the file cannot be read, or its arrays are not those of this network. FormatError: it holds
                anything but arrays; nothing in it is run.
        """
        found = params_file.load_params(file_name)
        for key, value in self.params.items():
            if key not in found:
                raise FormatError(f"{str(file_name)!r} has no {key!r}; it has {', '.join(found) or 'nothing'}.")
            if found[key].shape != value.shape:
                raise InputError(
                    f"{key} in {str(file_name)!r} has the shape {found[key].shape}, but the network's has "
                    f"{value.shape}; make the network as it was when the file was written."
                )
        for key, value in self.params.items():
            value[...] = found[key]


def checked_sizes(input_dim: Sequence[int], *conv_params: ConvParam) -> tuple[int, int, int]:
    """Returns (C, H, W); raises InputError where it is not that, or a conv_param lacks one of its four numbers."""
    if len(input_dim) != 3:
        raise InputError(f"input_dim must be (channels, height, width), got {tuple(input_dim)}.")
    for conv_param in conv_params:
        missing = {"filter_num", "filter_size", "pad", "stride"} - set(conv_param)
        if missing:
            raise InputError(f"a conv_param has no {', '.join(sorted(missing))}: {dict(conv_param)}.")
    channels, high, wide = input_dim
    return channels, high, wide


def filters(channels: int, conv_param: ConvParam) -> Array:
    """Draws the filters of one convolution from N(0, 1) by np.random.randn, (filter_num, channels, size, size)."""
    size = conv_param["filter_size"]
    return np.random.randn(conv_param["filter_num"], channels, size, size)


def convolution(W: Array, b: Array, conv_param: ConvParam, faithful: bool) -> Convolution:
    """Returns the layer with these filters."""
    return Convolution(W, b, conv_param["stride"], conv_param["pad"], faithful)


def shape_after(shape: Sequence[int], layers: Sequence[Any]) -> tuple[int, ...]:
    """Returns the shape of one sample behind these layers; raises InputError where it does not fit them."""
    found = tuple(shape)
    for layer in layers:
        found = layer.native().output_shape(found)
    return found
