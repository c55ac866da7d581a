"""What an index answers: nearest items, items within a distance, labels."""

import threading
from typing import Any

import numpy as np

from keras_siamese.evaluation.calibrated import Calibration
from keras_siamese.index.index_encoder import IndexEncoder
from keras_siamese.index.rerank import Reranking
from keras_siamese.index.results import Neighbours, NeighboursWithin
from keras_siamese.index.vector_index import VectorIndex, check_threshold
from keras_siamese.index.vectors import as_vectors
from keras_siamese.index.vote import as_unknown_label, vote
from keras_siamese.ops.checks import check_choice

_NOT_CALIBRATED = (
    "The index is not calibrated. Use `index.calibrate(x_val, y_val)` first, or give `threshold`; "
    '`float("inf")` takes every item for near.'
)


class IndexQueries:
    """The queries of an `EmbeddingIndex`, which change nothing.

    Args:
        encoder: Embeds queries.
        index: The items.
    """

    def __init__(self, encoder: IndexEncoder, index: VectorIndex) -> None:
        self._encoder, self._index = encoder, index
        self._calibration: Calibration | None = None
        self._lock = threading.RLock()

    def query(
        self, x: Any, k: int = 10, *, rerank: Reranking | None = None, batch_size: int = 256
    ) -> Neighbours:
        """Finds the k nearest items of each query.

        Args:
            x: Queries, as for `add`; labels are not looked at.
            k: At most the number of items.
            rerank: `KReciprocal()` or `QueryExpansion()`. Distances are still those between query
                and item, so that they need not ascend.
            batch_size: Queries embedded at a time.

        Raises: ValueError: If the index is empty, k too large, or queries do not fit.
        """
        with self._lock:
            return self.query_embeddings(self._embed(x, batch_size), k, rerank=rerank)

    def query_embeddings(
        self, embeddings: Any, k: int = 10, *, rerank: Reranking | None = None
    ) -> Neighbours:
        """Finds the k nearest items of each embedding: see `query`."""
        with self._lock:
            if rerank is None:
                return self._index.nearest(embeddings, k)
            if not isinstance(rerank, Reranking):
                raise ValueError(
                    f"`rerank` must be `KReciprocal()` or `QueryExpansion()`. Received: {rerank!r}."
                )
            queries = as_vectors(embeddings, self._index.embedding_dim)
            self._index.find(queries[:0], k)  # checks k
            positions = rerank.find(self._index, queries, k)
            found = self._index.running.distances_of(queries, positions)
            return self._index.describe(positions, found)

    def query_within(
        self, x: Any, threshold: "float | str | None" = None, *, batch_size: int = 256
    ) -> NeighboursWithin:
        """Finds all items within a distance of each query.

        Args:
            x: Queries, as for `add`; labels are not looked at.
            threshold: The greatest distance, or the name of an operating point of the calibration.
                Defaults to the calibrated threshold.
            batch_size: Queries embedded at a time.

        Raises: ValueError: If the index is empty, there is no threshold, or queries do not fit.
        """
        with self._lock:
            return self.query_embeddings_within(self._embed(x, batch_size), threshold)

    def query_embeddings_within(
        self, embeddings: Any, threshold: "float | str | None" = None
    ) -> NeighboursWithin:
        """Finds all items within a distance of each embedding: see `query_within`."""
        with self._lock:
            return self._index.within(embeddings, self._threshold(threshold))

    def predict(
        self,
        x: Any,
        k: int = 1,
        *,
        threshold: "float | str | None" = None,
        unknown_label: Any = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Names the label of each query, or says that it is unknown.

        The label is the most frequent one among the k nearest items that lie within the threshold;
        of several, that of the nearest item. Without such an item the query is unknown.

        Args:
            x: Queries, as for `add`; labels are not looked at.
            k: Neighbours with a vote.
            threshold: The greatest distance, or the name of an operating point of the calibration.
                Defaults to the calibration's `unknown_threshold`; `float("inf")` for no unknowns.
            unknown_label: Stands for unknown queries. Defaults to `"unknown"` among names and -1
                among integers.
            batch_size: Queries embedded at a time.

        Returns: Labels, shape `(num_queries,)`.

        Raises: ValueError: If there is no threshold, items have no labels, or `unknown_label` is
            one of them.
        """
        with self._lock:
            column = self._index.items.labels
            unknown_label = as_unknown_label(unknown_label, column)
            if threshold is None and self._calibration is not None:
                threshold = self._calibration.unknown_threshold
            limit = self._threshold(threshold)
            found = self.query(x, k, batch_size=batch_size)
            assert found.labels is not None
            winners, is_known = vote(found.labels, found.distances, limit)
            labels = np.take_along_axis(found.labels, winners[:, None], axis=1)[:, 0]
            return np.where(is_known, labels, unknown_label)

    def match_probability(self, x: Any, *, batch_size: int = 256) -> np.ndarray:
        """Probability that each query and its nearest item are of one class.

        It is that of any two items at their distance, as calibrated on pairs: the nearest of very
        many items is a match less often than this says.

        Args:
            x: Queries, as for `add`; labels are not looked at.
            batch_size: Queries embedded at a time.

        Returns: Shape `(num_queries,)`.

        Raises: ValueError: If the index is not calibrated.
        """
        with self._lock:
            if self._calibration is None:
                raise ValueError(_NOT_CALIBRATED)
            nearest = self.query(x, 1, batch_size=batch_size).distances[:, 0]
            return np.asarray(self._calibration.probability(nearest))

    def _embed(self, x: Any, batch_size: int = 256) -> np.ndarray:
        return self._encoder.embed(x, batch_size, self._index.embedding_dim)

    def _threshold(self, threshold: "float | str | None") -> float:
        if threshold is not None and not isinstance(threshold, str):
            return check_threshold(threshold)
        if self._calibration is None:
            raise ValueError(_NOT_CALIBRATED)
        points = self._calibration.operating_points
        return points[check_choice("threshold", threshold or "default", points)].threshold
