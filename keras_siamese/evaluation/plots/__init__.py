"""Plots of embedding spaces and of how well they tell classes apart, as matplotlib figures."""

from keras_siamese.evaluation.plots.class_distances import (
    plot_class_distances as plot_class_distances,
)
from keras_siamese.evaluation.plots.distances import plot_distances as plot_distances
from keras_siamese.evaluation.plots.embeddings import plot_embeddings as plot_embeddings
from keras_siamese.evaluation.plots.neighbours import plot_neighbours as plot_neighbours
from keras_siamese.evaluation.plots.pairs import plot_pairs as plot_pairs
from keras_siamese.evaluation.plots.recall_at_k import plot_recall_at_k as plot_recall_at_k
from keras_siamese.evaluation.plots.roc import plot_roc as plot_roc
from keras_siamese.evaluation.plots.triplets import plot_triplets as plot_triplets

__all__ = [
    "plot_class_distances",
    "plot_distances",
    "plot_embeddings",
    "plot_neighbours",
    "plot_pairs",
    "plot_recall_at_k",
    "plot_roc",
    "plot_triplets",
]
