"""An index of embedded items: add, query, predict, calibrate, save and load."""

from keras_siamese.index.embedding_index import EmbeddingIndex as EmbeddingIndex
from keras_siamese.index.k_reciprocal import k_reciprocal_distances as k_reciprocal_distances
from keras_siamese.index.query_expansion import expand_queries as expand_queries
from keras_siamese.index.rerank import KReciprocal as KReciprocal
from keras_siamese.index.rerank import QueryExpansion as QueryExpansion
from keras_siamese.index.rerank import Reranking as Reranking
from keras_siamese.index.results import Neighbours as Neighbours
from keras_siamese.index.results import NeighboursWithin as NeighboursWithin
from keras_siamese.index.results import RemovedDuplicates as RemovedDuplicates

__all__ = [
    "EmbeddingIndex",
    "KReciprocal",
    "Neighbours",
    "NeighboursWithin",
    "QueryExpansion",
    "RemovedDuplicates",
    "Reranking",
    "expand_queries",
    "k_reciprocal_distances",
]
