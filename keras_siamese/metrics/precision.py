"""Precision at k: how many of the nearest items are of the query's class?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetricAtK
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import hits_within


@keras.saving.register_keras_serializable(package="keras_siamese")
class PrecisionAtK(RankingMetricAtK):
    """Share of the k nearest items that are of the query's class, mean over queries.

    With fewer relevant items than `k` it cannot reach 1; `RPrecision` can.

    Exactly tied items count as in random order. Queries alone in their class are left out.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to `precision_at_{k}`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: If `k` is no positive integer. In evaluation: if a query has fewer than `k`
        items to rank, no class has 2 items, or pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.PrecisionAtK(2)
        >>> metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        >>> float(metric.result())  # each query finds one relevant item among two
        0.5
    """

    default_name = "precision"

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        return hits_within(rankings.to_depth(self.k), self.k) / self.k
