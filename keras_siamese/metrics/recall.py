"""Recall at k: is any of the nearest items of the query's class?"""

from typing import Any

import keras
import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.expected_rank import expected_hit_at_k
from keras_siamese.ops.labelled_set import DistanceBlock, LabelledSet


@keras.saving.register_keras_serializable(package="keras_siamese")
class RecallAtK(RankingMetric):
    """Share of queries with an item of their class among the k nearest, over the whole set.

    This is the hit rate that metric learning calls Recall@K (also CMC@K), each item being a query
    against all others. Information retrieval's recall at k, the share of the relevant items that is
    found, is another figure.

    Exactly tied items count as in random order: a query scores the probability of a hit. Queries
    alone in their class are left out.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to `recall_at_{k}`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If `k` is no positive integer. In evaluation: if `k` is not smaller than the
        number of items, no class has 2 items, or pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.RecallAtK(1)
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [9.0]])
        >>> float(metric.result())  # only that at 3 has its nearest neighbour in the other class
        0.75

    Reference: [Jegou et al., 2011](https://doi.org/10.1109/TPAMI.2010.57). Deviation: ties.
    """

    def __init__(
        self,
        k: int = 1,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.k = check_count("k", k)
        super().__init__(distance, name or f"recall_at_{self.k}", dtype)

    def check_items(self, data: LabelledSet) -> None:
        """See `RankingMetric.check_items`."""
        super().check_items(data)
        if self.k >= data.num_items:
            raise ValueError(
                f"`{self.name}` needs more than {self.k} items. Received: {data.num_items} items, "
                f"so each has {data.num_items - 1} others. Use a smaller `k` or a larger set."
            )

    def per_query(self, block: DistanceBlock) -> np.ndarray:
        """See `RankingMetric.per_query`."""
        tied_negatives, tied_positives = block.tied_with_nearest_positive
        rows = block.queries
        return expected_hit_at_k(
            block.closer_than_nearest_positive[rows],
            tied_negatives[rows],
            tied_positives[rows],
            self.k,
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"k": self.k, **super().get_config()}
