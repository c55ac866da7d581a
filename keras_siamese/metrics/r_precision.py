"""R-precision: how many of the R nearest items are of the query's class?"""

import keras
import numpy as np

from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.retrieval_figures import hits_within


@keras.saving.register_keras_serializable(package="keras_siamese")
class RPrecision(RankingMetric):
    """Share of the R nearest items that are of the query's class, mean over queries.

    R is the number of other items of the query's class, so 1 is reached if each class stands alone.
    R differs between queries, and nothing bounds it.

    Exactly tied items count as in random order. Queries alone in their class are left out.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `r_precision`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.

    Raises: ValueError: In evaluation: if no class has 2 items, or pairs instead of items are
        evaluated.

    Example:
        >>> metric = keras_siamese.metrics.RPrecision()
        >>> metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        >>> float(metric.result())
        0.5

    Reference: [Musgrave et al., 2020](https://arxiv.org/abs/2003.08505). Deviation: ties.
    """

    default_name = "r_precision"

    def depth(self, num_relevant: np.ndarray) -> np.ndarray:
        """See `RankingMetric.depth`."""
        return num_relevant

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """See `RankingMetric.of_queries`."""
        return hits_within(rankings, rankings.num_relevant) / rankings.num_relevant
