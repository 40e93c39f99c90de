"""The same network in Pellucid: takes in Nielsen's weights (out, in) and biases (n, 1), trains, and gives them back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid import ops
from pellucid.compat.nielsen.samples import Samples, one_hot
from pellucid.engines import Data, check_data, check_samples
from pellucid.errors import InputError, NotFiniteError
from pellucid.initializers import Zeros
from pellucid.layers import Affine, Layer, Sigmoid
from pellucid.losses import Loss, MeanSquaredError
from pellucid.named import Named
from pellucid.network import Network
from pellucid.ops import Array
from pellucid.optimizers import SGD

Columns = list[NDArray[Any]]
Delta = Callable[[Array, Array, Array], Any]


@final
@dataclass(frozen=True, eq=False)
class ScriptsDelta(Loss):
    """The output error as the script's own function says: dl/dz = delta(z, a, y) for one column at a time, a = σ(z).

    The value of the loss is not asked for in training, and is given as 0.
    """

    delta: Delta

    def forward(self, y: Array, t: Array) -> tuple[Array, Named]:
        return np.zeros((len(y), 1), y.dtype), Named(z=y, t=t)

    def backward(self, saved: Named) -> Array:
        rows = zip(saved.z, ops.sigmoid(saved.z), saved.t, strict=True)
        return np.stack([self._one(*(row[:, None] for row in columns)) for columns in rows])

    def _one(self, z: Array, a: Array, y: Array) -> Array:
        found = np.asarray(self.delta(z, a, y))
        if found.size != z.size:
            raise InputError(f"the script's output error has the shape {found.shape}, expected {z.shape}.")
        return found.reshape(-1)

    def link(self, y: Array) -> Array:
        return ops.sigmoid(y)


class Twin:
    """A Pellucid network of sigmoid layers with the given numbers of neurons.

    In float64, as the originals compute: the same seeds then give their numbers, up to the order of sums.
    """

    def __init__(self, sizes: tuple[int, ...], loss: Loss) -> None:
        self.sizes, self.loss = sizes, loss
        layers: list[Layer] = []
        for units in sizes[1:]:
            layers += [Affine(units, weights=Zeros()), Sigmoid()]
        if not isinstance(loss, MeanSquaredError):
            layers.pop()
        engine = "reference" if isinstance(loss, ScriptsDelta) else "auto"
        self.network = Network(layers, loss, input_shape=sizes[0], dtype="float64", engine=engine)
        names = [(f"{2 * index}.W", f"{2 * index}.b") for index in range(len(sizes) - 1)]
        views = self.network.parameters
        self._views = [(views[w], views[b]) for w, b in names]
        self._names = names

    def read(self, weights: Sequence[Any], biases: Sequence[Any]) -> None:
        """Takes in the numbers as they are now."""
        for (w, b), weight, bias in zip(self._views, weights, biases, strict=True):
            w[...] = weight.T
            b[...] = bias[:, 0]

    def weights(self) -> Columns:
        """Returns new arrays (out, in); in memory the other way round, so that `read` copies them quickly."""
        return [w.copy().T for w, _ in self._views]

    def biases(self) -> Columns:
        return [b[:, None].copy() for _, b in self._views]

    def data(self, samples: Samples) -> Data:
        """Returns the samples checked; once for all epochs, as they keep what was found."""
        if samples.held is None or samples.held[0] is not self:
            samples.held = self, check_data(*samples.arrays(self.sizes[0], self.sizes[-1]), self.network.model)
        data: Data = samples.held[1]
        return data

    def train(self, data: Data, order: NDArray[np.int64] | None, batch_size: int, eta: float, decay: float) -> None:
        """Takes one step for each batch of so many rows in that order: w ← (1 − eta decay) w − eta g.

        Raises:
            NotFiniteError: NaN or infinity came up; the parameters are those from before that batch.
        """
        rates = np.full(-(-data.rows // batch_size), float(eta))
        done = self.network.session.train(data, order, batch_size, SGD(1.0, weight_decay=decay), rates)
        if done < len(rates):
            raise NotFiniteError(
                f"NaN or infinity came up in batch {done}; weights and biases are those from before it, try a "
                "smaller eta."
            )

    def gradient(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[Columns, Columns]:
        """Returns dC/db as columns and dC/dw as (out, in), layer by layer, averaged over the rows.

        Not by Network.gradient, whose checks of a data set take longer than one sample's gradient.
        """
        _, found = self.network.session.gradient(Data(x, one_hot(y, self.sizes[-1]), None, False, None))
        return [found[b][:, None] for _, b in self._names], [found[w].T for w, _ in self._names]

    def cost(self, samples: Samples) -> float:
        """Returns the mean of the samples' costs."""
        return self.network.session.evaluate(self.data(samples)).metrics(countable=False)["loss"]

    def activations(self, samples: Samples) -> NDArray[Any]:
        """Returns the output layer's activations (N, outputs), of samples that are checked when first seen."""
        x, _ = samples.arrays(self.sizes[0], self.sizes[-1])
        if not samples.checked:
            check_samples(x, self.network.model)
            samples.checked = True
        return self.loss.link(self.network.session.predict(x))


def twin_sizes(weights: Sequence[Any], biases: Sequence[Any]) -> tuple[int, ...]:
    """Returns the numbers of neurons that the arrays stand for; raises InputError where they do not chain."""
    if len(weights) != len(biases) or not len(weights):
        raise InputError(f"there are {len(weights)} weights and {len(biases)} biases; each layer needs one of each.")
    before: int | None = None
    for index, (w, b) in enumerate(zip(weights, biases, strict=True)):
        if np.ndim(w) != 2 or np.ndim(b) != 2 or not isinstance(w, np.ndarray) or not isinstance(b, np.ndarray):
            raise InputError(f"weights[{index}] must be an array (out, in) and biases[{index}] an array (out, 1).")
        if b.shape != (w.shape[0], 1):
            raise InputError(
                f"biases[{index}] has the shape {b.shape}, but weights[{index}] has {w.shape}: ({w.shape[0]}, 1) fits."
            )
        if before not in (None, w.shape[1]):
            raise InputError(
                f"weights[{index}] has the shape {w.shape}, but the layer before it has {before} neurons: "
                f"({w.shape[0]}, {before}) fits."
            )
        before = w.shape[0]
    return (weights[0].shape[1], *(len(w) for w in weights))
