"""What scikit-learn's users asked for: class weights, dropout, callbacks, curves, validation data, true resuming."""

import gc
import io
import pickle
import weakref
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pellucid import Network, ops
from pellucid.estimators import MLPClassifier, MLPRegressor
from pellucid.losses import Huber, Loss
from pellucid.named import Named
from pellucid.training import Callback, Checkpoint, CSVLogger, EarlyStopping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 12, "random_state": 4, "batch_size": 32}


def same_weights(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.coefs_, other.coefs_, strict=True))


def test_class_weight_is_a_sample_weight_by_class() -> None:
    table = {0: 3.0, 1: 1.0, 2: 0.25}
    by_class = MLPClassifier(**SMALL, class_weight=table).fit(X, Y)
    by_sample = MLPClassifier(**SMALL).fit(X, Y, sample_weight=np.array([3.0, 1.0, 0.25])[Y])
    assert same_weights(by_class, by_sample)
    both = MLPClassifier(**SMALL, class_weight=table).fit(X, Y, sample_weight=np.full(len(Y), 2.0))
    assert same_weights(both, MLPClassifier(**SMALL).fit(X, Y, sample_weight=np.array([6.0, 2.0, 0.5])[Y]))


def test_balanced_classes_and_why_not_part_by_part() -> None:
    rare = np.flatnonzero((Y != 2) | (np.arange(len(Y)) % 10 == 0))
    settings = {**SMALL, "max_iter": 30}
    plain = MLPClassifier(**settings).fit(X[rare], Y[rare])
    balanced = MLPClassifier(**settings, class_weight="balanced").fit(X[rare], Y[rare])
    assert balanced.predict_proba(X[Y == 2])[:, 2].mean() > plain.predict_proba(X[Y == 2])[:, 2].mean() + 0.1
    with pytest.raises(ValueError, match="compute_class_weight"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_dropout_and_a_list_of_activations() -> None:
    settings = {**SMALL, "hidden_layer_sizes": (6, 5)}
    model = MLPClassifier(**settings, activation=["tanh", "elu"], dropout=[0.5, 0.0]).fit(X, Y)
    names = [type(layer).__name__ for layer in model.network_.layers]
    assert names == ["Affine", "Tanh", "Dropout", "Affine", "ELU", "Affine"]
    assert [w.shape for w in model.coefs_] == [(4, 6), (6, 5), (5, 3)]
    assert not same_weights(model, MLPClassifier(**settings, activation=["tanh", "elu"]).fit(X, Y))
    assert same_weights(model, clone(model).fit(X, Y))
    assert np.array_equal(model.predict_proba(X), model.predict_proba(X))
    for wrong in ({"activation": ["tanh"]}, {"dropout": [0.5]}, {"activation": ["tanh", "step"]}):
        with pytest.raises(ValueError, match=r"activation|dropout"):
            MLPClassifier(**settings, **wrong).fit(X, Y)


def test_batch_normalisation_stands_before_each_activation() -> None:
    settings = {**SMALL, "hidden_layer_sizes": (6, 5), "dropout": 0.1}
    model = MLPClassifier(**settings, batch_norm=True).fit(X, Y)
    names = [type(layer).__name__ for layer in model.network_.layers]
    assert names == [*["Affine", "BatchNorm", "ReLU", "Dropout"] * 2, "Affine"]
    assert model.network_.engine == "native"
    assert [w.shape for w in model.coefs_] == [(4, 6), (6, 5), (5, 3)]
    assert [b.shape for b in model.intercepts_] == [(6,), (5,), (3,)]
    assert not np.allclose(model.network_.parameters["1.running_mean"], 0)
    assert same_weights(model, clone(model).fit(X, Y))
    some = MLPRegressor(**settings, batch_norm=[False, True]).fit(X, Y)
    assert [type(layer).__name__ for layer in some.network_.layers].index("BatchNorm") == 4
    for wrong, match in (({"batch_norm": [True]}, "batch_norm has 1"), ({"batch_norm": 3}, "batch_norm")):
        with pytest.raises(ValueError, match=match):
            MLPClassifier(**settings, **wrong).fit(X, Y)
    with pytest.raises(ValueError, match="lbfgs"):
        MLPClassifier(solver="lbfgs", batch_norm=True).fit(X, Y)


def test_alpha_leaves_batch_normalisation_alone() -> None:
    """The reported loss holds the weight matrices' squares and nothing of γ, β, means and variances."""
    settings = {**SMALL, "max_iter": 1, "learning_rate_init": 1e-12, "batch_norm": True}
    plain, decayed = (MLPRegressor(**settings, alpha=alpha).fit(X, Y) for alpha in (0.0, 1e3))
    squares = sum(float(np.square(w).sum()) for w in plain.coefs_)
    by_rows = sum(rows * 0.5 * 1e3 * squares / rows for rows in (32, 32, 32, 32, 22)) / len(X)
    assert decayed.loss_ - plain.loss_ == pytest.approx(by_rows, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "batch_size", "used"), [(65, 32, 33), (64, 32, 32), (7, 2, 4), (3, 2, 3), (33, 32, 33)]
)
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_no_batch_of_a_single_row_comes_up_under_batch_normalisation(
    rows: int, batch_size: int, used: int, convert: Any
) -> None:
    x, y = convert(X[::2][:rows]), X[::2, 0][:rows]
    settings = {**SMALL, "batch_size": batch_size, "batch_norm": True}
    model = MLPRegressor(**settings).fit(x, y)
    assert same_weights(model, MLPRegressor(**{**settings, "batch_size": used}).fit(x, y))
    assert model.t_ == rows * SMALL["max_iter"]
    whole = MLPRegressor(**{**settings, "batch_norm": False}).fit(x, y)
    assert not same_weights(model, whole)


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"batch_size": 1, "early_stopping": True}])
def test_batches_of_one_row_that_were_asked_for_are_refused(settings: dict[str, Any]) -> None:
    model = MLPClassifier(**{**SMALL, **settings}, batch_norm=True)
    with pytest.raises(ValueError, match="batch_size"):
        model.fit(X, Y)
    one = MLPRegressor(**{**SMALL, "batch_size": "auto"}, batch_norm=True).partial_fit(X, Y)
    before = one.network_.parameters.flat.copy()
    with pytest.raises(ValueError, match="row"):
        one.partial_fit(X[:1], Y[:1])
    assert np.array_equal(one.network_.parameters.flat, before)


