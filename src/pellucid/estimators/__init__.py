"""scikit-learn's multi-layer perceptrons on Pellucid's engines: the same arguments and attributes, and more."""

try:
    import sklearn as _sklearn
except ImportError as error:
    raise ImportError("pellucid.estimators needs scikit-learn; pip install 'pellucid[sklearn]'.") from error

from pellucid.estimators.classifier import MLPClassifier
from pellucid.estimators.regressor import MLPRegressor

del _sklearn

__all__ = ["MLPClassifier", "MLPRegressor"]
