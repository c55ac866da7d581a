"""Metric learning for Keras 3: embeddings whose distance means similarity."""

from keras_siamese import callbacks as callbacks
from keras_siamese import data as data
from keras_siamese import distances as distances
from keras_siamese import encoders as encoders
from keras_siamese import evaluation as evaluation
from keras_siamese import losses as losses
from keras_siamese import metrics as metrics
from keras_siamese import miners as miners
from keras_siamese.model import SiameseModel as SiameseModel

__all__ = [
    "SiameseModel",
    "callbacks",
    "data",
    "distances",
    "encoders",
    "evaluation",
    "losses",
    "metrics",
    "miners",
]
