"""Metrics over the embeddings of a whole set: retrieval, verification, geometry."""

from keras_siamese.metrics.batch_figures import BatchFigures as BatchFigures
from keras_siamese.metrics.clustering import AdjustedMutualInformation as AdjustedMutualInformation
from keras_siamese.metrics.clustering import AdjustedRandIndex as AdjustedRandIndex
from keras_siamese.metrics.clustering import (
    NormalizedMutualInformation as NormalizedMutualInformation,
)
from keras_siamese.metrics.clustering import Silhouette as Silhouette
from keras_siamese.metrics.collection import EmbeddingCollection as EmbeddingCollection
from keras_siamese.metrics.embedding_metric import EmbeddingMetric as EmbeddingMetric
from keras_siamese.metrics.geometry import Alignment as Alignment
from keras_siamese.metrics.geometry import EffectiveRank as EffectiveRank
from keras_siamese.metrics.geometry import PerDimensionSpread as PerDimensionSpread
from keras_siamese.metrics.geometry import Uniformity as Uniformity
from keras_siamese.metrics.map_at_k import MAPAtK as MAPAtK
from keras_siamese.metrics.map_at_r import MAPAtR as MAPAtR
from keras_siamese.metrics.ndcg import NDCGAtK as NDCGAtK
from keras_siamese.metrics.pair_auc import PairAUC as PairAUC
from keras_siamese.metrics.pair_auc import PairPRAUC as PairPRAUC
from keras_siamese.metrics.pair_distances import DistanceGap as DistanceGap
from keras_siamese.metrics.pair_distances import DistanceRatio as DistanceRatio
from keras_siamese.metrics.pair_distances import DPrime as DPrime
from keras_siamese.metrics.pair_distances import MeanNegativeDistance as MeanNegativeDistance
from keras_siamese.metrics.pair_distances import MeanPositiveDistance as MeanPositiveDistance
from keras_siamese.metrics.pair_metric import PairMetric as PairMetric
from keras_siamese.metrics.pair_rates import EqualErrorRate as EqualErrorRate
from keras_siamese.metrics.pair_rates import FalseNonMatchRate as FalseNonMatchRate
from keras_siamese.metrics.pair_rates import TrueAcceptRate as TrueAcceptRate
from keras_siamese.metrics.precision import PrecisionAtK as PrecisionAtK
from keras_siamese.metrics.r_precision import RPrecision as RPrecision
from keras_siamese.metrics.ranking_metric import RankingMetric as RankingMetric
from keras_siamese.metrics.recall import RecallAtK as RecallAtK
from keras_siamese.metrics.reciprocal_rank import MeanReciprocalRank as MeanReciprocalRank
from keras_siamese.metrics.space_metric import SpaceMetric as SpaceMetric
from keras_siamese.metrics.true_recall import TrueRecallAtK as TrueRecallAtK

__all__ = [
    "AdjustedMutualInformation",
    "AdjustedRandIndex",
    "Alignment",
    "BatchFigures",
    "DPrime",
    "DistanceGap",
    "DistanceRatio",
    "EffectiveRank",
    "EmbeddingCollection",
    "EmbeddingMetric",
    "EqualErrorRate",
    "FalseNonMatchRate",
    "MAPAtK",
    "MAPAtR",
    "MeanNegativeDistance",
    "MeanPositiveDistance",
    "MeanReciprocalRank",
    "NDCGAtK",
    "NormalizedMutualInformation",
    "PairAUC",
    "PairMetric",
    "PairPRAUC",
    "PerDimensionSpread",
    "PrecisionAtK",
    "RPrecision",
    "RankingMetric",
    "RecallAtK",
    "Silhouette",
    "SpaceMetric",
    "TrueAcceptRate",
    "TrueRecallAtK",
    "Uniformity",
]
