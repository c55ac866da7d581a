"""Pairs that are hard relative to the other pairs of their anchor."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.pairs import PairMiner, Pairs, all_pairs
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import infinity
from keras_siamese.ops.positives import Classes


@keras.saving.register_keras_serializable(package="keras_siamese")
class MultiSimilarityMiner(PairMiner):
    """Negatives nearer than the farthest positive, and positives farther than the nearest negative.

    For similarity `s`, anchor `a`, its positives `p` and negatives `n`: a negative is kept if
    `s(a, n) > min_p s(a, p) - epsilon`, a positive if `s(a, p) < max_n s(a, n) + epsilon`. An
    anchor without a positive or without a negative has no pair.

    Args:
        epsilon: Positive float in units of the similarity: the cosine under the cosine distance,
            the inner product under `"inner_product"`, else the negated distance. Defaults to 0.1.

    Raises: ValueError: If `epsilon` is not positive.

    Example: From 0, the positive lies at 1; the negative at 1.05 is kept, the one at 2 is not:

        >>> pairs = MultiSimilarityMiner()([0, 0, 1, 2], [[0.0], [1.0], [-1.05], [-2.0]])
        >>> pairs.mask.numpy()[0].tolist()
        [False, True, True, False]

    Reference: [Wang et al., 2019](https://arxiv.org/abs/1904.06627), equations 11 and 12.
    """

    name: ClassVar[str] = "multi_similarity"

    def __init__(self, epsilon: float = 0.1) -> None:
        self.epsilon = check_positive("epsilon", epsilon)

    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Pairs:
        """See `PairMiner.mine`."""
        pairs = all_pairs(classes)

        def choose(anchors: Any, positive: Any, negative: Any) -> Any:
            s = distance.pairwise_similarity(anchors, candidates)
            inf = infinity(s)
            farthest = ops.min(ops.where(positive, s, inf), axis=1, keepdims=True)
            nearest = ops.max(ops.where(negative, s, -inf), axis=1, keepdims=True)
            return ops.logical_or(
                ops.logical_and(positive, s < nearest + self.epsilon),
                ops.logical_and(negative, s > farthest - self.epsilon),
            )

        mask = map_row_blocks(
            choose,
            (anchors, pairs.positive, pairs.negative),
            rows_within(2**19, candidates.shape[0]),
        )
        return pairs._replace(mask=mask)

    def get_config(self) -> dict[str, Any]:
        """See `PairMiner.get_config`."""
        return {"epsilon": self.epsilon}
