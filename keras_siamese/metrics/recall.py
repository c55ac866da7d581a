"""Recall at k: is any of the nearest items of the query's class?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetricAtK
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import hit_at_k


@keras.saving.register_keras_serializable(package="keras_siamese")
class RecallAtK(RankingMetricAtK):
    """Share of queries with an item of their class among the k nearest, over the whole set.

    This is the hit rate that metric learning calls Recall@K (also CMC@K), each item being a query
    against all others. Information retrieval's recall at k, the share of the relevant items that is
    found, is another figure: see `TrueRecallAtK`.

    Exactly tied items count as in random order: a query scores the probability of a hit. Queries
    alone in their class are left out.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to `recall_at_{k}`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: If `k` is no positive integer. In evaluation: if a query has fewer than `k`
        items to rank, no class has 2 items, or pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.RecallAtK(1)
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [9.0]])
        >>> float(metric.result())  # only that at 3 has its nearest neighbour in the other class
        0.75

    Reference: [Jegou et al., 2011](https://doi.org/10.1109/TPAMI.2010.57). Deviation: ties.
    """

    default_name = "recall"

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        return hit_at_k(rankings.to_depth(self.k), self.k)
