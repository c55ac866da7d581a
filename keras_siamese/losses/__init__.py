"""Losses on embeddings, called as `loss(labels, embeddings)` in any Keras model."""

from keras_siamese.losses.contrastive import ContrastiveLoss as ContrastiveLoss
from keras_siamese.losses.metric_loss import LossResult as LossResult
from keras_siamese.losses.metric_loss import MetricLoss as MetricLoss
from keras_siamese.losses.triplet import TripletLoss as TripletLoss
from keras_siamese.losses.triplet import TripletSemiHardLoss as TripletSemiHardLoss

__all__ = [
    "ContrastiveLoss",
    "LossResult",
    "MetricLoss",
    "TripletLoss",
    "TripletSemiHardLoss",
]
