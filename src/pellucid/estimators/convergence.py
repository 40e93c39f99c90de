"""What happens at the end of each epoch: the fitted attributes grow, and scikit-learn's rule decides about stopping."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.training import Callback, Logs

if TYPE_CHECKING:
    from pellucid.estimators.base import BaseMLP
    from pellucid.estimators.epochs import EpochRun

HISTORY = {
    "accuracy": "score",
    "validation_loss": "validation_loss",
    "learning_rate": "learning_rate",
}


class Convergence(Callback):
    """Ends training when the loss, or the score on the validation data, stops improving by more than `tol`.

    validation: (x, y, sample_weight) to score, or None. best: the parameters of the best validation score so far.
    """

    def __init__(self, estimator: "BaseMLP", validation: tuple[Any, Any, Any] | None, early_stopping: bool) -> None:
        self.estimator, self.validation, self.early_stopping = estimator, validation, early_stopping
        self.stopped = False
        self.finding: str | None = None

    def on_epoch_end(self, run: Any, epoch: int, logs: Logs) -> None:
        self._count(run, logs)
        self._improvement(run)
        estimator = self.estimator
        estimator._optimizer.epoch_ended(estimator.t_)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            self._stop_or_slow_down(run)

    def _count(self, run: "EpochRun", logs: Logs) -> None:
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.t_ += run.data.rows
        estimator.loss_ = estimator._as_reported(logs["loss"]) + run.penalty()
        estimator.loss_curve_.append(estimator.loss_)
        history = estimator.history_
        history.setdefault("loss", []).append(estimator.loss_)
        for metric, name in HISTORY.items():
            if metric in logs:
                value = logs[metric]
                history.setdefault(name, []).append(
                    estimator._as_reported(value) if name == "validation_loss" else value
                )
        if "accuracy" not in logs and (score := estimator._training_score(logs["loss"])) is not None:
            history.setdefault("score", []).append(score)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")

    def _improvement(self, run: "EpochRun") -> None:
        estimator = self.estimator
        if self.validation is not None:
            score = estimator._validation_score(*self.validation)
            estimator.history_.setdefault("validation_score", []).append(score)
            if self.early_stopping:
                self._compare_score(run, score)
        if not self.early_stopping:
            worse = estimator.loss_ > estimator.best_loss_ - estimator.tol
            estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
            estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)

    def _compare_score(self, run: "EpochRun", score: float) -> None:
        estimator = self.estimator
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        worse = score < estimator.best_validation_score_ + estimator.tol
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            estimator._best_parameters = run.model.parameters.flat.copy()

    def _stop_or_slow_down(self, run: "EpochRun") -> None:
        estimator = self.estimator
        measure = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{measure} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} "
            "consecutive epochs."
        )
        if estimator._optimizer.falls():
            estimator._no_improvement_count = 0
            message += f" Setting learning rate to {estimator._optimizer.learning_rate:f}"
        else:
            self.stopped = True
            adaptive = estimator._optimizer.kind == "adaptive"
            message += " Learning rate too small. Stopping." if adaptive else " Stopping."
            run.stop(message)
        if estimator.verbose:
            print(message)

    def on_not_finite(self, run: Any, finding: str) -> None:
        """A diverged epoch counts, with NaN for its loss and score; the estimator decides what comes of it."""
        self.finding = finding
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.loss_ = float(np.nan)
        estimator.loss_curve_.append(estimator.loss_)
        if self.early_stopping:
            estimator.validation_scores_.append(float(np.nan))
