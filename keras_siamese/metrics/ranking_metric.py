"""Base of the metrics that are a mean over queries."""

import numpy as np

from keras_siamese.metrics.collection import Accumulator
from keras_siamese.metrics.embedding_metric import EmbeddingMetric
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import DistanceBlock, LabelledSet


class RankingMetric(EmbeddingMetric):
    """Base of the metrics that are a mean over queries, each item being one against all others.

    The query itself is taken out of its ranking by its index. Items that are alone in their class
    have nothing to be found: as queries they are left out.

    A subclass defines `per_query`.
    """

    _direction = "up"

    def per_query(self, block: DistanceBlock) -> np.ndarray:
        """The figure of each query of the block: `(num_queries,)`, for the rows `block.queries`."""
        raise NotImplementedError

    def start(self, data: LabelledSet | GivenPairs) -> Accumulator:
        """See `EmbeddingMetric.start`."""
        if not isinstance(data, LabelledSet):
            raise ValueError(
                f"`{self.name}` ranks labelled items; pairs or triplets have no ranking. Evaluate "
                "on labelled data `(x, y)`, or use `keras_siamese.metrics.PairAUC`."
            )
        self.check_items(data)
        return _MeanOverQueries(self)

    def check_items(self, data: LabelledSet) -> None:
        """Checks that the figure is defined for these items.

        Raises: ValueError: If it is not.
        """
        if not data.num_queries:
            raise ValueError(
                f"`{self.name}` needs a class with at least 2 items. Received: {data.num_items} "
                "items, each alone in its class. Evaluate on a set with several items of a class."
            )


class _MeanOverQueries:
    def __init__(self, metric: RankingMetric) -> None:
        self._metric = metric
        self._sum, self._count = 0.0, 0

    def add(self, block: DistanceBlock) -> None:
        values = self._metric.per_query(block)
        self._sum += float(values.sum())
        self._count += len(values)

    def result(self) -> float:
        return self._sum / self._count
