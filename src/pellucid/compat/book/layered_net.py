"""What the book's networks share: params by name, layers in order, and passes that run natively where they can."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from pellucid.compat.book.common.gradient import numerical_gradient
from pellucid.compat.book.common.layers import BatchNormalization, Dropout, SoftmaxWithLoss
from pellucid.compat.book.twin import TrainingTwin, Twin
from pellucid.compat.switch import is_faithful
from pellucid.errors import InputError
from pellucid.ops import Array


class LayeredNet:
    """A network of the book: `params`, `layers`, predict, loss, accuracy, gradient and numerical_gradient.

    `params` is a plain dictionary. Its arrays can be changed in place or replaced, and the network follows; so can a
    layer's own W and b. A pass runs in one call on the native engine, unless a layer was replaced or the original's
    behaviour is wanted: then layer by layer.
    """

    last_name = "last_layer"
    """The attribute under which scripts know the layer with the loss."""
    through: tuple[str, ...] = ("predict", "loss")
    """The methods that gradient goes through, which a script's subclass may have made its own."""

    def __init__(self, faithful: bool | None = None) -> None:
        self.faithful = is_faithful(faithful)
        self.params: dict[str, Array] = {}
        self.layers: Any = OrderedDict()
        self._links: dict[str, tuple[Any, str]] = {}
        self._seen: dict[str, Array] = {}
        self._built: tuple[Any, ...] = ()
        self._twin: Twin | None = None
        self._training_twin: TrainingTwin | None = None
        self._generator: Any = None

    def _finish(self, *input_shape: int) -> None:
        """Notes which layer reads which of the params, and what the layers were."""
        setattr(self, self.last_name, SoftmaxWithLoss(faithful=self.faithful))
        keys = {id(value): key for key, value in self.params.items()}
        for place, layer in self._in_order():
            self._links |= {keys[id(getattr(layer, name))]: (place, name) for name in layer.learns}
        self._seen = dict(self.params)
        self._built = (*(layer for _, layer in self._in_order()), self._last)
        self._input_shape = input_shape or (int(self.params["W1"].shape[0]),)
        if not self.faithful:
            self._make_twin()

    @property
    def _last(self) -> Any:
        return getattr(self, self.last_name)

    def _in_order(self) -> list[tuple[Any, Any]]:
        """The layers with their places, names or numbers, first to last."""
        return list(enumerate(self.layers) if isinstance(self.layers, list) else self.layers.items())

    # What scripts call -----------------------------------------------------------------------------------------------

    def predict(self, x: Any) -> Array:
        """Returns the outputs of the last layer before the softmax, (N, K)."""
        return self._logits(x, False)

    def loss(self, x: Any, t: Any) -> Any:
        """Returns the mean cross-entropy of softmax(predict(x)) against t, plus the weight decay's share."""
        return self._loss(x, t, False)

    def accuracy(self, x: Any, t: Any) -> Any:
        """Returns the share of samples whose largest output is the right one. t (N,) class numbers or (N, K) rows."""
        t = np.asarray(t)
        if not t.size:
            raise InputError("t has no rows; an accuracy needs at least one sample.")
        right = np.argmax(t, axis=1) if t.ndim != 1 and t.size != len(t) else t.reshape(-1)
        return np.sum(np.argmax(self.predict(x), axis=1) == right) / float(len(right))

    def gradient(self, x: Any, t: Any) -> dict[str, Array]:
        """Returns dloss/dparams under the params' names, by error backpropagation."""
        self._follow()
        if self._runs_natively(*self.through):
            self._last.loss = self._native(True).gradient(x, t)
            self._last.t = t
            self._postpone(x, t, True)
        else:
            self._prepare_backward(x, t)
            dout = self._last.backward(1)
            for _, layer in reversed(self._in_order()):
                dout = layer.backward(dout)
        return {key: self._with_decay(key, self.layers[place], name) for key, (place, name) in self._links.items()}

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Array]:
        """Returns the same by numeric differentiation: two forward passes per number. Slow; it is there to compare.

        Every pass has the dropout masks that a call of gradient in its place would draw. Running averages and the
        generator are put back. The original draws new masks for each pass, so that with dropout its numbers are noise.
        """
        self._follow()
        with self._same_in_every_pass():
            return {
                key: numerical_gradient(lambda _: self._training_loss(x, t), self.params[key]) for key in self._links
            }

    # How it is done --------------------------------------------------------------------------------------------------

    def _training_loss(self, x: Any, t: Any) -> Any:
        """The loss as it is in training."""
        self._begin_pass()
        return self.loss(x, t)

    def _begin_pass(self) -> None:
        """Sets the generator back where every pass is to draw the same masks."""
        if self._generator is not None:
            np.random.set_state(self._generator)

    @contextmanager
    def _same_in_every_pass(self) -> Iterator[None]:
        if self.faithful:
            yield
            return
        layers = [layer for _, layer in self._in_order()]
        norms = [layer for layer in layers if isinstance(layer, BatchNormalization)]
        running = [(layer.running_mean, layer.running_var) for layer in norms]
        if any(isinstance(layer, Dropout) for layer in layers):
            self._generator = np.random.get_state()
        try:
            yield
        finally:
            self._begin_pass()
            self._generator = None
            for layer, (mean, variance) in zip(norms, running, strict=True):
                layer.running_mean, layer.running_var = mean, variance

    def _prepare_backward(self, x: Any, t: Any) -> None:
        """Has every layer keep what its backward needs."""
        self._training_loss(x, t)

    def _logits(self, x: Any, training: bool) -> Array:
        self._follow()
        if self._runs_natively() and (twin := self._native(training)).by_rows:
            y = twin.predict(x)
            self._postpone(x, None, training)
            return y
        return self._walk(x, None, training)

    def _loss(self, x: Any, t: Any, training: bool) -> Any:
        self._follow()
        if self._runs_natively("predict") and (twin := self._native(training)).by_rows:
            loss = np.float64(twin.loss(x, t))
            self._last.loss, self._last.t = loss, t
            self._postpone(x, t, training)
        else:
            loss = self._last.forward(self._outputs(x, training), t)
        return loss + self._decay() if self._weight_decay else loss

    def _outputs(self, x: Any, training: bool) -> Array:
        """The logits by way of `predict`, which a script's subclass may have made its own."""
        return self.predict(x)

    def _walk(self, x: Any, t: Any, training: bool, again: bool = False) -> Array:
        """Runs forward layer by layer, each keeping what its backward needs; `again` with the masks of before."""
        y = np.asarray(x).astype(float) if np.asarray(x).dtype == np.float16 else np.asarray(x)
        for place, layer in self._in_order():
            name = str(place)
            two_ways = getattr(layer, "only_in_training", "Dropout" in name or "BatchNorm" in name)
            if two_ways and training and again and hasattr(layer, "repeat"):
                y = layer.repeat(y)
            else:
                y = layer.forward(y, training) if two_ways else layer.forward(y)
        if t is not None:
            self._last.forward(y, t)
        return y

    def _postpone(self, x: Any, t: Any, training: bool) -> None:
        """Has the layers repeat a native pass one by one where a script asks for what they keep."""
        repeat = partial(self._walk, x, t, training, again=True)
        for layer in self._built[:-1]:
            layer.catch_up = repeat
        if t is not None:
            self._last.catch_up = repeat

    def _runs_natively(self, *through: str) -> bool:
        if self._twin is None or (*(layer for _, layer in self._in_order()), self._last) != self._built:
            return False
        return all(getattr(type(self), name).__module__.startswith("pellucid.") for name in through)

    def _follow(self) -> None:
        """Brings params and layers together where a script has replaced an array."""
        for key, (place, name) in self._links.items():
            layer = self.layers[place]
            if key not in self.params:
                raise InputError(f"params has no {key!r} any more; put an array of its shape back.")
            value, own = self.params[key], getattr(layer, name)
            if value is not own:
                if value is self._seen[key]:
                    value = self.params[key] = own
                else:
                    setattr(layer, name, value)
            self._seen[key] = value
        if self._twin is None and not self.faithful:
            self._make_twin()

    def _native(self, training: bool) -> Twin:
        """Returns the network for prediction, or for training where that is another."""
        twin = (training and self._training_twin) or self._twin
        assert twin is not None, "checked by _runs_natively"
        return twin

    def _make_twin(self) -> None:
        layers = self._built[:-1]
        self._twin = Twin(layers, self._input_shape)
        if any(layer.only_in_training for layer in layers):
            self._training_twin = TrainingTwin(layers, self._input_shape)
        (self._training_twin or self._twin).hold()
        for key, (place, name) in self._links.items():
            self.params[key] = self._seen[key] = getattr(self.layers[place], name)

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes its native networks anew."""
        return self.__dict__ | {"_twin": None, "_training_twin": None}

    # Weight decay ----------------------------------------------------------------------------------------------------

    @property
    def _weight_decay(self) -> float:
        return getattr(self, "weight_decay_lambda", 0)

    def _decay(self) -> Any:
        """½ λ Σ W²"""
        weights = (value for key, value in self.params.items() if key.startswith("W"))
        return sum(0.5 * self._weight_decay * np.sum(w**2) for w in weights)

    def _with_decay(self, key: str, layer: Any, name: str) -> Array:
        gradient: Array = getattr(layer, f"d{name}")
        return (
            gradient + self._weight_decay * getattr(layer, name)
            if key.startswith("W") and self._weight_decay
            else gradient
        )


def fully_connected(sizes: list[int], scales: list[float]) -> dict[str, Array]:
    """Returns W1, b1, W2, b2, ...: weights scale · N(0, 1) by np.random.randn, biases 0, in the order of the book."""
    params = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        params[f"W{number}"] = scales[number - 1] * np.random.randn(inputs, outputs)
        params[f"b{number}"] = np.zeros(outputs)
    return params
