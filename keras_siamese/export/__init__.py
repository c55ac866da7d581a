"""Export: encoders in files of other runtimes, checked against what the encoder gives."""

from keras_siamese.export.encoder import export_encoder as export_encoder

__all__ = ["export_encoder"]
