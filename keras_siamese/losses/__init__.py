"""Losses on embeddings, called as `loss(labels, embeddings)` in any Keras model."""

from keras_siamese.losses.contrastive import ContrastiveLoss as ContrastiveLoss
from keras_siamese.losses.metric_loss import LossResult as LossResult
from keras_siamese.losses.metric_loss import MetricLoss as MetricLoss
from keras_siamese.losses.pair_loss import AnchorLoss as AnchorLoss
from keras_siamese.losses.pair_loss import PairLoss as PairLoss
from keras_siamese.losses.triplet import TripletLoss as TripletLoss
from keras_siamese.losses.triplet import TripletSemiHardLoss as TripletSemiHardLoss
from keras_siamese.losses.tuple_loss import TupleLoss as TupleLoss
from keras_siamese.losses.tuple_loss import TupleLosses as TupleLosses
from keras_siamese.losses.tuple_loss import losses_of as losses_of

__all__ = [
    "AnchorLoss",
    "ContrastiveLoss",
    "LossResult",
    "MetricLoss",
    "PairLoss",
    "TripletLoss",
    "TripletSemiHardLoss",
    "TupleLoss",
    "TupleLosses",
    "losses_of",
]
