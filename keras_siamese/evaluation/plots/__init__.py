"""Plots of embedding spaces and of how well they tell classes apart, as matplotlib figures."""

from keras_siamese.evaluation.plots.embeddings import plot_embeddings as plot_embeddings

__all__ = ["plot_embeddings"]
