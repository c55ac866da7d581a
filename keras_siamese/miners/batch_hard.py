"""The hardest triplet of each anchor."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.triplets import TripletMiner, Triplets
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.numerics import count_true, infinity
from keras_siamese.ops.positives import Classes, find_positives


@keras.saving.register_keras_serializable(package="keras_siamese")
class BatchHardMiner(TripletMiner):
    """One triplet for each anchor: its farthest positive and its nearest negative.

    An anchor without a positive or without a negative gives none.

    Reference: [Hermans et al., 2017](https://arxiv.org/abs/1703.07737), equation 5.
    """

    name: ClassVar[str] = "batch_hard"

    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Triplets:
        """See `TripletMiner.mine`."""
        positives = find_positives(classes)

        def choose(anchors: Any, matched: Any, positive: Any, mask: Any) -> tuple[Any, Any, Any]:
            d = distance.pairwise(anchors, candidates)
            inf = infinity(d)
            d_ap = ops.where(mask, ops.take_along_axis(d, positive, axis=1), -inf)
            d_an = ops.where(classes.matches(matched), inf, d)
            slot = ops.argmax(d_ap, axis=1)[:, None]
            found = ops.logical_and(ops.max(d_ap, axis=1) > -inf, ops.min(d_an, axis=1) < inf)
            nearest = ops.cast(ops.argmin(d_an, axis=1), "int32")
            return ops.take_along_axis(positive, slot, axis=1), nearest[:, None], found[:, None]

        positive, negative, mask = map_row_blocks(
            choose,
            (anchors, classes.rows, positives.candidate, positives.mask),
            rows_within(2**19, candidates.shape[0]),
        )
        num_pairs = count_true(ops.any(positives.mask, axis=1))
        return Triplets(positive, negative, mask, num_pairs)

    def exhaustive(self, classes: Classes) -> bool:
        """See `TripletMiner.exhaustive`."""
        return False
