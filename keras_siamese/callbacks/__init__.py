"""Keras callbacks: the embedding space and the training, seen, and steered, while it runs."""

from keras_siamese.callbacks.hard_class_mining import HardClassMining as HardClassMining
from keras_siamese.callbacks.projector import EmbeddingProjector as EmbeddingProjector

__all__ = ["EmbeddingProjector", "HardClassMining"]
