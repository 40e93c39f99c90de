"""scikit-learn's own checks of an estimator's behaviour: all of them, none expected to fail."""

import importlib.util
import inspect
from typing import Any

import pytest
import sklearn.neural_network
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_inplace_ensure_writeable,
    check_param_validation,
)

from pellucid.estimators import MLPClassifier, MLPRegressor

BOTH = (MLPClassifier, MLPRegressor)
WITHOUT_CAUSE = {
    "check_array_api_input": "arrays of other libraries are for SCIPY_ARRAY_API=1",
    "check_classifiers_multilabel_output_format_decision_function": "scikit-learn's MLP has none either",
}
WITHOUT_PANDAS = ("check_sample_weights_pandas_series", "check_classifier_data_not_an_array") + (
    "check_regressor_data_not_an_array",
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", BOTH)
def test_all_checks_pass(estimator: Any) -> None:
    results = check_estimator(estimator(), on_fail="raise", on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    if importlib.util.find_spec("pandas") is None:
        skipped -= set(WITHOUT_PANDAS)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert skipped <= set(WITHOUT_CAUSE)
    assert len(results) > 50


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", BOTH)
def test_checks_beyond_the_common_ones_pass(estimator: Any) -> None:
    name = estimator.__name__
    check_param_validation(name, estimator())
    check_inplace_ensure_writeable(name, estimator())
    if importlib.util.find_spec("pandas") is not None:
        check_dataframe_column_names_consistency(name, estimator())


@pytest.mark.parametrize("estimator", BOTH)
def test_every_argument_of_scikit_learn_is_there_with_its_default(estimator: Any) -> None:
    ours = inspect.signature(estimator).parameters
    theirs = inspect.signature(getattr(sklearn.neural_network, estimator.__name__)).parameters
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name
        assert ours[name].kind == parameter.kind, name
    assert [name for name in ours if name in theirs] == list(theirs)
