"""Keras callbacks: the embedding space and the training, seen, and steered, while it runs."""

from keras_siamese.callbacks.embedding_pictures import EmbeddingPictures as EmbeddingPictures
from keras_siamese.callbacks.hard_class_mining import HardClassMining as HardClassMining
from keras_siamese.callbacks.hyperparameters import HyperParameters as HyperParameters
from keras_siamese.callbacks.projector import EmbeddingProjector as EmbeddingProjector
from keras_siamese.callbacks.retrieval_evaluation import RetrievalEvaluation as RetrievalEvaluation
from keras_siamese.callbacks.training_diagnostics import TrainingDiagnostics as TrainingDiagnostics

__all__ = [
    "EmbeddingPictures",
    "EmbeddingProjector",
    "HardClassMining",
    "HyperParameters",
    "RetrievalEvaluation",
    "TrainingDiagnostics",
]
