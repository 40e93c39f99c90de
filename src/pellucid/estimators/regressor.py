"""MLPRegressor: numbers to be predicted, one or several per sample."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from pellucid.errors import InputError
from pellucid.estimators.base import BaseMLP, solves_in_steps
from pellucid.estimators.samples import Targets
from pellucid.losses import Huber, Loss, MeanAbsoluteError, MeanSquaredError, Poisson
from pellucid.ops import Array

LOSSES: dict[str, Loss] = {
    "squared_error": MeanSquaredError(),
    "absolute_error": MeanAbsoluteError(),
    "huber": Huber(),
    "poisson": Poisson(),
}


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron for regression, with scikit-learn's arguments and attributes, and more.

    What scikit-learn's MLPRegressor has is described there and means the same here. What is new:

    Args:
        loss: "squared_error" (half of it, as there), "absolute_error", "huber" (δ = 1), "poisson" (half the deviance,
            for y of 0 or more), or a loss of `pellucid.losses`, such as Huber(0.5).
        activation: one name for all hidden layers, or a list with one each; also "leaky_relu", "elu", "gelu", "silu"
            and "softplus".
        dropout: the probability with which each hidden unit is silenced in training, or a list with one per layer.
        batch_norm: whether the sums of each hidden layer are normalised over the batch before its activation, or a list
            with one answer per layer. batch_size then grows by one where an epoch's last batch would be a single row.
        callbacks: of `pellucid.training`, such as CSVLogger(path); for the solvers "sgd" and "adam".

    Attributes:
        network_: the `pellucid.Network`, with everything that it can do. coefs_ and intercepts_ are views into it.
        history_: lists with a number per epoch: "loss", "learning_rate", "score" where it costs nothing, and, with
            validation data, "validation_loss" and "validation_score".
        stopped_: whether the last call ended because nothing improved any more.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(LOSSES)), Loss],
    }

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        batch_norm: Any = False,
        callbacks: Any = None,
    ) -> None:
        self.loss = loss
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            dropout=dropout,
            batch_norm=batch_norm,
            callbacks=callbacks,
        )

    # Training --------------------------------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> "MLPRegressor":
        """Trains from the start, or, with warm_start, from where the last call ended.

        X (n, features), dense or sparse; y (n,) or (n, outputs); sample_weight (n,), 0 or more. X_val and y_val are
        validation data of your own, which early_stopping then goes by.
        """
        self._fit(X, y, sample_weight, (X_val, y_val), incremental=False)
        return self

    @available_if(solves_in_steps)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "MLPRegressor":
        """Trains for one epoch over the given rows; early_stopping needs validation data here."""
        self._fit(X, y, sample_weight, (X_val, y_val), incremental=True)
        return self

    # Using it --------------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """Returns the predicted values, (n,) for one output, else (n, outputs)."""
        return self._as_values(self._outputs(X))

    def _as_values(self, outputs: Array) -> Array:
        if self.out_activation_ == "exp":
            with np.errstate(over="ignore"):
                outputs = np.exp(outputs)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    # What the base asks for ------------------------------------------------------------------------------------------

    _numbers_as_y = True

    def _loss(self) -> Loss:
        return self.loss if isinstance(self.loss, Loss) else LOSSES[self.loss]

    def _output_activation(self) -> str:
        return "exp" if isinstance(self._loss(), Poisson) else "identity"

    def _encode(self, y: Any, fresh: bool, incremental: bool) -> Targets:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if isinstance(self._loss(), Poisson) and y.min() < 0:
            raise InputError(f"loss='poisson' needs y of 0 or more, got {y.min()}; use another loss.")
        values = y.reshape(len(y), -1)
        if fresh:
            self._spread = float(np.square(values - values.mean(axis=0)).sum() / len(values))
        return Targets(values, False, None, y)

    def _as_reported(self, loss: float) -> float:
        """scikit-learn reports means over the outputs, but the sum for poisson."""
        return loss if self.out_activation_ == "exp" else loss / self.n_outputs_

    def _training_score(self, loss: float) -> float | None:
        if not isinstance(self._loss(), MeanSquaredError) or self.n_outputs_ > 1 or self._spread == 0:
            return None
        return 1.0 - 2.0 * loss / self._spread

    def _validation_score(self, x: Any, y: Any, sample_weight: Any) -> float:
        predicted = self._as_values(self._forward(x))
        if not np.isfinite(predicted).all():
            return float(np.nan)
        return float(r2_score(y, predicted, sample_weight=sample_weight))
