"""Front doors in the manner of scikit-learn, which need no scikit-learn: ``fit``, ``predict``."""

from hogwild.estimators.classifier import HogwildClassifier
from hogwild.estimators.regressor import HogwildRegressor

__all__ = ["HogwildClassifier", "HogwildRegressor"]
