"""Spark's page "Optimization - RDD-based API": without a JVM, and on Spark where one is needed.

The names are Spark's, in snake_case. An optimizer is given a *gradient* (the loss of a row), an
*updater* (the regulariser and the step) and *partitions* (where the rows lie), and knows nothing
else. What is where:

==================================  ==============================================================
the page's parts                    ``gradients``, ``updaters``; ``gradient_descent``; ``lbfgs``
                                    (loop in ``first_order``, ``line_search``, objective in
                                    ``cost``); ``owlqn``; ``result``, ``certificate``
where the rows lie                  ``partitions``: ``local`` (``crew`` has its workers),
                                    ``spark``; ``given``, ``products``
which rows Spark draws              ``java_random``, ``sampling``, ``layouts``
rows and files                      ``vectors``, ``labeled_point``, ``libsvm_files``, ``ml_utils``
training classes                    ``generalized_linear``, ``algorithms``, ``logistic_lbfgs``
                                    (standardised route: ``standardised``, ``moments``)
models and their files              ``regression``, ``classification``, ``model_files``, ``pmml``
how good they are                   ``binary_metrics``, ``regression_metrics``,
                                    ``multiclass_metrics``
==================================  ==============================================================
"""

from hogwild.mllib.algorithms import (
    LassoWithSGD,
    LinearRegressionWithSGD,
    LogisticRegressionWithSGD,
    RidgeRegressionWithSGD,
    SVMWithSGD,
)
from hogwild.mllib.binary_metrics import BinaryClassificationMetrics
from hogwild.mllib.certificate import gradient_mapping
from hogwild.mllib.classification import ClassificationModel, LogisticRegressionModel, SVMModel
from hogwild.mllib.generalized_linear import GeneralizedLinearAlgorithm
from hogwild.mllib.gradient_descent import GradientDescent, run_mini_batch_sgd
from hogwild.mllib.gradients import Gradient, HingeGradient, LeastSquaresGradient, LogisticGradient
from hogwild.mllib.java_random import JavaRandom, XORShiftRandom
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.lbfgs import LBFGS, run_lbfgs
from hogwild.mllib.libsvm_files import load_libsvm_file, save_as_libsvm_file
from hogwild.mllib.local import LocalPartitions, as_partitions
from hogwild.mllib.logistic_lbfgs import LogisticRegressionWithLBFGS
from hogwild.mllib.ml_utils import append_bias, k_fold, random_split, sample
from hogwild.mllib.multiclass_metrics import MulticlassMetrics
from hogwild.mllib.owlqn import OWLQN, run_owlqn
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.regression import (
    GeneralizedLinearModel,
    LassoModel,
    LinearRegressionModel,
    RidgeRegressionModel,
)
from hogwild.mllib.regression_metrics import RegressionMetrics
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.spark import SparkPartitions
from hogwild.mllib.updaters import L1Updater, SimpleUpdater, SquaredL2Updater, Updater
from hogwild.mllib.validators import InputValidationFailed
from hogwild.mllib.vectors import SparseVector

__all__ = [
    "BinaryClassificationMetrics",
    "ClassificationModel",
    "GeneralizedLinearAlgorithm",
    "GeneralizedLinearModel",
    "Gradient",
    "GradientDescent",
    "HingeGradient",
    "InputValidationFailed",
    "JavaRandom",
    "L1Updater",
    "LBFGS",
    "LabeledPoint",
    "LassoModel",
    "LassoWithSGD",
    "LeastSquaresGradient",
    "LinearRegressionModel",
    "LinearRegressionWithSGD",
    "LocalPartitions",
    "LogisticGradient",
    "LogisticRegressionModel",
    "LogisticRegressionWithLBFGS",
    "LogisticRegressionWithSGD",
    "MulticlassMetrics",
    "OWLQN",
    "OptimizerResult",
    "Partitions",
    "RegressionMetrics",
    "RidgeRegressionModel",
    "RidgeRegressionWithSGD",
    "Rows",
    "SVMModel",
    "SVMWithSGD",
    "SimpleUpdater",
    "SparkPartitions",
    "SparseVector",
    "SquaredL2Updater",
    "Updater",
    "XORShiftRandom",
    "append_bias",
    "as_partitions",
    "gradient_mapping",
    "k_fold",
    "load_libsvm_file",
    "random_split",
    "run_lbfgs",
    "run_mini_batch_sgd",
    "run_owlqn",
    "sample",
    "save_as_libsvm_file",
]
