"""Evaluation of whole sets of embeddings: few-shot recognition, pictures, tables."""

from keras_siamese.evaluation.confusion import confused_classes as confused_classes
from keras_siamese.evaluation.embeddings import evaluate_embeddings as evaluate_embeddings
from keras_siamese.evaluation.few_shot import FewShotResult as FewShotResult
from keras_siamese.evaluation.few_shot import few_shot_accuracy as few_shot_accuracy
from keras_siamese.evaluation.plots import plot_embeddings as plot_embeddings
from keras_siamese.evaluation.table import format_table as format_table

__all__ = [
    "FewShotResult",
    "confused_classes",
    "evaluate_embeddings",
    "few_shot_accuracy",
    "format_table",
    "plot_embeddings",
]