def test_batch_normalisation_is_pickled_and_restored() -> None:
    settings = {**SMALL, "max_iter": 300, "learning_rate_init": 0.1, "early_stopping": True, "batch_norm": True}
    model = MLPClassifier(**settings).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert model.stopped_ and model.n_iter_ < 300
    assert model.score(X[1::2], Y[1::2]) == model.best_validation_score_ == max(model.validation_scores_)
    read = pickle.loads(pickle.dumps(model))
    assert np.array_equal(read.network_.parameters.flat, model.network_.parameters.flat)
    assert np.array_equal(read.predict_proba(X), model.predict_proba(X))


class OwnLoss(Loss):
    """Squares, weighted by nothing; written in ops."""

    def forward(self, y: Any, t: Any) -> Any:
        d = y - t
        return ops.sum_columns(d * d), Named(d=d)

    def backward(self, saved: Named) -> Any:
        return 2.0 * saved.d


def test_a_loss_of_ones_own_is_native_and_can_be_pickled() -> None:
    model = MLPRegressor(OwnLoss(), **SMALL).fit(X, Y)
    assert model.network_.engine == "native"
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    assert np.array_equal(joblib.load(stream).predict(X), model.predict(X))


class StopAt(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Any, epoch: int, logs: Any) -> None:
        if epoch + 1 == self.epoch:
            run.stop("enough")


def test_callbacks_are_called_and_can_stop() -> None:
    assert MLPRegressor(**SMALL, callbacks=[StopAt(5)]).fit(X, Y).n_iter_ == 5
    with pytest.raises(ValueError, match="lbfgs"):
        MLPRegressor(solver="lbfgs", callbacks=[StopAt(5)]).fit(X, Y)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "poisson", Huber(0.5)])
def test_losses_make_their_own_error_small(loss: Any) -> None:
    model = MLPRegressor(loss, **{**SMALL, "max_iter": 60, "learning_rate_init": 0.01, "alpha": 0}).fit(X, Y)
    assert model.loss_curve_[-1] < 0.4 * model.loss_curve_[0]
    assert model.score(X, Y) > 0.7
    assert model.out_activation_ == ("exp" if loss == "poisson" else "identity")
    measured = model.network_.evaluate(X, Y[:, None])["loss"]
    assert model.loss_ == pytest.approx(measured, rel=0.3)
    if loss == "poisson":
        with pytest.raises(ValueError, match="0 or more"):
            model.fit(X, Y - 1.0)


def test_validation_data_of_ones_own_and_the_curves() -> None:
    model = MLPClassifier(**SMALL).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert set(model.history_) == {"loss", "score", "learning_rate", "validation_loss", "validation_score"}
    assert all(len(curve) == model.n_iter_ for curve in model.history_.values())
    assert model.history_["loss"] == model.loss_curve_
    assert model.history_["validation_score"][-1] == model.score(X[1::2], Y[1::2])
    assert model.history_["validation_loss"][-1] == pytest.approx(model.network_.evaluate(X[1::2], Y[1::2])["loss"])
    assert model.validation_scores_ is None
    assert same_weights(model, MLPClassifier(**SMALL).fit(X[::2], Y[::2]))
    regressor = MLPRegressor(**SMALL).fit(X, X[:, 0], X_val=X, y_val=X[:, 0])
    assert regressor.history_["score"][-1] == pytest.approx(regressor.score(X, X[:, 0]), abs=0.15)
    with pytest.raises(ValueError, match="belong together"):
        regressor.fit(X, Y, X_val=X)


