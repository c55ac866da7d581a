"""NDCG at k: gains of relevant items, discounted by their place."""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetricAtK
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import discounted_gain, ideal_gain


@keras.saving.register_keras_serializable(package="keras_siamese")
class NDCGAtK(RankingMetricAtK):
    """Normalized discounted cumulative gain among the k nearest, mean over queries.

    `sum over i <= k of rel(i) / log2(1 + i)`, rel(i) being 1 if the i-th nearest item is of the
    query's class and 0 if not, over the largest value that it could have for this query.

    Exactly tied items count as in random order. Queries alone in their class are left out.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to `ndcg_at_{k}`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: If `k` is no positive integer. In evaluation: if a query has fewer than `k`
        items to rank, no class has 2 items, or pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.NDCGAtK(1)
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [9.0]])
        >>> float(metric.result())
        0.75

    Reference: [Järvelin & Kekäläinen, 2002](https://doi.org/10.1145/582415.582418), with the
        discount of [Wang et al., 2013](https://arxiv.org/abs/1304.6480).
    """

    default_name = "ndcg"

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        ideal = ideal_gain(rankings.num_relevant, self.k)
        return discounted_gain(rankings.to_depth(self.k), self.k) / ideal
