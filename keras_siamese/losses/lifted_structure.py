"""Lifted structure loss, as in its paper and generalised."""

from typing import Any

import keras
from keras import ops

from keras_siamese import miners
from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import AnchorLoss, has_both
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of
from keras_siamese.miners import Miner, PairMiner, Pairs
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_logsumexp


@keras.saving.register_keras_serializable(package="keras_siamese")
class LiftedStructureLoss(AnchorLoss):
    """Lifted structure loss: each positive pair against all negatives of both of its ends.

    For a positive pair `(i, j)`, negatives `k` of `i` and `l` of `j`, and distance `d`:
    `J = log(sum_k exp(margin - d_ik) + sum_l exp(margin - d_jl)) + d_ij` and
    `loss(i, j) = max(0, J)^2 / 2`. Negatives of a candidate `j` are the anchors that it does not
    match, so a second set is compared from both sides. A pair without any negative has no loss.
    Collapsed embeddings, with N negatives each: `max(0, margin + log(2 N))^2 / 2`.

    Args:
        margin: Positive float in units of `distance`, `alpha` in the paper. Defaults to 1.0.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        miner: A `PairMiner`: which pairs of a labelled batch. None: all.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `margin` is not positive or beyond the greatest distance, if `miner` is
        no `PairMiner`, or if called on pairs or triplets.

    Example: Distances 0.6 (match), 0.8 and 1.4: `J = log(exp(0.2) + exp(-0.4)) + 0.6 = 1.2375`.

        >>> loss = LiftedStructureLoss(margin=1.0)
        >>> round(float(loss([0, 0, 1], [[0.0], [0.6], [-0.8]])), 4)
        0.7657

    Formula: `max(0, d_ij + log(sum_k exp(margin - d_ik) + sum_l exp(margin - d_jl)))^2 / 2`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Song et al., 2016](https://arxiv.org/abs/1511.06452), equation 4.

    Elsewhere: pytorch-metric-learning `LiftedStructureLoss`; tensorflow-addons `LiftedStructLoss`.
    """

    miner: PairMiner | None

    def __init__(
        self,
        margin: float = 1.0,
        distance: str | Distance = "euclidean",
        miner: str | Miner | None = None,
        **kwargs: Any,
    ) -> None:
        miner = None if miner is None else miners.get(miner, PairMiner)
        margin = check_positive("margin", margin)
        super().__init__(margin=margin, distance=distance, miner=miner, **kwargs)

    def tuples_of_triplets(self, num_anchors: Any) -> Pairs:
        """See `TupleLoss.tuples_of_triplets`: the other end of a pair would have no negative."""
        return TupleLoss.tuples_of_triplets(self, num_anchors)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        # Of the anchors, (num_anchors, 1), and of the candidates, (1, num_candidates).
        ends = [
            masked_logsumexp(self.margin - x, negative, axis=axis, keepdims=True) for axis in (1, 0)
        ]
        # Not `logaddexp`, whose gradient is one-sided where the two are equal.
        most = ops.stop_gradient(ops.maximum(*ends))
        both = most + ops.log(sum(ops.exp(end - most) for end in ends))
        has_negative = ops.logical_or(
            *(ops.any(negative, axis=axis, keepdims=True) for axis in (1, 0))
        )
        values = 0.5 * ops.square(ops.relu(both + x))
        return losses_of(values, ops.logical_and(positive, has_negative))


@keras.saving.register_keras_serializable(package="keras_siamese")
class GeneralizedLiftedStructureLoss(AnchorLoss):
    """Lifted structure loss of an anchor: all its positives against all its negatives.

    For anchor `a`, positives `p`, negatives `n` and distance `d`:
    `loss(a) = max(0, log(sum_p exp(d_ap)) + log(sum_n exp(margin - d_an)))`: a smooth form of the
    batch-hard triplet loss, of which it is an upper bound. An anchor without a positive or a
    negative has no loss. Collapsed embeddings, with P positives and N negatives each:
    `max(0, margin + log(P N))`.

    Args:
        margin: Positive float in units of `distance`. Defaults to 1.0.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        **kwargs: `miner`, `reduction`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `margin` is not positive or beyond the greatest distance, or if called on
        pairs.

    Example: Distances 0.6 (match), 0.8 and 1.4: `0.6 + 1 - 0.8` and `0.6 + 1 - 1.4`; the third
        point has no positive.

        >>> loss = GeneralizedLiftedStructureLoss(margin=1.0)
        >>> round(float(loss([0, 0, 1], [[0.0], [0.6], [-0.8]])), 4)
        0.5

    Formula: `max(0, log(sum_p exp(d_ap)) + log(sum_n exp(margin - d_an)))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Hermans et al., 2017](https://arxiv.org/abs/1703.07737), section 2.

    Elsewhere: pytorch-metric-learning `GeneralizedLiftedStructureLoss`.
    """

    def __init__(
        self, margin: float = 1.0, distance: str | Distance = "euclidean", **kwargs: Any
    ) -> None:
        margin = check_positive("margin", margin)
        super().__init__(margin=margin, distance=distance, **kwargs)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        far = masked_logsumexp(x, positive, axis=1, keepdims=True)
        near = masked_logsumexp(self.margin - x, negative, axis=1, keepdims=True)
        return losses_of(ops.relu(far + near), has_both(positive, negative))