def test_early_stopping_by_ones_own_data_restores_the_best_weights() -> None:
    settings = {**SMALL, "max_iter": 300, "learning_rate_init": 0.1, "early_stopping": True}
    model = MLPClassifier(**settings).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert model.stopped_ and model.n_iter_ < 300
    assert model.score(X[1::2], Y[1::2]) == model.best_validation_score_ == max(model.validation_scores_)


def test_early_stopping_part_by_part() -> None:
    model = MLPClassifier(**{**SMALL, "learning_rate_init": 0.1}, early_stopping=True, n_iter_no_change=4)
    for _ in range(200):
        model.partial_fit(X[::2], Y[::2], classes=[0, 1, 2], X_val=X[1::2], y_val=Y[1::2])
        if model.stopped_:
            break
    assert model.stopped_
    assert model.score(X[1::2], Y[1::2]) == model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize(
    "settings", [{}, {"solver": "sgd", "learning_rate": "invscaling"}, {"dropout": 0.3}, {"batch_norm": True}]
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_going_on_is_as_if_never_stopped(kind: Any, settings: dict[str, Any]) -> None:
    settings = {**SMALL, **settings, "tol": 0.0}
    once = kind(**{**settings, "max_iter": 10}).fit(X, Y)
    twice = kind(**{**settings, "max_iter": 4}, warm_start=True).fit(X, Y).set_params(max_iter=6).fit(X, Y)
    assert same_weights(once, twice)
    assert once.loss_curve_ == twice.loss_curve_
    parts = kind(**settings)
    for _ in range(10):
        parts.partial_fit(X, Y, **({"classes": [0, 1, 2]} if kind is MLPClassifier else {}))
    assert same_weights(once, parts)
    assert not same_weights(once, twice.set_params(warm_start=False).fit(X, Y))


def test_going_on_needs_the_same_network() -> None:
    model = MLPRegressor(**SMALL, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="warm_start=False"):
        model.set_params(hidden_layer_sizes=(9,)).fit(X, Y)


def test_a_pickled_estimator_predicts_and_goes_on_alike() -> None:
    model = MLPClassifier(**SMALL, warm_start=True, shuffle=False, dropout=0.2).fit(X, Y)
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    read = joblib.load(stream)
    assert np.array_equal(read.predict_proba(X), model.predict_proba(X))
    assert same_weights(read.fit(X, Y), model.fit(X, Y))
    assert read.t_ == model.t_ == 2 * 12 * len(X)


def test_the_network_behind_it_is_the_users() -> None:
    model = MLPClassifier(**SMALL).fit(X, Y)
    assert isinstance(model.network_, Network)
    assert np.array_equal(model.network_.classify(X), model.predict(X))
    model.coefs_[-1][...] = 0
    model.intercepts_[-1][...] = [0, 1, 0]
    assert (model.predict(X) == 1).all()


@pytest.mark.parametrize("labels", [Y, Y > 0, np.array(["a", "b", "c"])[Y]], ids=["numbers", "two", "names"])
def test_parts_with_few_of_the_classes(labels: Any) -> None:
    model = MLPClassifier(**{**SMALL, "batch_size": "auto"})
    for start in (0, 60, 120, 10):
        model.partial_fit(X[start : start + 20], labels[start : start + 20], classes=np.unique(labels))
    assert model.predict(X).dtype == labels.dtype
    with pytest.raises(ValueError, match="not in"):
        model.partial_fit(X[:2], np.array([labels[0], "other" if labels.dtype.kind == "U" else 7]))


def test_float32_stays_float32() -> None:
    for solver in ("adam", "lbfgs"):
        model = MLPRegressor(**SMALL, solver=solver).fit(X.astype(np.float32), Y)
        assert model.network_.dtype == model.coefs_[0].dtype == model.predict(X.astype(np.float32)).dtype == np.float32


def test_quick_and_careful_predictions_agree_and_bad_input_is_refused() -> None:
    for model in (MLPClassifier(**SMALL).fit(X, Y), MLPRegressor(**SMALL).fit(X, Y)):
        one_by_one = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
        # One row is summed in another order than many; where a sum cancels, its last bits are all that is left of it.
        np.testing.assert_allclose(one_by_one, model.predict(X), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(model.predict(X[:3].tolist()), model.predict(X[:3]), rtol=1e-12)
        for wrong in (X[:1, :3], X[0], np.full((1, 4), np.nan), np.full((1, 4), np.inf), X[:1] * 1j, X[:0]):
            with pytest.raises(ValueError, match=r"features|1D|NaN|nfinity|omplex|0 sample"):
                model.predict(wrong)


@pytest.mark.parametrize("convert", [np.asarray, np.asfortranarray, lambda x: x[:, ::-1], sparse.csr_array])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_fit_refuses_what_is_not_finite_however_it_lies(convert: Any, wrong: float) -> None:
    x = X.copy()
    x[7, 2] = wrong
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        MLPRegressor(**SMALL).fit(convert(x), Y)
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        MLPRegressor(**SMALL).fit(X, Y, X_val=convert(x), y_val=Y)
    large = (X * 1e30).astype(np.float32)  # finite, though its squares are not
    assert MLPRegressor()._checked(convert(large), Y, None, fresh=True, incremental=False).bound == np.inf


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_fitted_estimator_does_not_keep_the_data(solver: str) -> None:
    x = X.copy()
    gone = weakref.ref(x)
    model = MLPClassifier(**SMALL, solver=solver).fit(x, Y, X_val=x, y_val=Y)
    model.predict(x)
    del x
    gc.collect()
    assert gone() is None


def test_a_weight_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        MLPRegressor().fit(X, Y, sample_weight=np.full(len(Y), -1.0))


def test_a_diverging_fit_says_where() -> None:
    with pytest.raises(ValueError, match=r"non-finite parameter weights.*in epoch"):
        MLPRegressor(activation="identity", solver="sgd", learning_rate_init=1e3, random_state=0).fit(X, Y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_keep_their_names(library: str) -> None:
    frames = pytest.importorskip(library)
    names = ["a", "b", "c", "d"]
    frame = frames.DataFrame({name: X[:, i] for i, name in enumerate(names)})
    model = MLPClassifier(**SMALL).fit(frame, frames.Series(Y))
    assert list(model.feature_names_in_) == names
    assert np.array_equal(model.predict(frame), MLPClassifier(**SMALL).fit(X, Y).predict(X))
    with pytest.warns(UserWarning, match="feature names"):
        model.predict(X[:1])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])


def threads_used(model: Any, *_: Any) -> float:
    """A score that tells how many threads the worker let a network have."""
    return float(model[-1].network_.threads)


def test_a_grid_search_in_processes_does_not_use_more_threads_than_processors() -> None:
    pipe = make_pipeline(StandardScaler(), MLPClassifier(**{**SMALL, "max_iter": 3}))
    workers = 2
    search = GridSearchCV(
        pipe, {"mlpclassifier__alpha": [1e-4, 1.0]}, scoring=threads_used, n_jobs=workers, cv=2, refit=False
    ).fit(X, Y)
    limit = max(1, joblib.cpu_count() // workers)
    scores = np.array([search.cv_results_[f"split{i}_test_score"] for i in range(2)])
    assert (scores >= 1).all() and (scores <= limit).all()


def test_a_grid_search_in_threads_uses_one_thread_per_network() -> None:
    pipe = make_pipeline(StandardScaler(), MLPClassifier(**{**SMALL, "max_iter": 3}))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        search = GridSearchCV(pipe, {"mlpclassifier__alpha": [1e-4, 1.0]}, scoring=threads_used, cv=2, refit=False).fit(
            X, Y
        )
    assert (search.cv_results_["mean_test_score"] == 1).all()


def test_cross_validation_of_a_pipeline_scores_well() -> None:
    pipe = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=300))
    assert cross_val_score(pipe, X, Y, cv=3).mean() > 0.9


