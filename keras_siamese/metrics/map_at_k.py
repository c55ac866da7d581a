"""Mean average precision at k: do the relevant items come first?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetricAtK
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import average_precision_sum


@keras.saving.register_keras_serializable(package="keras_siamese")
class MAPAtK(RankingMetricAtK):
    """Mean average precision at k over the whole set.

    For a query with R other items of its class: `sum over i <= k of P(i) * rel(i) / min(R, k)`,
    where `rel(i)` is 1 if the i-th nearest item is of its class, and `P(i)` is the share of such
    items among the i nearest. Libraries differ in what they divide by: with `min(R, k)`, 1 means
    that relevant items come first, whatever `k` is. The mean runs over the queries with R > 0.

    Exactly tied items count as in random order: a query scores the expected value.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to `map_at_{k}`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: If `k` is no positive integer. In evaluation: if a query has fewer than `k`
        items to rank, no class has 2 items, or pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.MAPAtK(3)
        >>> metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        >>> round(float(metric.result()), 4)  # (1 + 2/3) / 2 twice, (1/2 + 2/3) / 2
        0.75
    """

    default_name = "map"

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        reachable = np.minimum(rankings.num_relevant, self.k)
        return average_precision_sum(rankings.to_depth(self.k), self.k) / reachable
