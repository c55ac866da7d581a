"""Metrics over the embeddings of a whole set: retrieval, verification, geometry."""

from keras_siamese.metrics.batch_figures import BatchFigures as BatchFigures
from keras_siamese.metrics.collection import EmbeddingCollection as EmbeddingCollection
from keras_siamese.metrics.embedding_metric import EmbeddingMetric as EmbeddingMetric
from keras_siamese.metrics.map_at_r import MAPAtR as MAPAtR
from keras_siamese.metrics.pair_auc import PairAUC as PairAUC
from keras_siamese.metrics.pair_distances import DistanceRatio as DistanceRatio
from keras_siamese.metrics.pair_distances import MeanNegativeDistance as MeanNegativeDistance
from keras_siamese.metrics.pair_distances import MeanPositiveDistance as MeanPositiveDistance
from keras_siamese.metrics.recall import RecallAtK as RecallAtK

__all__ = [
    "BatchFigures",
    "DistanceRatio",
    "EmbeddingCollection",
    "EmbeddingMetric",
    "MAPAtR",
    "MeanNegativeDistance",
    "MeanPositiveDistance",
    "PairAUC",
    "RecallAtK",
]
