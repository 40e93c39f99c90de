"""MLPClassifier: classes to be predicted, one of several, or several labels at once."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from pellucid.errors import InputError
from pellucid.estimators.base import BaseMLP, solves_in_steps
from pellucid.estimators.samples import Targets
from pellucid.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.ops import Array


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron for classification, with scikit-learn's arguments and attributes, and more.

    What scikit-learn's MLPClassifier has is described there and means the same here. What is new:

    Args:
        activation: one name for all hidden layers, or a list with one each; also "leaky_relu", "elu", "gelu", "silu"
            and "softplus".
        class_weight: class -> weight, or "balanced"; multiplied with sample_weight.
        dropout: the probability with which each hidden unit is silenced in training, or a list with one per layer.
        batch_norm: whether the sums of each hidden layer are normalised over the batch before its activation, or a list
            with one answer per layer. batch_size then grows by one where an epoch's last batch would be a single row.
        callbacks: of `pellucid.training`, such as CSVLogger(path); for the solvers "sgd" and "adam".

    Attributes:
        network_: the `pellucid.Network`, with everything that it can do. coefs_ and intercepts_ are views into it.
        history_: lists with a number per epoch: "loss", "learning_rate", "score" (but for several labels at once),
            and, with validation data, "validation_loss" and "validation_score".
        stopped_: whether the last call ended because nothing improved any more.
    """

    loss = "log_loss"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
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
        class_weight: Any = None,
        dropout: Any = 0.0,
        batch_norm: Any = False,
        callbacks: Any = None,
    ) -> None:
        self.class_weight = class_weight
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
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "MLPClassifier":
        """Trains from the start, or, with warm_start, from where the last call ended.

        X (n, features), dense or sparse; y (n,) labels of any kind, or (n, labels) of 0 and 1; sample_weight (n,), 0
        or more. X_val and y_val are validation data of your own, which early_stopping then goes by.
        """
        self._fit(X, y, sample_weight, (X_val, y_val), incremental=False)
        return self

    @available_if(solves_in_steps)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> "MLPClassifier":
        """Trains for one epoch over the given rows; early_stopping needs validation data here.

        classes: all labels that there will be; needed in the first call, and may be left out in later ones.
        """
        if _check_partial_fit_first_call(self, classes):
            self._labels = LabelBinarizer()
            self._labels.fit(y if type_of_target(y).startswith("multilabel") else classes)
        self._fit(X, y, sample_weight, (X_val, y_val), incremental=True)
        return self

    # Using it --------------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """Returns the class (n,) of each sample, or (n, labels) of 0 and 1."""
        return self._as_classes(self._outputs(X))

    def _as_classes(self, outputs: Array) -> Array:
        """A probability above one half is an output above 0; the largest probability is the largest output."""
        if self._kind == "multiclass":
            numbers: Array = outputs.argmax(axis=1)
        elif self._kind == "binary":
            numbers = (outputs[:, 0] > 0).astype(np.intp) if len(self.classes_) > 1 else np.zeros(len(outputs), np.intp)
        else:
            return np.asarray(self._labels.inverse_transform((outputs > 0).astype(np.int64)))
        return np.asarray(self.classes_[numbers])

    def predict_proba(self, X: Any) -> Array:
        """Returns the probability (n, classes) of each class, in the order of `classes_`."""
        outputs = self._outputs(X)
        probabilities = self.network_.loss.link(outputs) if self.network_.loss is not None else outputs
        if self.n_outputs_ == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """Returns the logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(probabilities, out=probabilities))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # What the base asks for ------------------------------------------------------------------------------------------

    _numbers_as_y = False

    @property
    def _kind(self) -> str:
        """ "binary", "multiclass" or "multilabel-indicator", as the labels were when they were first seen."""
        return str(self._labels.y_type_)

    def _loss(self) -> Loss:
        return SoftmaxCrossEntropy() if self._kind == "multiclass" else SigmoidCrossEntropy()

    def _output_activation(self) -> str:
        return "softmax" if self._kind == "multiclass" else "logistic"

    def _outputs_of(self, targets: Targets) -> int:
        return len(self.classes_) if targets.labels else int(targets.values.shape[1])

    def _encode(self, y: Any, fresh: bool, incremental: bool) -> Targets:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if fresh and not incremental:
            self._labels = LabelBinarizer().fit(y)
            self.classes_ = self._labels.classes_
            kind = self._kind
        elif incremental and (numbers := self._known_numbers(y)) is not None:
            return self._numbered(numbers, y)
        else:
            self._check_known(unique_labels(y), incremental)
            kind = type_of_target(y)
        if self._kind != "multiclass" or kind.startswith("multilabel"):
            values = self._labels.transform(y).astype(np.uint8)
            return Targets(values, False, values[:, 0].astype(np.int32) if values.shape[1] == 1 else None, y)
        return self._numbered(np.searchsorted(self.classes_, y), y)

    def _numbered(self, numbers: NDArray[Any], y: Any) -> Targets:
        numbers = numbers.astype(np.int32)
        if self._kind == "multiclass":
            return Targets(numbers, True, numbers, y)
        return Targets(numbers[:, None], False, numbers, y)

    def _known_numbers(self, y: Any) -> NDArray[Any] | None:
        """Returns the class numbers of labels that are known; None where a closer look is needed.

        For online learning, where scikit-learn's own look at the labels would cost more than the training.
        """
        known = self.classes_
        if y.ndim != 1 or y.dtype != known.dtype or y.dtype.kind not in "iu" or self._kind.startswith("multilabel"):
            return None
        numbers = np.minimum(np.searchsorted(known, y), len(known) - 1)
        return numbers if (known[numbers] == y).all() else None

    def _check_known(self, classes: NDArray[Any], incremental: bool) -> None:
        if self.warm_start and not incremental:
            if set(classes) != set(self.classes_):
                raise InputError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise InputError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _class_weights(self, y: Any, incremental: bool) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        if incremental and isinstance(self.class_weight, str):
            raise InputError(
                "class_weight 'balanced' cannot be told from part of the data; give partial_fit a table of class to "
                "weight, made by sklearn.utils.class_weight.compute_class_weight('balanced', classes=..., y=...)."
            )
        return np.asarray(compute_sample_weight(self.class_weight, y), dtype=np.float64)

    def _stratify(self, targets: Targets) -> Any:
        return targets.values.astype(bool) if self.n_outputs_ == 1 else None

    def _validation_score(self, x: Any, y: Any, sample_weight: Any) -> float:
        outputs = self._forward(x)
        if not np.isfinite(outputs).all():
            return float(np.nan)
        return float(accuracy_score(y, self._as_classes(outputs), sample_weight=sample_weight))
