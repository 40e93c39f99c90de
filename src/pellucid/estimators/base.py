"""What both estimators share: the arguments' limits, and the way from fit's arguments to the fitted attributes."""

import warnings
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pellucid.engines import OptimizerState
from pellucid.errors import InputError
from pellucid.estimators import building, keeping, lbfgs
from pellucid.estimators.arguments import Arguments
from pellucid.estimators.convergence import Convergence
from pellucid.estimators.epochs import EpochRun
from pellucid.estimators.rows import SparseRows, parts_of, rows_of
from pellucid.estimators.rules import AdamByBatch, LearningRate, MomentumByBatch, NesterovByBatch
from pellucid.estimators.samples import Samples, Targets, bound_of
from pellucid.losses import Loss
from pellucid.network import Network
from pellucid.ops import Array
from pellucid.optimizers import Optimizer

_OF_STEPS = (
    ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "stopped_")
    + ("_optimizer", "_state", "_split_from", "_rows_in_order", "_best_parameters")
)  # fmt: skip


def solves_in_steps(estimator: "BaseMLP") -> bool:
    """Whether the solver can take single steps; raises AttributeError, as `available_if` wants it, where not."""
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for the solvers 'sgd' and 'adam', not for 'lbfgs'.")
    return True


class BaseMLP(Arguments):
    """A multi-layer perceptron behind scikit-learn's interface; use MLPClassifier or MLPRegressor."""

    # What the estimators say about themselves ------------------------------------------------------------------------

    _numbers_as_y: ClassVar[bool]
    """Whether y are numbers, and not labels of any kind."""

    @abstractmethod
    def _loss(self) -> Loss:
        """Returns the loss that the arguments name."""

    @abstractmethod
    def _output_activation(self) -> str:
        """Returns scikit-learn's name of what stands behind the last layer."""

    @abstractmethod
    def _encode(self, y: Any, fresh: bool, incremental: bool) -> Targets:
        """Returns y for the engine; raises ValueError where it cannot be learnt."""

    def _class_weights(self, y: Any, incremental: bool) -> NDArray[np.float64] | None:
        """Returns a weight for each sample that follows from its class, or None."""
        return None

    def _as_reported(self, loss: float) -> float:
        """Returns the engine's loss in the units that scikit-learn reports."""
        return loss

    def _training_score(self, loss: float) -> float | None:
        """Returns the training score where it follows from the epoch's loss."""
        return None

    @abstractmethod
    def _validation_score(self, x: Any, y: Any, sample_weight: Any) -> float:
        """Returns the score on validation data; NaN where outputs are not finite."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # Fitted attributes that are the network's own --------------------------------------------------------------------

    def _fitted_network(self, name: str) -> Network:
        network: Network | None = self.__dict__.get("network_")
        if network is None:
            raise AttributeError(f"{type(self).__name__} has no {name!r} before it is fitted.")
        return network

    @property
    def coefs_(self) -> list[Array]:
        """The weight matrices (inputs, outputs), first layer to last: views that can be read and written in place."""
        network = self._fitted_network("coefs_")
        return [network.parameters[f"{index}.W"] for index in building.affine_numbers(network)]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases (outputs,), first layer to last: views that can be read and written in place."""
        network = self._fitted_network("intercepts_")
        return [network.parameters[f"{index}.b"] for index in building.affine_numbers(network)]

    # From the arguments of fit to a network that is ready ------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any], incremental: bool) -> None:
        sizes = building.hidden_sizes(self.hidden_layer_sizes)
        fresh = "network_" not in self.__dict__ or not (self.warm_start or incremental)
        samples = self._checked(X, y, sample_weight, fresh, incremental)
        self._check_extras(validation, incremental)
        if fresh:
            self._begin(sizes, samples)
        else:
            self._check_same_shape(sizes, samples.targets)
        own = None if validation[0] is None else self._checked_validation(*validation)
        if self.solver == "lbfgs":
            self._fit_lbfgs(samples, own)
        else:
            self._fit_in_steps(samples, own, incremental)
        self.network_.session.release()

    def _checked(self, X: Any, y: Any, sample_weight: Any, fresh: bool, incremental: bool) -> Samples:
        X, y = self._validated(X, y, reset=fresh)
        targets = self._encode(y, fresh, incremental)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        by_class = self._class_weights(targets.given, incremental)
        if by_class is not None:
            weight = by_class if weight is None else weight * by_class
        if weight is not None and not weight.any():
            raise InputError("the weights of all samples are zero; give class_weight for a class that y has.")
        return self._samples(X, targets, weight)

    def _checked_validation(self, X: Any, y: Any) -> Samples:
        X, y = self._validated(X, y, reset=False)
        return self._samples(X, self._encode(y, fresh=False, incremental=True), None)

    def _samples(self, X: Any, targets: Targets, weight: NDArray[np.float64] | None) -> Samples:
        """Returns the samples; raises ValueError, in scikit-learn's words, where X is not finite.

        One pass over X instead of two: scikit-learn's own is asked only where the quick one cannot tell.
        """
        x = rows_of(X)
        bound = bound_of(x)
        if bound == np.inf:
            assert_all_finite(X, estimator_name=type(self).__name__, input_name="X")
        return Samples(x, targets, weight, bound)

    def _validated(self, X: Any, y: Any, reset: bool) -> Any:
        return validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._numbers_as_y,
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,  # _samples looks at it
            reset=reset,
        )

    def _check_extras(self, validation: tuple[Any, Any], incremental: bool) -> None:
        if (validation[0] is None) != (validation[1] is None):
            raise InputError("X_val and y_val belong together; give both, or neither.")
        if incremental and self.early_stopping and validation[0] is None:
            raise InputError(
                "partial_fit does not support early_stopping=True without validation data; give X_val and y_val."
            )
        if self.solver == "lbfgs" and (self.callbacks or np.any(self.dropout) or np.any(self.batch_norm)):
            raise InputError("solver='lbfgs' takes no dropout, no batch_norm and no callbacks; use 'adam' or 'sgd'.")

    def _begin(self, sizes: list[int], samples: Samples) -> None:
        """Makes the network, draws its first weights, and forgets what an earlier fit left."""
        for name in _OF_STEPS:
            self.__dict__.pop(name, None)
        self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = self._outputs_of(samples.targets)
        self.n_layers_ = len(sizes) + 2
        self.out_activation_ = self._output_activation()
        activations = building.per_layer("activation", self.activation, len(sizes))
        dropout = building.per_layer("dropout", self.dropout, len(sizes))
        batch_norm = building.per_layer("batch_norm", self.batch_norm, len(sizes))
        layers = building.make_layers(sizes, activations, dropout, batch_norm, self.n_outputs_)
        dtype = samples.x.dtype
        self.network_ = building.make_network(layers, self._loss(), self.n_features_in_, dtype, self._seed(dropout))
        building.draw_first_weights(self.network_, activations, self._random_state)
        self.n_iter_ = 0
        self.t_ = 0
        self.history_: dict[str, list[float]] = {}

    def _seed(self, dropout: list[float]) -> int:
        """The network's own random numbers are the dropout masks; without dropout nothing is drawn for them."""
        return int(self._random_state.randint(2**31 - 1)) if any(dropout) else 0

    def _outputs_of(self, targets: Targets) -> int:
        return int(targets.values.shape[1])

    def _check_same_shape(self, sizes: list[int], targets: Targets) -> None:
        known = [len(bias) for bias in self.intercepts_]
        wanted = [*sizes, self._outputs_of(targets)]
        if known != wanted:
            raise InputError(
                f"the fitted network has layers of {known} units, but {wanted} are asked for; set warm_start=False "
                "to start anew."
            )

    # The solver "lbfgs" ----------------------------------------------------------------------------------------------

    def _fit_lbfgs(self, samples: Samples, own: Samples | None) -> None:
        """Solves in float64, as the line search needs it, also for a network in float32."""
        network = self.network_
        if network.dtype != np.float64:
            network = building.make_network(list(network.layers), self._loss(), self.n_features_in_, np.float64, 0)
            for name, values in self.network_.parameters.items():
                network.parameters[name] = values
        objective = lbfgs.Objective(network, samples.data(np.float64), self.alpha)
        curve = self.history_.setdefault("loss", [])
        result = lbfgs.minimize(objective, max_iter=self.max_iter, max_fun=self.max_fun, tol=self.tol, curve=curve)
        self._check_finite(np.isfinite(result.x).all(), "")
        self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        penalty = objective.penalty()
        self.loss_ = self._as_reported(float(result.fun) - penalty) + penalty
        if network is not self.network_:
            for name, values in network.parameters.items():
                self.network_.parameters[name] = values
        if own is not None:
            self.history_.setdefault("validation_score", []).append(
                self._validation_score(own.x, own.targets.given, own.weight)
            )

    def _check_finite(self, finite: Any, finding: str) -> None:
        if not finite:
            raise InputError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed.{finding}"
            )

    # The solvers "sgd" and "adam" ------------------------------------------------------------------------------------

    def _fit_in_steps(self, samples: Samples, own: Samples | None, incremental: bool) -> None:
        self._begin_steps()
        if own is None and self.early_stopping:
            samples, own = self._split(samples)
        convergence = Convergence(
            self, None if own is None else (own.x, own.targets.given, own.weight), self.early_stopping
        )
        dtype = self.network_.dtype
        self.n_iter_ = 0
        run = EpochRun(
            self.network_,
            samples.data(dtype),
            None if own is None else own.data(dtype),
            self._rule(),
            self._optimizer,
            alpha=self.alpha,
            random_state=self._random_state,
            rows_in_order=self.__dict__.get("_rows_in_order"),
            epochs=1 if incremental else self.max_iter,
            batch_size=self._rows_per_batch(len(samples.x)),
            shuffle=bool(self.shuffle),
            callbacks=[convergence, *(self.callbacks or ())],
        )
        self.network_.history = run.history
        self._state: OptimizerState = run.state
        with np.errstate(all="ignore"):
            run.train()
        self._end_steps(run, convergence, incremental)

    def _begin_steps(self) -> None:
        """Sets up what the epochs will fill, unless an earlier call did so."""
        attributes = self.__dict__
        if "loss_curve_" not in attributes:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
        if self.early_stopping:
            if attributes.get("validation_scores_") is None:
                self.validation_scores_: Any = []
                self.best_validation_score_: Any = -np.inf
                self._best_parameters = self.network_.parameters.flat.copy()
            self.best_loss_: Any = None
        elif attributes.get("best_loss_") is None:
            self.best_loss_ = np.inf
            self.validation_scores_ = None
            self.best_validation_score_ = None
        kind = self.learning_rate if self.solver == "sgd" else "constant"
        rate = self.learning_rate_init
        known = attributes.get("_optimizer")
        if known is None or (known.initial, known.kind, known.power_t) != (rate, kind, self.power_t):
            self._optimizer = LearningRate(rate, kind, self.power_t, float(rate))

    def _split(self, samples: Samples) -> tuple[Samples, Samples]:
        """Sets validation_fraction of the rows aside, as scikit-learn does; always the same ones under warm_start."""
        drawn_from = self._random_state
        if "_split_from" in self.__dict__ and self.loss_curve_:
            drawn_from = np.random.RandomState()
            drawn_from.set_state(self._split_from)
        else:
            self._split_from: Any = self._random_state.get_state()
        training, validation = train_test_split(
            np.arange(len(samples.x)),
            random_state=drawn_from,
            test_size=self.validation_fraction,
            stratify=self._stratify(samples.targets),
        )
        if len(validation) < 2:
            raise InputError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return samples.some(training), samples.some(validation)

    def _stratify(self, targets: Targets) -> Any:
        return None

    def _rule(self) -> Optimizer:
        if self.solver == "adam":
            return AdamByBatch(beta1=float(self.beta_1), beta2=float(self.beta_2), epsilon=float(self.epsilon))
        if self.nesterovs_momentum:
            return NesterovByBatch(momentum=float(self.momentum))
        return MomentumByBatch(momentum=float(self.momentum))

    def _rows_per_batch(self, rows: int) -> int:
        size = min(200, rows) if isinstance(self.batch_size, str) else min(int(self.batch_size), rows)
        if not isinstance(self.batch_size, str) and self.batch_size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=6
            )
        # A single row has no variance. Larger batches rather than a row left out: each epoch still learns from all.
        while self.network_.model.least_rows > 1 and size < rows and size > 1 and rows % size == 1:
            size += 1
        return size

    def _end_steps(self, run: EpochRun, convergence: Convergence, incremental: bool) -> None:
        self.stopped_ = convergence.stopped
        self._rows_in_order = run.rows_in_order
        if run.history.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=6)
        if self.early_stopping:
            if convergence.stopped or not incremental:
                self.network_.parameters.flat[:] = self._best_parameters
        else:
            self._check_finite(convergence.finding is None, f" ({convergence.finding})")
        if not incremental and self.n_iter_ == self.max_iter and run.history.stopped_by is None:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=6,
            )

    # Using it --------------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """Returns the network's outputs (n, K), before softmax, sigmoid or exp.

        A few rows in an array of numbers go straight to the engine, which looks at their shape and values itself;
        everything else, and everything wrong, is looked at by scikit-learn.
        """
        fitted = self.__dict__
        if type(X) is np.ndarray and "network_" in fitted and "feature_names_in_" not in fitted:
            quick: Array | None = self.network_.session.quick_predict(X)
            if quick is not None:
                return quick
        check_is_fitted(self)
        return self._forward(rows_of(validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)))

    def _forward(self, x: Any) -> Array:
        if not isinstance(x, SparseRows):
            return self.network_.session.predict(x)
        outputs = np.empty((len(x), self.n_outputs_), self.network_.dtype)
        for part in parts_of(x):
            outputs[part] = self.network_.session.predict(x[part])
        return outputs

    # Keeping it ------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_rows_in_order", None)  # As long as the data; the next epoch begins with them as they come.
        if "network_" in state:
            state["network_"] = keeping.frozen(state["network_"], state.pop("_state", None))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        kept = self.__dict__.get("network_")
        if isinstance(kept, dict):
            self.network_, memory = keeping.thawed(kept, building.threads())
            if memory is not None:
                self._state = memory
