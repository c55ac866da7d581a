"""Evaluation of whole sets: reports, retrieval, verification, thresholds, confidence, plots."""

from keras_siamese.evaluation.calibrated import CalibratedPoint as CalibratedPoint
from keras_siamese.evaluation.calibrated import Calibration as Calibration
from keras_siamese.evaluation.calibration import calibrate as calibrate
from keras_siamese.evaluation.calibration import (
    calibrate_pair_distances as calibrate_pair_distances,
)
from keras_siamese.evaluation.classifiers import (
    NearestNeighbourClassifier as NearestNeighbourClassifier,
)
from keras_siamese.evaluation.classifiers import PrototypeClassifier as PrototypeClassifier
from keras_siamese.evaluation.comparison import Difference as Difference
from keras_siamese.evaluation.comparison import compare as compare
from keras_siamese.evaluation.confidence import Interval as Interval
from keras_siamese.evaluation.confidence import bootstrap_interval as bootstrap_interval
from keras_siamese.evaluation.confidence import confidence_intervals as confidence_intervals
from keras_siamese.evaluation.confusion import confused_classes as confused_classes
from keras_siamese.evaluation.embeddings import evaluate_embeddings as evaluate_embeddings
from keras_siamese.evaluation.extreme_pairs import ExtremePairs as ExtremePairs
from keras_siamese.evaluation.extreme_pairs import find_extreme_pairs as find_extreme_pairs
from keras_siamese.evaluation.few_shot import FewShotResult as FewShotResult
from keras_siamese.evaluation.few_shot import few_shot_accuracy as few_shot_accuracy
from keras_siamese.evaluation.lfw import FoldAccuracy as FoldAccuracy
from keras_siamese.evaluation.lfw import lfw_accuracy as lfw_accuracy
from keras_siamese.evaluation.operating_points import OperatingPoint as OperatingPoint
from keras_siamese.evaluation.plots import plot_class_distances as plot_class_distances
from keras_siamese.evaluation.plots import plot_distances as plot_distances
from keras_siamese.evaluation.plots import plot_embeddings as plot_embeddings
from keras_siamese.evaluation.plots import plot_neighbours as plot_neighbours
from keras_siamese.evaluation.plots import plot_pairs as plot_pairs
from keras_siamese.evaluation.plots import plot_recall_at_k as plot_recall_at_k
from keras_siamese.evaluation.plots import plot_roc as plot_roc
from keras_siamese.evaluation.plots import plot_triplets as plot_triplets
from keras_siamese.evaluation.report import EvaluationReport as EvaluationReport
from keras_siamese.evaluation.report import SetSummary as SetSummary
from keras_siamese.evaluation.retrieval import RetrievalResult as RetrievalResult
from keras_siamese.evaluation.retrieval import evaluate_retrieval as evaluate_retrieval
from keras_siamese.evaluation.table import format_table as format_table
from keras_siamese.evaluation.verification import VerificationResult as VerificationResult
from keras_siamese.evaluation.verification import evaluate_pair_distances as evaluate_pair_distances
from keras_siamese.evaluation.verification import evaluate_verification as evaluate_verification

__all__ = [
    "CalibratedPoint",
    "Calibration",
    "Difference",
    "EvaluationReport",
    "ExtremePairs",
    "FewShotResult",
    "FoldAccuracy",
    "Interval",
    "NearestNeighbourClassifier",
    "OperatingPoint",
    "PrototypeClassifier",
    "RetrievalResult",
    "SetSummary",
    "VerificationResult",
    "bootstrap_interval",
    "calibrate",
    "calibrate_pair_distances",
    "compare",
    "confidence_intervals",
    "confused_classes",
    "evaluate_embeddings",
    "evaluate_pair_distances",
    "evaluate_retrieval",
    "evaluate_verification",
    "few_shot_accuracy",
    "find_extreme_pairs",
    "format_table",
    "lfw_accuracy",
    "plot_class_distances",
    "plot_distances",
    "plot_embeddings",
    "plot_neighbours",
    "plot_pairs",
    "plot_recall_at_k",
    "plot_roc",
    "plot_triplets",
]
