"""True recall at k: how many of the relevant items are found?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetricAtK
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import hits_within


@keras.saving.register_keras_serializable(package="keras_siamese")
class TrueRecallAtK(RankingMetricAtK):
    """Share of the relevant items that is among the k nearest, mean over queries.

    `hits among the k nearest / R`, R being the number of other items of the query's class: what
    information retrieval calls recall at k. With `k < R` it cannot reach 1. The hit rate of metric
    learning is `RecallAtK`.

    Exactly tied items count as in random order. Queries alone in their class are left out.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to `true_recall_at_{k}`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: If `k` is no positive integer. In evaluation: if a query has fewer than `k`
        items to rank, no class has 2 items, or pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.TrueRecallAtK(2)
        >>> metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        >>> round(float(metric.result()), 4)  # 1/2, 1/2 and 1/2, of 2 relevant items
        0.5
    """

    default_name = "true_recall"

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        return hits_within(rankings.to_depth(self.k), self.k) / rankings.num_relevant
