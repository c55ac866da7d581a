"""Every triplet of a batch."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.triplets import TripletMiner, Triplets
from keras_siamese.ops.numerics import count_true
from keras_siamese.ops.positives import Classes, find_positives


@keras.saving.register_keras_serializable(package="keras_siamese")
class BatchAllMiner(TripletMiner):
    """Every (anchor, positive, negative): `B (K - 1) (B - K)` triplets of a P x K batch.

    `TripletLoss` with a margin in numbers counts them and never lists them. Listed, as for other
    losses, they take `B^2 (K - 1)` memory: fit for batches up to about a thousand. Most triplets of
    a trained network are easy, so take the mean over those with a loss: `reduction="mean_nonzero"`.

    Reference: [Hermans et al., 2017](https://arxiv.org/abs/1703.07737), equation 6.
    """

    name: ClassVar[str] = "batch_all"

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
        different = ops.logical_not(classes.matches(classes.rows))
        mask = ops.logical_and(positives.mask[:, :, None], different[:, None, :])
        index = ops.arange(ops.shape(different)[1], dtype="int32")
        shape = ops.shape(mask)
        positive, negative, mask = (
            ops.reshape(ops.broadcast_to(x, shape), (shape[0], -1))
            for x in (positives.candidate[:, :, None], index, mask)
        )
        return Triplets(positive, negative, mask, count_true(positives.mask))

    def exhaustive(self, classes: Classes) -> bool:
        """See `TripletMiner.exhaustive`."""
        return True
