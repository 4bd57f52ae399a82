"""Front doors in the manner of scikit-learn, which need no scikit-learn: ``fit``, ``predict``."""

from hogwild.estimators.classifier import HogwildClassifier
from hogwild.estimators.field_aware import FieldAwareClassifier
from hogwild.estimators.matrix import MatrixFactorization
from hogwild.estimators.regressor import HogwildRegressor

__all__ = ["FieldAwareClassifier", "HogwildClassifier", "HogwildRegressor", "MatrixFactorization"]
