"""The face: a network of layers with a loss, and every verb that a user needs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import checkpoint, gradient_check, training
from pellucid import trace as tracing
from pellucid.checks import is_whole
from pellucid.engines import Model, OptimizerState, check_data, check_samples
from pellucid.engines.choice import choose_engine, plan_of
from pellucid.engines.protocol import QuickStep
from pellucid.errors import InputError
from pellucid.layers import Layer
from pellucid.layers.graph import Graph, Residual
from pellucid.losses import Loss
from pellucid.ops import Array
from pellucid.optimizers import SGD, Optimizer
from pellucid.parameters import Parameters
from pellucid.plan.ir import Plan
from pellucid.training import Session
from pellucid.training.gradients import check_out, flat_gradient
from pellucid.training.session import checked_optimizer

if TYPE_CHECKING:
    from pellucid.datasets import Augment
    from pellucid.engines.choice import LoweredPlan
    from pellucid.training import Callback, History


class Network:
    """A network trained by error backpropagation: layers in order, a loss, and one flat parameter vector.

    Args:
        layers: the layers, first to last; or a `Graph` of them, where some read more than the layer before.
        loss: what training makes small; may be left out for a network that only predicts.
        input_shape: the shape of one sample, such as (784,) or (1, 28, 28); a number n means (n,).
        seed: 0 or more; decides initial values, shuffles and dropout. The same seed gives the same bits.
        dtype: "float32" or "float64".
        engine: "native", "reference", or "auto": native wherever the network can be recorded.
        threads: how many threads the native engine may use; None chooses.

    Raises:
        InputError: where layers and shapes do not chain, naming the layer and both shapes; where a layer of a graph
            leads nowhere.
    """

    def __init__(
        self,
        layers: Graph | Iterable[Layer | Residual],
        loss: Loss | None = None,
        *,
        input_shape: int | Sequence[int],
        seed: int = 0,
        dtype: DTypeLike = "float32",
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        shape = _checked_shape(input_shape)
        self.model = Model(layers, _checked_loss(loss), shape, _checked_seed(seed), _checked_dtype(dtype))
        self.threads = threads
        chosen, self.engine_reason = choose_engine(self.model, engine, threads)
        self.session = Session(self.model, chosen)
        self._quick_predict = chosen.quick_predict
        self._quick_step: QuickStep | None = None
        self._quick_key: tuple[Optimizer | None, OptimizerState | None, bool] = (None, None, False)

    # What it is ------------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.model.layers

    @property
    def loss(self) -> Loss | None:
        return self.model.loss

    @property
    def seed(self) -> int:
        return self.model.seed

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.model.dtype

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.model.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.model.output_shape

    @property
    def engine(self) -> str:
        """Which engine runs this network: "native" or "reference"; `engine_reason` says why."""
        return self.session.engine.name

    @property
    def history(self) -> "History | None":
        """The history of the last `fit`."""
        return self.session.history

    @history.setter
    def history(self, history: "History | None") -> None:
        self.session.history = history

    @property
    def parameters(self) -> Parameters:
        """The parameters by name, such as "0.W": views that can be read and written in place."""
        return self.model.parameters

    def __repr__(self) -> str:
        lines = [f"Network on the {self.engine} engine, {self.dtype}, {self.parameters.counts}"]
        lines.append(f"  input          {self.input_shape}")
        for index, layer in enumerate(self.layers):
            lines.append(f"  {index}  {layer!s:<50} -> {self.model.shapes[index + 1]}{self._reads(index)}")
        lines.append(f"  loss           {self.loss}")
        return "\n".join(lines)

    def _reads(self, index: int) -> str:
        """What a layer reads, where that is not just the layer before it."""
        numbers = self.model.inputs[index]
        if numbers == (index,):
            return ""
        return f"  reads {', '.join('the input' if number == 0 else f'layer {number - 1}' for number in numbers)}"

    # Using it --------------------------------------------------------------------------------------------------------

    def predict(self, x: Any) -> Array:
        """Returns the outputs (N, ...) of the last layer for samples x (N, *input_shape)."""
        y = self._quick_predict(x)
        return self.session.engine.predict(check_samples(x, self.model)) if y is None else y

    def probabilities(self, x: Any) -> Array:
        """Returns the outputs as the loss reads them: softmax or sigmoid of the logits; else the outputs themselves."""
        y = self.predict(x)
        return y if self.loss is None else self.loss.link(y)

    def classify(self, x: Any) -> NDArray[np.int64]:
        """Returns the class number (N,) of each sample: the largest output; for one output, whether it is the 1."""
        y = self.predict(x)
        if y.ndim != 2:
            raise InputError(f"classify needs one vector of outputs per sample, this network gives {y.shape[1:]}.")
        return np.argmax(y, axis=1) if self.loss is None else self.loss.classes(y)

    def evaluate(self, x: Any, t: Any, *, sample_weight: Any = None) -> dict[str, float]:
        """Returns {"loss": ..., "accuracy": ...} over all samples; no accuracy where t are not classes."""
        data = check_data(x, t, self.model, sample_weight)
        return self.session.evaluate(data).metrics(data.classes is not None)

    # Training it -----------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        t: Any,
        *,
        epochs: int = 10,
        batch_size: int | None = 32,
        optimizer: Optimizer | None = None,
        validation_data: tuple[Any, Any] | None = None,
        validation_fraction: float | None = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | str | None = None,
        shuffle: bool = True,
        augment: "Augment | None" = None,
        initial_epoch: int = 0,
        resume: str | Path | None = None,
        callbacks: "Sequence[Callback]" = (),
        verbose: int | str = "auto",
    ) -> "History":
        """Trains on batches of x and t, epoch after epoch; see `pellucid.training.fit` for the arguments."""
        return training.fit(
            self.session,
            x,
            t,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer if optimizer is not None else SGD(),
            validation_data=validation_data,
            validation_fraction=validation_fraction,
            sample_weight=sample_weight,
            class_weight=class_weight,
            shuffle=shuffle,
            augment=augment,
            initial_epoch=initial_epoch,
            resume=resume,
            callbacks=callbacks,
            verbose=verbose,
            network=self,
        )

    def step(self, x: Any, t: Any, optimizer: Optimizer, *, sample_weight: Any = None) -> float:
        """Makes one update from one batch and returns the batch's loss from before it.

        The optimizer's memory is kept between calls, as long as an equal optimizer is given.

        Raises:
            InputError: x, t or sample_weight do not fit, or are fewer rows than some layer needs in training.
            NotFiniteError: NaN or infinity came up; nothing was changed.
        """
        quick = self._quick_step
        known = self._quick_key[0]
        if quick is not None and sample_weight is None and (optimizer is known or optimizer == known):
            loss = quick.step(x, t)
            if loss is not None:
                return loss
        return self._step(x, t, optimizer, sample_weight)

    def _step(self, x: Any, t: Any, optimizer: Optimizer, sample_weight: Any) -> float:
        data = check_data(x, t, self.model, sample_weight)
        self.model.check_batches(data.rows, data.rows)
        loss = self.session.step(data, checked_optimizer(optimizer))
        self._make_ready(optimizer, labels=np.ndim(t) == 1 and self.output_shape != (1,))
        return loss

    def _make_ready(self, optimizer: Optimizer, labels: bool) -> None:
        """Prepares the quick way for steps that come in the same form as the last one; it does not count rows."""
        state = self.session.optimizer_state(optimizer)
        if self.model.least_rows == 1 and self._quick_key != (optimizer, state, labels):
            self._quick_key = (optimizer, state, labels)
            self._quick_step = self.session.engine.quick_step(state, labels)

    def gradient(
        self, x: Any, t: Any, training: bool = False, *, sample_weight: Any = None, out: Array | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Returns the loss and its gradient by the parameters' names, over all rows as one batch.

        The arrays are views into one vector, which is laid out like `parameters.flat`: `out`, where it is given.

        Args:
            x, t, sample_weight: as for `evaluate`.
            training: whether layers do as in the next `step`, with its dropout masks and the batch's own statistics.
                Under the names of running values stand those from after this batch; `apply` puts them in place.
                Otherwise layers do as in prediction, and the vector holds the running values as they are.
            out: an array like `parameters.flat`.

        Raises:
            InputError: x, t, sample_weight or out do not fit, or, in training, are fewer rows than some layer needs.
        """
        if out is not None:
            if training and sample_weight is None:
                found = self.session.quick_gradient(x, t, out)
                if found is not None:
                    return found
            check_out(out, self.parameters)
        data = check_data(x, t, self.model, sample_weight)
        if training:
            self.model.check_batches(data.rows, data.rows)
            if out is not None:
                self.session.prepare_gradient(out, labels=np.ndim(t) == 1 and self.output_shape != (1,))
        return self.session.gradient(data, bool(training), out)

    def apply(self, gradient: Mapping[str, Any] | Array, optimizer: Optimizer) -> None:
        """Makes one update from a gradient: clipping, decay, the optimizer's memory, its schedule, the running values.

        `apply(gradient(x, t, training=True)[1], optimizer)` is `step(x, t, optimizer)`, to the bit on the same engine;
        but for rounding where the native engine folds plain SGD's learning rate into the product.
        The mean of several gradients is that of their rows together, where these are equally many, and but for batch
        statistics.

        Args:
            gradient: by name, as `gradient` returns it, or the vector that was its `out`.
            optimizer: as for `step`.

        Raises:
            InputError: a name, a shape or a type does not fit.
            NotFiniteError: NaN or infinity is in the gradient, or came up; nothing was changed.
        """
        optimizer = checked_optimizer(optimizer)
        self.session.apply(flat_gradient(gradient, self.parameters), optimizer)

    def optimizer_state(self, optimizer: Optimizer) -> OptimizerState:
        """Returns the memory that `step` keeps for this optimizer, new where another one was used before."""
        return self.session.optimizer_state(checked_optimizer(optimizer))

    # Seeing through it -----------------------------------------------------------------------------------------------

    def check_gradients(self, x: Any, t: Any, **options: Any) -> "gradient_check.GradientReport":
        """Compares backpropagation with numeric differentiation; see `pellucid.gradient_check.check_gradients`."""
        return gradient_check.check_gradients(self.model, x, t, **options)

    def trace(self, x: Any, t: Any, optimizer: Optimizer | None = None) -> "tracing.Trace":
        """Returns every number of one forward and backward pass, by name, and of the update that `step` would make."""
        data = check_data(x, t, self.model)
        if optimizer is None:
            return tracing.trace(self.model, data)
        return tracing.trace(self.model, data, self.session.memory(checked_optimizer(optimizer)))

    @overload
    def plan(
        self,
        kind: str = "step",
        optimizer: Optimizer | None = None,
        *,
        form: Literal["recorded", "rewritten"] = "recorded",
    ) -> Plan: ...
    @overload
    def plan(
        self, kind: str = "step", optimizer: Optimizer | None = None, *, form: Literal["lowered"]
    ) -> "LoweredPlan": ...
    def plan(
        self, kind: str = "step", optimizer: Optimizer | None = None, *, form: str = "recorded"
    ) -> "Plan | LoweredPlan":
        """Returns what the network does as a plan: print it, `run` it in NumPy, keep it by `to_json`.

        Args:
            kind: "predict", "evaluate", "gradient" (in training, the first half of a step), "apply" (the second half)
                or "step". Targets are class numbers where the network has several outputs.
            optimizer: of "apply" and "step"; the one that trained last unless given, SGD where none has.
            form: "recorded", "rewritten" for the native engine, or "lowered", as the C++ core is given it.

        Raises:
            InputError: an unknown kind or form. OutsideVocabulary: something in the network is not an op.
        """
        return plan_of(self.model, kind, optimizer or self.session.last_optimizer or SGD(), form)

    # Keeping it ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Writes layers, loss and parameters to one safetensors file, all or nothing."""
        checkpoint.save(path, self.model)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        engine: str = "auto",
        threads: int | None = None,
        custom: Sequence[type] = (),
    ) -> "Network":
        """Returns the network that a file holds; layers of your own must be named in `custom`.

        Raises:
            CheckpointError: a damaged file, a newer version, or a layer that is not known.
        """
        read = checkpoint.load(path, custom)
        network = cls(
            read.layers,
            read.loss,
            input_shape=read.input_shape,
            seed=read.seed,
            dtype=read.dtype,
            engine=engine,
            threads=threads,
        )
        checkpoint.restore_parameters(network.parameters, read.parameters, path)
        return network


