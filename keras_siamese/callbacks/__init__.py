"""Keras callbacks: the embedding space and the training, seen while it runs."""

from keras_siamese.callbacks.projector import EmbeddingProjector as EmbeddingProjector

__all__ = ["EmbeddingProjector"]
