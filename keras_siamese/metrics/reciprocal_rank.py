"""Mean reciprocal rank: how far down is the first item of the query's class?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import reciprocal_rank


@keras.saving.register_keras_serializable(package="keras_siamese")
class MeanReciprocalRank(RankingMetric):
    """Mean over queries of `1 / rank` of the nearest item of their class: MRR.

    The rank is counted over the whole set, however far down it is.

    Exactly tied items count as in random order: a query scores the mean of `1 / rank` over these
    orders. Queries alone in their class are left out.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `mean_reciprocal_rank`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: In evaluation: if no class has 2 items, or pairs instead of items are
        evaluated.

    Example:
        >>> metric = keras_siamese.metrics.MeanReciprocalRank()
        >>> metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        >>> round(float(metric.result()), 4)  # (1 + 1 + 1/2) / 3
        0.8333
    """

    default_name = "mean_reciprocal_rank"
    looks_for_first_hit = True

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        return reciprocal_rank(rankings)