def _checked_loss(loss: Any) -> Loss | None:
    if loss is None or isinstance(loss, Loss):
        return loss
    if isinstance(loss, type):
        raise InputError(f"loss is the class {loss.__name__}; make one: {loss.__name__}().")
    raise InputError(f"loss is {loss!r:.80}, not a loss; see pellucid.losses.")


def _checked_shape(input_shape: Any) -> tuple[int, ...]:
    shape = tuple(input_shape) if isinstance(input_shape, Iterable) else (input_shape,)
    if not shape or not all(is_whole(n) and n >= 1 for n in shape):
        raise InputError(f"input_shape must hold whole numbers of 1 or more, such as (784,), got {input_shape!r:.80}.")
    return tuple(int(n) for n in shape)


def _checked_seed(seed: Any) -> int:
    if not is_whole(seed) or not 0 <= seed < 2**64:
        raise InputError(f"seed must be an integer from 0 to 2**64 - 1, got {seed!r:.80}.")
    return int(seed)


def _checked_dtype(dtype: Any) -> np.dtype[Any]:
    try:
        checked: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise InputError(f"dtype must be 'float32' or 'float64', got {dtype!r:.80}.") from None
    if checked not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InputError(f"dtype must be 'float32' or 'float64', got {checked.name!r}.")
    return checked
