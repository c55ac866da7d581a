"""Metric learning for Keras 3: embeddings whose distance means similarity."""

import importlib
from types import ModuleType

from keras_siamese import callbacks as callbacks
from keras_siamese import data as data
from keras_siamese import distances as distances
from keras_siamese import encoders as encoders
from keras_siamese import evaluation as evaluation
from keras_siamese import export as export
from keras_siamese import index as index
from keras_siamese import losses as losses
from keras_siamese import metrics as metrics
from keras_siamese import miners as miners
from keras_siamese import relations as relations
from keras_siamese.index import EmbeddingIndex as EmbeddingIndex
from keras_siamese.model import SiameseModel as SiameseModel

__all__ = [
    "EmbeddingIndex",
    "SiameseModel",
    "callbacks",
    "data",
    "distances",
    "encoders",
    "evaluation",
    "export",
    "index",
    "losses",
    "metrics",
    "miners",
    "relations",
    "tuning",
]


def __getattr__(name: str) -> ModuleType:
    # KerasTuner takes seconds to import, so that only its users pay for it.
    if name == "tuning":
        return importlib.import_module("keras_siamese.tuning")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
