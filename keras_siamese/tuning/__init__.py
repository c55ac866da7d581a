"""Searches over hyper-parameters, on KerasTuner."""

from keras_siamese.tuning.hypermodel import SiameseHyperModel as SiameseHyperModel

__all__ = ["SiameseHyperModel"]
