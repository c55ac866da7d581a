"""Mean average precision at R: are the nearest items all of the query's class, and first?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import average_precision_sum


@keras.saving.register_keras_serializable(package="keras_siamese")
class MAPAtR(RankingMetric):
    """Mean average precision at R, over the whole set.

    For a query with R other items of its class: `(1 / R) * sum over i <= R of P(i) * rel(i)`, where
    `rel(i)` is 1 if the i-th nearest item is of its class, and `P(i)` is the share of such items
    among the i nearest. R is each query's own, and nothing bounds it; 1 means that all R come
    first. The mean runs over the queries with R > 0.

    Exactly tied items count as in random order: a query scores the expected value.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `map_at_r`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: In evaluation: if no class has 2 items, or pairs instead of items are
        evaluated.

    Example:
        >>> metric = keras_siamese.metrics.MAPAtR()
        >>> metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        >>> round(float(metric.result()), 4)  # (1/2 + 1/2 + 1/4) / 3
        0.4167

    Reference: [Musgrave et al., 2020](https://arxiv.org/abs/2003.08505). Deviation: ties.
    """

    default_name = "map_at_r"

    def depth(self, num_relevant: np.ndarray) -> np.ndarray:
        """See `RankingMetric.depth`."""
        return num_relevant

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        return average_precision_sum(rankings, rankings.num_relevant) / rankings.num_relevant
