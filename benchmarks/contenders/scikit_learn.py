"""scikit-learn's MLPClassifier: partial_fit over rows that are put in order beforehand, as it shuffles on its own."""

import warnings
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.problems import SIGMOID_CROSS_ENTROPY, SOFTMAX, SQUARED_ERROR, Array, Data, Problem, Unsupported


class ScikitLearn:
    """Several sigmoid outputs are its multi-label case, one is its two-class case."""

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem, self.first = problem, data.layers
        several = problem.loss != SOFTMAX and problem.sizes[-1] > 1
        y = data.targets(problem.sizes[-1]).astype(np.int64) if several else data.labels
        self.x, self.x_ordered, self.y_ordered = data.x, data.x[data.order], y[data.order]
        self.model = MLPClassifier(
            hidden_layer_sizes=problem.sizes[1:-1],
            activation="relu" if problem.hidden == "relu" else "logistic",
            solver=problem.optimizer,
            alpha=0.0,
            batch_size=problem.batch,
            learning_rate_init=problem.learning_rate,
            shuffle=False,
            momentum=0.0,
            nesterovs_momentum=False,
        )
        self.classes = np.arange(max(2, problem.sizes[-1]))
        few = max(problem.batch, 50)
        self.model.partial_fit(self.x_ordered[:few], self.y_ordered[:few], classes=self.classes)
        self.reset()

    def reset(self) -> None:
        for (w, b), coef, intercept in zip(self.first, self.model.coefs_, self.model.intercepts_, strict=True):
            coef[...], intercept[...] = w, b
        # Its moments and step count; made anew by the next call.
        self.model.__dict__.pop("_optimizer", None)

    def run(self) -> float:
        return {"train": self._train, "step": self._steps, "predict": self._predictions}[self.problem.kind]()

    def result(self) -> list[Array]:
        if self.problem.kind == "predict":
            return [self.model.predict_proba(self.x[:100])]
        pairs: Any = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [part.copy() for pair in pairs for part in pair]

    def _train(self) -> float:
        began = perf_counter()
        self.model.partial_fit(self.x_ordered, self.y_ordered)
        return perf_counter() - began

    def _steps(self) -> float:
        samples = [(self.x_ordered[i : i + 1], self.y_ordered[i : i + 1]) for i in range(self.problem.steps)]
        began = perf_counter()
        for x, y in samples:
            self.model.partial_fit(x, y)
        return perf_counter() - began

    def _predictions(self) -> float:
        samples = [self.x[i : i + 1] for i in range(self.problem.steps)]
        began = perf_counter()
        for x in samples:
            self.model.predict_proba(x)
        return perf_counter() - began


def make(problem: Problem, data: Data, threads: int) -> ScikitLearn:
    if problem.kind != "predict" and problem.loss == SQUARED_ERROR:
        raise Unsupported("has no squared error with sigmoid outputs")
    if problem.loss not in (SOFTMAX, SQUARED_ERROR, SIGMOID_CROSS_ENTROPY):
        raise Unsupported(f"has no {problem.loss}")
    warnings.simplefilter("ignore")
    return ScikitLearn(problem, data)