def test_sample_weights_are_routed() -> None:
    weight = np.random.default_rng(0).uniform(0, 2, len(Y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(**SMALL).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, model).fit(X, Y, sample_weight=weight)
    direct = MLPClassifier(**SMALL).fit(StandardScaler().fit_transform(X), Y, sample_weight=weight)
    assert same_weights(pipe[-1], direct)


def test_pellucids_callbacks_work_in_a_fit(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    stop = EarlyStopping(monitor="validation_loss", patience=2)
    settings = {**SMALL, "max_iter": 500, "learning_rate_init": 0.2}
    model = MLPClassifier(**settings, callbacks=[stop, Checkpoint(path), CSVLogger(tmp_path / "log.csv")])
    model.fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert model.n_iter_ == stop.best_epoch + 3
    assert model.network_.evaluate(X[1::2], Y[1::2])["loss"] == pytest.approx(min(model.history_["validation_loss"]))
    assert Network.load(path).layers == model.network_.layers
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + model.n_iter_


class Interrupting(Callback):
    def on_epoch_end(self, run: Any, epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_fit_keeps_what_it_has() -> None:
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPClassifier(**SMALL, callbacks=[Interrupting()]).fit(X, Y)
    assert model.n_iter_ == 3
    assert same_weights(model, MLPClassifier(**{**SMALL, "max_iter": 3}).fit(X, Y))
