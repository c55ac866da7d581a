"""Angular loss."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese import miners
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of
from keras_siamese.miners import Miner, PairMiner, Pairs, Triplets, all_pairs, pairs_of_triplets
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.positives import Classes


@keras.saving.register_keras_serializable(package="keras_siamese")
class AngularLoss(TupleLoss):
    """Angular loss: bounds the angle at the negative in the triangle of a triplet.

    For anchor `a`, positive `p`, the anchor's negatives `n`, unit vectors `x` and
    `t = tan(alpha)^2`:
    `loss(a, p) = log(1 + sum_n exp(4 t (x_a + x_p).x_n - 2 (1 + t) x_a.x_p))`. An anchor without a
    positive or without a negative has no loss. Collapsed embeddings give
    `log(1 + number of negatives * exp(6 t - 2))`.

    Args:
        alpha: Bound of the angle in degrees, above 0 and below 70. The paper finds 36 to 55 to
            work, and 45 best on most data. Defaults to 45.0.
        miner: Which pairs of a labelled batch: name or object of a `PairMiner`, see
            `keras_siamese.miners`. None: all.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`. The
            embeddings are always normalised.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `alpha` is out of range, or `miner` is no `PairMiner`.

    Example: Cosines 0.6 to the positive, and 0 and 0.8 to the negative:
        `log(1 + exp(4 * (0 + 0.8) - 4 * 0.6))` for both anchors.

        >>> loss = AngularLoss(alpha=45.0)
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])), 4)
        1.1711

    Formula: `log(1 + sum_n exp(4 t (x_a + x_p).x_n - 2 (1 + t) x_a.x_p)), t = tan(alpha)^2`

    Cost: O(B^2 D + B^3) time, the latter in one matrix product, O(B^2) memory.

    Reference: [Wang et al., 2017](https://arxiv.org/abs/1708.01682), section 3. Deviation: in a
        labelled batch, every item is an anchor, with each of its positives, and all items of other
        classes are its negatives.

    Elsewhere: pytorch-metric-learning `AngularLoss` (alpha 40 by default; it does not normalise the
        negatives).
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None, "distance": "cosine"}

    def __init__(
        self, alpha: float = 45.0, miner: str | Miner | None = None, **kwargs: Any
    ) -> None:
        miner = None if miner is None else miners.get(miner, PairMiner)
        super().__init__(miner=miner, **kwargs)
        # Below 70, the exponentials of `tuple_losses` are far within float32.
        self.alpha = check_positive("alpha", alpha, below=70.0)

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Pairs:
        """See `TupleLoss.find_tuples`."""
        if self.miner is None:
            return all_pairs(classes)
        return self.miner.mine(
            anchors, candidates, classes, distance=self.distance, margin=self.margin
        )

    def tuples_of_triplets(self, num_anchors: Any) -> Pairs:
        """See `TupleLoss.tuples_of_triplets`."""
        index = ops.arange(num_anchors, dtype="int32")[:, None]
        mask = ops.ones_like(index, dtype="bool")
        return pairs_of_triplets(Triplets(index, index + num_anchors, mask, num_anchors))

    def tuple_losses(
        self, tuples: Pairs, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        t = math.tan(math.radians(self.alpha)) ** 2
        # The sum over n of exp(4 t x_a.x_n) exp(4 t x_p.x_n) is a product of matrices. No factor
        # needs a shift: cosines are bounded, and so are the exponents, by 4 t < 31.
        if exhaustive:  # Slots are candidates in order.
            s = self.distance.pairwise_similarity(anchors, candidates)
            between = self.distance.pairwise_similarity(candidates, candidates)
        else:
            slots = ops.take(candidates, tuples.candidate, axis=0)
            s = self.distance.paired_similarity(anchors[:, None, :], slots)
            between = self.distance.paired_similarity(slots[:, :, None, :], slots[:, None, :, :])
        of_negatives = ops.where(tuples.negative, ops.exp(4 * t * s), 0.0)
        from_positives = ops.exp(4 * t * between)  # symmetric
        if exhaustive:
            total = ops.matmul(of_negatives, from_positives)
        else:
            total = ops.sum(of_negatives[:, None, :] * from_positives, axis=-1)
        found = ops.any(tuples.negative, axis=1, keepdims=True)
        values = ops.softplus(ops.log(ops.where(found, total, 1.0)) - 2 * (1 + t) * s)
        return losses_of(values, ops.logical_and(tuples.positive, found))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "alpha": self.alpha}
